// Console clients under test: on streams in this process, or as processes of their own.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { PassThrough, type Readable, Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { type Io, run } from '../../cli/index.ts';
import { afterwards, type Person, stateOf, until } from '../harness.ts';

export const root = join(import.meta.dirname, '..', '..');

export type Client = {
  /** All of standard output so far. */
  output(): string;
  /** All of standard error so far. */
  errors(): string;
  type(text: string): void;
  /** Ends the client's input. */
  end(): void;
  /** Asks the client to end, as the system would. */
  stop(signal?: NodeJS.Signals): void;
  /** The exit code; null if a signal ended the process. */
  exit: Promise<number | null>;
  ended(): boolean;
};

export type ClientEvent = { event: string; [field: string]: unknown };

/** @returns what a stream has given so far */
function collect(stream: Readable): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return () => text;
}

/** A stream that keeps what is written, at once. */
function sheet(): [Writable, () => string] {
  let text = '';
  const write = (chunk: Buffer, _encoding: string, done: () => void): void => {
    text += chunk.toString('utf8');
    done();
  };
  return [new Writable({ write }), () => text];
}

/** Runs the client in this process; ended after the test. */
export function startHere(args: string[], io: Partial<Io> = {}): Client {
  const input = new PassThrough();
  const [[output, readOutput], [errors, readErrors]] = [sheet(), sheet()];
  const end = new AbortController();
  let ended = false;
  const exit = run(args, { input, output, errors, signal: end.signal, ...io }).finally(() => (ended = true));
  afterwards(async () => {
    end.abort();
    await exit;
  });
  return {
    output: readOutput,
    errors: readErrors,
    type: (text) => void input.write(text),
    end: () => void input.end(),
    stop: () => end.abort(),
    exit,
    ended: () => ended,
  };
}

/** Runs a program of this project on this Node.js; killed after the test unless it ended before. */
export function startProcess(args: string[], environment: NodeJS.ProcessEnv = process.env): Client {
  const child = spawn(process.execPath, args, { cwd: root, env: environment });
  let ended = false;
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve)).finally(
    () => (ended = true),
  );
  afterwards(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  return {
    output: collect(child.stdout),
    errors: collect(child.stderr),
    type: (text) => void child.stdin.write(text),
    end: () => void child.stdin.end(),
    stop: (signal = 'SIGTERM') => void child.kill(signal),
    exit,
    ended: () => ended,
  };
}

/** Every JSON line so far. A line that is none fails the test. */
export function events(client: Client): ClientEvent[] {
  const lines = client.output().split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as ClientEvent);
}

/** Gives a command as a JSON line. */
export function tell(client: Client, command: Record<string, unknown>): void {
  client.type(`${JSON.stringify(command)}\n`);
}

/** Waits for an event with these fields. */
export async function heard(client: Client, fields: Partial<ClientEvent>): Promise<ClientEvent> {
  const find = () =>
    events(client).find((event) => Object.entries(fields).every(([name, value]) => event[name] === value));
  await until(() => find() ?? client.ended());
  const event = find();
  if (event) return event;
  throw new Error(`It ended without ${JSON.stringify(fields)}:\n${client.output()}${client.errors()}`);
}

/** Standard output without its colours. */
export const plain = (client: Client): string => stripVTControlCharacters(client.output());

/** Waits for a text on standard output. */
export async function printed(client: Client, text: string): Promise<void> {
  await until(() => plain(client).includes(text) || client.ended());
  if (!plain(client).includes(text)) {
    throw new Error(`It ended without "${text}":\n${client.output()}${client.errors()}`);
  }
}

/** Waits until a client has told the sender of a message that it has it: it may have been read by then, too. */
export async function acknowledged(sender: Person, to: string, text: string): Promise<void> {
  await until(async () => ['delivered', 'read'].includes(String(await stateOf(sender, to, text))));
}
