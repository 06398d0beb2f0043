// The relay that this computer hosts: the bundled program in a process of its own, watched, and started again when it
// ends by itself.
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import { utilityProcess, type UtilityProcess } from 'electron';
import * as z from 'zod/mini';
import { Failure, type FailureCode, localFailures } from '../protocol/failures.ts';
import { decodeInvite } from '../protocol/links.ts';

export type RelayState = {
  /** failed: it has ended by itself, and is started again in a moment. */
  state: 'off' | 'starting' | 'on' | 'failed';
  failure: Failure | null;
  port: number;
  /** host:port of this computer, where others reach it; they change with its networks. */
  addresses: string[];
  /** SHA-256 of its TLS public key, 32 bytes; null before it listens. */
  key: Buffer | null;
  /** Users who are signed in. */
  connected: number;
  /** Messages that wait for their recipients, and their envelopes' bytes. */
  messages: number;
  bytes: number;
  /** Since when it listens, milliseconds since 1970. */
  since: number | null;
};
type Events = { changed: [] };

const LOG_LINES = 200;
/** How often the relay looks how it is, seconds. */
const REPORT_S = 2;
const START_MS = 30_000;
/** How long a relay may take to commit what is pending. */
const STOP_MS = 5000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
/** A relay that ran for this long has started well: the pauses begin anew. */
const GOOD_MS = 60_000;

const Line = z.discriminatedUnion('event', [
  z.object({ event: z.literal('listening'), invite: z.string() }),
  z.object({ event: z.literal('failed'), code: z.enum(localFailures), message: z.string() }),
  z.object({
    event: z.literal('report'),
    ...{ connected: z.int(), messages: z.int(), bytes: z.int(), addresses: z.array(z.string()) },
  }),
]);

const asleep = { addresses: [], key: null, connected: 0, messages: 0, bytes: 0, since: null };

export class HostedRelay extends EventEmitter<Events> {
  readonly #program: string;
  readonly #data: string;
  #child: UtilityProcess | undefined;
  /** Whether it is to run, whatever happens to it. */
  #isWanted = false;
  #pause = FIRST_PAUSE_MS;
  #again: NodeJS.Timeout | undefined;
  #log: string[] = [];
  #state: RelayState = { state: 'off', failure: null, port: 0, ...asleep };

  /** @param program the bundled relay @param data its data folder; made when it first starts */
  constructor(program: string, data: string) {
    super();
    this.#program = program;
    this.#data = data;
  }

  get state(): RelayState {
    return this.#state;
  }

  /** The last lines of its log, the oldest first. */
  get log(): string[] {
    return this.#log;
  }

  /** Starts the relay, and keeps it running from then on, whether it can start now or not. On another port it starts
   * anew. @throws Failure why it does not listen */
  async start(port: number): Promise<void> {
    if (this.#isWanted && port === this.#state.port && this.#state.state === 'on') return;
    await this.stop();
    this.#isWanted = true;
    this.#change({ port });
    const limit = AbortSignal.timeout(START_MS);
    this.#run();
    try {
      while (this.#state.state === 'starting') await once(this, 'changed', { signal: limit });
    } catch (cause) {
      throw new Failure('timeout', 'The relay takes too long to start. Try again.', { cause });
    }
    if (this.#state.state !== 'on') throw this.#state.failure ?? ended(0);
  }

  /** Ends it, for good; what it has taken in is stored. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    clearTimeout(this.#again);
    this.#pause = FIRST_PAUSE_MS;
    const child = this.#child;
    this.#child = undefined;
    this.#change({ state: 'off', failure: null, ...asleep });
    if (!child) return;
    const gone = once(child, 'exit', { signal: AbortSignal.timeout(STOP_MS) });
    // Before it is there, it can't be ended.
    if (child.pid === undefined) child.once('spawn', () => child.kill());
    else child.kill();
    await gone.catch(() => console.error('The relay does not end by itself.'));
  }

  /** Runs another command of the relay's program on its folder, to its end.
   * @throws Failure `command-invalid` with the program's own sentence */
  async command(...args: string[]): Promise<void> {
    const child = this.#fork([...args, '--data', this.#data]);
    let said = '';
    child.stderr?.on('data', (text: Buffer) => (said += text.toString()));
    const [code] = (await once(child, 'exit')) as [number];
    if (code === 0) return;
    const sentence = /^signet-relay: (.*)$/m.exec(said)?.[1];
    throw sentence === undefined ? ended(code) : new Failure('command-invalid', sentence);
  }

  #fork(args: string[]): UtilityProcess {
    // What an administrator has set for a server of his own isn't meant for this one.
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith('SIGNET_RELAY_'));
    const child = utilityProcess.fork(this.#program, args, {
      serviceName: 'Signet relay',
      stdio: 'pipe',
      env: Object.fromEntries(own),
    });
    // It exits after that, which is dealt with where it was started.
    child.on('error', (type, location) => console.error(`The relay has met a ${type} at ${location}.`));
    return child;
  }

  #run(): void {
    const listen = ['--port', `${this.#state.port}`, '--data', this.#data, '--report', `${REPORT_S}`];
    const child = this.#fork(['serve', '--json', ...listen]);
    const since = performance.now();
    let failure: Failure | undefined;
    this.#child = child;
    this.#change({ state: 'starting', failure: null, ...asleep });
    const onLine = (line: string): void => {
      const heard = z.safeParse(Line, parse(line));
      if (!heard.success || child !== this.#child) return;
      if (heard.data.event === 'failed') failure = new Failure(heard.data.code, heard.data.message);
      else this.#hear(heard.data);
    };
    if (child.stdout) createInterface({ input: child.stdout }).on('line', onLine);
    if (child.stderr) {
      createInterface({ input: child.stderr }).on('line', (line) => {
        this.#log = [...this.#log, line].slice(-LOG_LINES);
      });
    }
    child.once('exit', (code) => {
      if (child !== this.#child) return;
      this.#child = undefined;
      if (performance.now() - since > GOOD_MS) this.#pause = FIRST_PAUSE_MS;
      this.#again = setTimeout(() => this.#run(), this.#pause);
      this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE_MS);
      this.#change({ state: 'failed', failure: failure ?? ended(code), ...asleep });
    });
  }

  #hear(heard: Exclude<z.output<typeof Line>, { event: 'failed' }>): void {
    if (heard.event === 'report') {
      const { connected, messages, bytes, addresses } = heard;
      return this.#change({ connected, messages, bytes, addresses });
    }
    const { relays, relayKey: key } = decodeInvite(heard.invite);
    this.#change({ state: 'on', failure: null, addresses: relays, key, since: Date.now() });
  }

  #change(change: Partial<RelayState>): void {
    this.#state = { ...this.#state, ...change };
    this.emit('changed');
  }
}

const ended = (code: number): Failure =>
  new Failure(
    'relay-ended' satisfies FailureCode,
    `The relay has ended by itself (code ${code}). Its log may say why.`,
  );

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
