// Chromium as a child process, spoken to over the two pipes of --remote-debugging-pipe: it ends when they close.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Duplex } from 'node:stream';
// The package doesn't export them; being types, they leave no trace.
import type { Protocol } from '../../node_modules/playwright-core/types/protocol.js';

export type { Protocol };
type Commands = Protocol.CommandParameters;
type Results = Protocol.CommandReturnValues;
export type Events = Protocol.Events;

/** Where Chromium is: SIGNET_CHROMIUM, or one of the usual names on the PATH. */
export function findChromium(): string {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const folders = ['/usr/bin', ...(process.env.PATH ?? '').split(delimiter)];
  const places = folders.flatMap((folder) => names.map((name) => join(folder, name)));
  const found = process.env.SIGNET_CHROMIUM ?? places.find((place) => existsSync(place));
  if (!found) throw new Error('No Chromium was found. Install it, or name its program in SIGNET_CHROMIUM.');
  return found;
}

/** With its whole group: a process of Chromium's that lives a moment longer would write into its profile again. */
export function endChromium(pid: number): void {
  for (const target of [-pid, pid])
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // it has ended already, or there are no groups here
    }
}

/** One attached target of Chromium, or (without an id) Chromium itself. */
export class Session {
  readonly id: string | undefined;
  readonly #chromium: Chromium;
  readonly #listeners = new Map<string, ((event: never) => void)[]>();

  constructor(chromium: Chromium, id?: string) {
    this.#chromium = chromium;
    this.id = id;
  }

  send<T extends keyof Commands & keyof Results>(method: T, params?: Commands[T]): Promise<Results[T]> {
    return this.#chromium.send(method, params, this.id) as Promise<Results[T]>;
  }

  on<T extends keyof Events>(event: T, listener: (event: Events[T]) => void): void {
    const listeners = this.#listeners.get(event) ?? [];
    this.#listeners.set(event, [...listeners, listener]);
  }

  deliver(event: string, params: unknown): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(params as never);
  }
}

/** Of what Chromium writes, its last words are kept. */
const SAID_CHARS = 2000;
const SAID_MS = 1000;

export type ChromiumOptions = { profile: string; headless: boolean; args?: string[] };

export class Chromium {
  readonly browser = new Session(this);
  readonly pid: number | undefined;
  /** What it wrote to standard error last, and why it ended. */
  readonly ended: Promise<string>;
  readonly #write: (text: string) => void;
  readonly #waiting = new Map<
    number,
    { resolve: (result: unknown) => void; reject: (error: Error) => void }
  >();
  readonly #sessions = new Map<string | undefined, Session>([[undefined, this.browser]]);
  #next = 1;

  constructor({ profile, headless, args = [] }: ChromiumOptions) {
    const quiet = ['background-networking', 'component-update', 'sync', 'quic', 'gpu', 'default-apps'];
    const child = spawn(
      findChromium(),
      [
        ...(headless ? ['--headless', '--hide-scrollbars', '--mute-audio'] : []),
        ...(process.getuid?.() === 0 ? ['--no-sandbox', '--test-type'] : []),
        ...quiet.map((name) => `--disable-${name}`),
        ...[
          '--keep-alive-for-test',
          '--disable-dev-shm-usage',
          '--disable-popup-blocking',
          '--disable-search-engine-choice-screen',
        ],
        ...['--disable-features=Translate,MediaRouter,OptimizationHints', '--force-color-profile=srgb'],
        ...['--no-first-run', '--no-default-browser-check', '--no-service-autorun', '--password-store=basic'],
        // Nothing leaves this machine, whatever a page asks for: everything, this computer included, is behind a proxy
        // that doesn't exist. (Rules for names would do it too, but Chromium shows a warning about that flag.)
        ...['--proxy-server=socks5://127.0.0.1:1', '--proxy-bypass-list=<-loopback>'],
        ...['--dns-prefetch-disable', '--no-pings'],
        // Playwright comes through the port; the pipe is the app's own, and ends Chromium with it.
        ...['--remote-debugging-pipe', '--remote-debugging-port=0', `--user-data-dir=${profile}`],
        ...args,
      ],
      { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'], detached: true },
    );
    this.pid = child.pid;
    const [, , , input, output] = child.stdio as unknown as Duplex[];
    input!.on('error', () => {}); // it was closed in between
    this.#write = (text) => void input!.write(`${text}\0`);
    let rest = '';
    output!.setEncoding('utf8').on('data', (chunk: string) => {
      const texts = (rest + chunk).split('\0');
      rest = texts.pop()!;
      for (const text of texts) this.#receive(JSON.parse(text) as Incoming);
    });
    process.once('exit', () => child.pid && endChromium(child.pid)); // by itself it takes a second
    let said = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-SAID_CHARS)));
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(String(error)));
      child.once('exit', (code, signal) => {
        const end = (): void => resolve(`${said.trim()}\n(${signal ?? `exit code ${code}`})`);
        // The reason may come after the exit; other processes of Chromium's may keep standard error open.
        child.stderr!.once('end', end);
        setTimeout(end, SAID_MS).unref();
      });
    });
  }

  /** Rejects with Chromium's words; never settles if the page, or Chromium, ends first. */
  send(method: string, params: unknown = {}, sessionId?: string): Promise<unknown> {
    const id = this.#next++;
    this.#write(JSON.stringify({ id, method, params, sessionId }));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  session(id: string): Session {
    const session = new Session(this, id);
    this.#sessions.set(id, session);
    return session;
  }

  #receive({ id, method, params, result, error, sessionId }: Incoming): void {
    if (id === undefined) return this.#sessions.get(sessionId)?.deliver(method!, params);
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error && gone.test(error.message)) return;
    if (error) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result);
  }
}

/** The page has gone, and with it whoever asked. */
const gone = /^(Session with given id not found|Inspected target navigated or closed|Target closed)/;

type Incoming = {
  id?: number;
  method?: string;
  params?: unknown;
  result?: unknown;
  error?: { message: string };
  sessionId?: string;
};
