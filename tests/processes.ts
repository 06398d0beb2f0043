// Relay and console clients as real processes, spoken to in JSON lines, and killed without mercy.
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterwards } from './harness.ts';

const root = join(import.meta.dirname, '..');

export type Event = { event: string } & Record<string, unknown>;

export type Surroundings = {
  /** File that takes standard error. */
  log?: string;
  /** No file may grow beyond this. */
  fileLimitKiB?: number;
};

/** A program of ours that prints one JSON object a line. */
export class Program {
  readonly events: Event[] = [];
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;
  readonly #listeners = new Set<(event: Event) => void>();

  constructor(script: string, args: string[], { log, fileLimitKiB }: Surroundings = {}) {
    // The signal that comes with the limit would end the program; ignored, it leaves the failed write.
    const limit = fileLimitKiB
      ? ['bash', '-c', `trap "" XFSZ; ulimit -f ${fileLimitKiB}; exec "$@"`, 'bash']
      : [];
    const [program, ...rest] = [...limit, process.execPath, join(root, script), ...args];
    this.#child = spawn(program!, rest, {
      stdio: ['pipe', 'pipe', log ? 'pipe' : 'inherit'],
    });
    if (log) this.#child.stderr!.pipe(createWriteStream(log, { flags: 'a' }));
    // A program that was killed no longer reads.
    this.#child.stdin!.on('error', () => {});
    this.#exit = new Promise((resolve) => this.#child.once('exit', resolve));
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      const event = JSON.parse(line) as Event;
      this.events.push(event);
      for (const listener of this.#listeners) listener(event);
    });
    afterwards(() => this.kill());
  }

  tell(command: Record<string, unknown>): void {
    this.#child.stdin!.write(`${JSON.stringify(command)}\n`);
  }

  on(listener: (event: Event) => void): void {
    this.#listeners.add(listener);
  }

  /** The first event that fits, from the past or to come. */
  wait(fits: (event: Event) => boolean): Promise<Event> {
    const past = this.events.find(fits);
    if (past) return Promise.resolve(past);
    return new Promise((resolve, reject) => {
      const listener = (event: Event): void => {
        if (!fits(event)) return;
        this.#listeners.delete(listener);
        resolve(event);
      };
      this.#listeners.add(listener);
      void this.#exit.then((code) =>
        reject(new Error(`it ended with ${code}: ${JSON.stringify(this.events.at(-1))}`)),
      );
    });
  }

  /** Sends a command and waits for the next event that answers it. */
  async ask(command: Record<string, unknown>, fits: (event: Event) => boolean): Promise<Event> {
    const seen = this.events.length;
    this.tell(command);
    return this.wait((event) => this.events.indexOf(event) >= seen && fits(event));
  }

  /** kill -9, or another signal. @returns the exit code */
  kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    this.#child.kill(signal);
    return this.#exit;
  }
}

/** @param port 0 for any */
export function spawnRelay(data: string, port: number, surroundings?: Surroundings): Program {
  const args = ['--json', '--host', '127.0.0.1', '--port', String(port), '--data', data];
  return new Program('relay/index.ts', args, surroundings);
}

/** A console client that accepts whoever writes to it. */
export function spawnChat(
  profile: string,
  name: string,
  invite: string,
  surroundings?: Surroundings,
): Program {
  const args = ['--json', '--profile', profile, '--name', name, '--invite', invite];
  const chat = new Program('cli/index.ts', args, surroundings);
  chat.on(({ event, request, from }) => {
    if (event === 'message' && request) chat.tell({ do: 'acceptRequest', with: from });
  });
  return chat;
}
