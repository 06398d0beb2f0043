// One connection to the relay, as long as it lasts: requests and their answers, what is delivered, and a heartbeat.
import { WebSocket } from 'ws';
import { Failure } from '../../protocol/failures.ts';
import { MAX_FRAME_BYTES } from '../../protocol/fields.ts';
import {
  type ClientFrame,
  encodeClientFrame,
  parseRelayFrame,
  type RelayFrame,
} from '../../protocol/frames.ts';
import { dial } from './dial.ts';

type WithoutId<Frame> = Frame extends { id: number } ? Omit<Frame, 'id'> : never;
type Request = WithoutId<ClientFrame>;
type Answer<Type extends RelayFrame['type']> = Extract<RelayFrame, { type: Type }>;
/** Asks the relay; the answer has to be of the given type. @throws Failure the relay's, `offline`, or `timeout` */
export type Ask = <Type extends RelayFrame['type']>(request: Request, type: Type) => Promise<Answer<Type>>;

/** What hears the relay. */
export type Ear = {
  deliver: (from: string, envelope: Buffer) => void;
  /** What the relay complains of, or sends against the protocol, without having been asked. */
  failure: (failure: Failure) => void;
};

const ANSWER_TIMEOUT_MS = 20_000;
/** A ping each 15 s, an answer within 15 s: a dead peer is noticed in 30 s. */
const HEARTBEAT_MS = 15_000;

export const offline = (): Failure => new Failure('offline', 'There is no connection to the relay now.');
export const cutOff = (cause?: unknown): Failure =>
  new Failure(
    'relay-unreachable',
    'The relay ended the connection before the sign-in was done. Try again in a while; if it stays so, look at its log.',
    { cause },
  );
/** It has the right key, and doesn't answer. */
export const silent = (): Failure =>
  new Failure(
    'timeout',
    'The relay takes the connection, but does not answer. Try again in a while; if it stays so, restart the relay.',
  );

export class Session {
  /** When it has ended. */
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #ear: Ear;
  readonly #asked = new Map<number, (frame: RelayFrame | Failure) => void>();
  #lastId = 0;
  #reason = '';
  #isLeft = false;

  /** @param relays host:port each, of one relay @param relayKey SHA-256 of its TLS public key, 32 bytes
   * @throws Failure those of dial(), `timeout`, `not-a-relay`, `relay-unreachable` */
  static async open(relays: string[], relayKey: Buffer, ear: Ear): Promise<Session> {
    const tls = await dial(relays, relayKey);
    const socket = new WebSocket('wss://relay/', {
      createConnection: () => tls,
      perMessageDeflate: false,
      maxPayload: MAX_FRAME_BYTES,
    });
    await upgrade(socket);
    return new Session(socket, ear);
  }

  private constructor(socket: WebSocket, ear: Ear) {
    this.#socket = socket;
    this.#ear = ear;
    socket.on('error', () => socket.terminate());
    // ws hands over one Buffer a message, unless told otherwise.
    socket.on('message', (data: Buffer, isBinary) => this.#receive(isBinary ? '' : data.toString('utf8')));
    this.closed = new Promise((resolve) => {
      socket.once('close', (_code, told) => {
        this.#reason = told.toString();
        // Whoever waits for an answer, as the sign-in does, needn't wait until the time has run out.
        this.#forsake();
        resolve();
      });
    });
    watch(socket);
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Why the relay has ended it, if it said so: one of its failure codes, as a rule. */
  get reason(): string {
    return this.#reason;
  }

  readonly ask: Ask = (request, type) => {
    if (!this.isOpen) return Promise.reject(offline());
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        settle(new Failure('timeout', 'The relay did not answer in time. Connecting anew.'));
        this.end();
      }, ANSWER_TIMEOUT_MS);
      const settle = (answer: RelayFrame | Failure): void => {
        clearTimeout(timer);
        this.#asked.delete(id);
        if (answer instanceof Failure) return reject(answer);
        if (answer.type === 'failure') return reject(Failure.fromRelay(answer.code));
        if (answer.type === type) return resolve(answer as Answer<typeof type>);
        reject(
          new Failure(
            'not-a-relay',
            'The relay answered something else than what it was asked. It may be of another version: update the older one.',
          ),
        );
        this.end();
      };
      this.#asked.set(id, settle);
      this.#socket.send(encodeClientFrame({ ...request, id }));
    });
  };

  /** Tells the relay that a message is on this disk. @param message id, 16 bytes */
  acknowledge(from: string, message: Buffer): void {
    this.#socket.send(encodeClientFrame({ type: 'acknowledge', from, message }));
  }

  /** Stops reading while too much waits to be opened. */
  setReading(reading: boolean): void {
    if (reading) this.#socket.resume();
    else this.#socket.pause();
  }

  /** Ends it at once. */
  end(): void {
    this.#socket.terminate();
  }

  /** Says goodbye, and hears nothing more. The relay may be gone: its answer isn't waited for. */
  leave(): void {
    this.#isLeft = true;
    this.#socket.close(1000);
    this.#forsake();
  }

  #receive(text: string): void {
    if (this.#isLeft) return;
    try {
      const frame = parseRelayFrame(text);
      if (frame.type === 'deliver') {
        this.#ear.deliver(frame.from, frame.envelope);
      } else if (frame.id !== undefined) {
        this.#asked.get(frame.id)?.(frame);
      } else if (frame.type === 'failure') {
        this.#ear.failure(Failure.fromRelay(frame.code));
      }
    } catch {
      this.#ear.failure(
        new Failure(
          'not-a-relay',
          'The relay sent something that is not in the protocol. It may be of another version: update the older one.',
        ),
      );
      this.end();
    }
  }

  /** Nothing that was asked will be answered any more. */
  #forsake(): void {
    for (const settle of [...this.#asked.values()]) settle(offline());
  }
}

/** From TLS to WebSocket. */
function upgrade(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => {
      reject(silent());
      socket.terminate();
    }, ANSWER_TIMEOUT_MS);
    socket.once('open', () => {
      clearTimeout(limit);
      resolve();
    });
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      clearTimeout(limit);
      if (cause.code === 'ECONNRESET') return reject(cutOff(cause));
      reject(
        new Failure(
          'not-a-relay',
          'What answers has the key of your relay, but is no Signet relay. Ask whoever runs the relay what else uses its key.',
          { cause },
        ),
      );
    });
  });
}

/** Ends a connection whose peer has gone silent. */
function watch(socket: WebSocket): void {
  let alive = true;
  const timer = setInterval(() => {
    // Paused, it can't hear an answer.
    if (socket.isPaused) return;
    if (!alive) return socket.terminate();
    alive = false;
    socket.ping();
  }, HEARTBEAT_MS);
  socket.on('pong', () => (alive = true));
  socket.on('message', () => (alive = true));
  socket.once('close', () => clearInterval(timer));
}
