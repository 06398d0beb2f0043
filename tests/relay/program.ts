// The relay's program as a process of its own, to be stopped, killed and starved.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { decodeInvite } from '../../protocol/links.ts';
import { main } from '../../relay/commands/program.ts';
import { afterwards, temporaryFolder } from '../harness.ts';

const program = fileURLToPath(new URL('../../relay/index.ts', import.meta.url));

type Ended = { code: number | null; signal: string | null; out: string; error: string };
export type Program = { child: ChildProcess; ended: Promise<Ended> };

/** Without the settings of whoever runs the tests. */
const surroundings = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('SIGNET_RELAY_')),
);

/** Starts the relay's program. @param before a command line that it is started by, if any
 * @param environment variables that are set besides */
export function run(
  args: string[],
  before: string[] = [],
  environment: Record<string, string> = {},
): Program {
  const [file = '', ...rest] = [...before, process.execPath, program, ...args];
  const child = spawn(file, rest, {
    cwd: temporaryFolder(),
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...surroundings, ...environment },
  });
  const texts = { out: '', error: '' };
  child.stdout.on('data', (data) => (texts.out += String(data)));
  child.stderr.on('data', (data) => (texts.error += String(data)));
  const ended = once(child, 'close').then((): Ended => ({
    code: child.exitCode,
    signal: child.signalCode,
    ...texts,
  }));
  afterwards(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, ended };
}

/** Runs a command within this process, where its lines are counted as tested; one at a time. */
export async function call(...args: string[]): Promise<Pick<Ended, 'code' | 'out' | 'error'>> {
  const texts = { out: '', error: '' };
  const spies = [
    vi.spyOn(console, 'log').mockImplementation((text) => void (texts.out += `${text}\n`)),
    vi.spyOn(console, 'error').mockImplementation((text) => void (texts.error += `${text}\n`)),
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((texts.out += String(text)))),
  ];
  try {
    return { code: await main(args), ...texts };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** Runs a command that has to succeed. @returns what it printed */
export async function done(...args: string[]): Promise<string> {
  const { code, out, error } = await call(...args);
  if (code !== 0 || error) throw new Error(`${args.join(' ')} ended with ${code}: ${error}`);
  return out;
}

/** Runs a command that has to fail, with nothing but one sentence. @returns the sentence */
export async function refused(...args: string[]): Promise<string> {
  const { code, out, error } = await call(...args);
  if (code !== 1 || out || !/^signet-relay: .+\n$/.test(error)) {
    throw new Error(`${args.join(' ')} ended with ${code}, and said ${JSON.stringify({ out, error })}`);
  }
  return error.slice('signet-relay: '.length, -1);
}

type Where = {
  /** null: not named. */ host?: string | null;
  port?: number;
  environment?: Record<string, string>;
};

/** A relay process, on IPv4 loopback unless told otherwise, that listens by now. */
export async function listening(
  data: string,
  before: string[] = [],
  { host = '127.0.0.1', port = 0, environment = {} }: Where = {},
): Promise<Program & { data: string; port: number; key: Buffer; addresses: string[] }> {
  const args = ['--json', ...(host === null ? [] : ['--host', host]), '--port', `${port}`, '--data', data];
  const started = run(args, before, environment);
  const lines = createInterface(started.child.stdout!);
  const line = await Promise.race([
    once(lines, 'line').then(([text]) => String(text)),
    started.ended.then(({ error }) => Promise.reject(new Error(error))),
  ]);
  const told = JSON.parse(line) as { event: string; port: number; invite: string };
  if (told.event !== 'listening') throw new Error(`not an announcement: ${line}`);
  const { relayKey, relays: addresses } = decodeInvite(told.invite);
  return { ...started, data, port: told.port, key: relayKey, addresses };
}

/** Ends a relay as its owner does. */
export async function stop({ child, ended }: Program): Promise<void> {
  child.kill('SIGTERM');
  await ended;
}
