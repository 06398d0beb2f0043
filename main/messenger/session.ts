// One connection to the relay, as long as it lasts: requests and their answers, what is delivered, and a heartbeat.
import { WebSocket } from 'ws';
import { Failure } from '../../protocol/failures.ts';
import { MAX_BATCH } from '../../protocol/frame-bodies.ts';
import {
  type Bodies,
  decodeFrame,
  encodeFrame,
  type Frame,
  type FrameOf,
  MAX_FRAME_BYTES,
} from '../../protocol/frames.ts';
import { dial } from './dial.ts';
import { RelayFailure } from './relay-failure.ts';

type Requests = 'hello' | 'login' | 'register' | 'publish' | 'lookup' | 'send';
type Answers = {
  hello: 'challenge';
  login: 'done';
  register: 'done';
  publish: 'done';
  lookup: 'bundle';
  send: 'accepted';
};
/** Asks the relay. `send` is answered once the envelope is on a disk; its answer says nothing more.
 * @throws RelayFailure; Failure `offline`, `timeout`, `not-a-relay` */
export type Ask = <Type extends Requests>(type: Type, body: Bodies[Type]) => Promise<FrameOf<Answers[Type]>>;

/** What is told of a session. */
export type SessionListener = {
  onDeliver: (position: number, envelope: Buffer) => void;
  /** What the relay complains of without having been asked, or sends against the protocol. */
  onFailure: (failure: Failure) => void;
};

const answerTypes: Answers = {
  hello: 'challenge',
  login: 'done',
  register: 'done',
  publish: 'done',
  lookup: 'bundle',
  send: 'accepted',
};
const ANSWER_TIMEOUT_MS = 20_000;
/** A ping each 15 s, an answer within 15 s: a dead peer is noticed in 30 s. */
const HEARTBEAT_MS = 15_000;
const MAX_REQUEST = 0xffff_ffff;

export const offline = (): Failure => new Failure('offline', 'There is no connection to the relay.');
export const cutOff = (cause?: unknown): Failure =>
  new Failure(
    'relay-unreachable',
    'The relay closed the connection before the sign-in was complete. Try again later; if this continues, look at its log.',
    { cause },
  );
/** It has the right key, and doesn't answer. */
export const silent = (): Failure =>
  new Failure(
    'timeout',
    "The relay accepted the connection but isn't responding. Try again later; if this continues, restart the relay.",
  );
const otherVersion = (): Failure =>
  new Failure(
    'not-a-relay',
    'The relay sent something that is not in the protocol. It may be another version: update the older one.',
  );

export class Session {
  /** When it has ended. */
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #listener: SessionListener;
  readonly #pending = new Map<number, (answer: Frame | Failure) => void>();
  #lastRequest = 0;
  #acknowledged: number[] = [];
  #reason = '';
  #isLeft = false;

  /** @param relays host:port each, of one relay @param relayKey SHA-256 of its TLS public key, 32 bytes
   * @throws Failure those of dial(), `timeout`, `not-a-relay`, `relay-unreachable` */
  static async open(relays: string[], relayKey: Buffer, listener: SessionListener): Promise<Session> {
    const tls = await dial(relays, relayKey);
    const socket = new WebSocket('wss://relay/', {
      createConnection: () => tls,
      perMessageDeflate: false,
      maxPayload: MAX_FRAME_BYTES,
    });
    await upgrade(socket);
    return new Session(socket, listener);
  }

  private constructor(socket: WebSocket, listener: SessionListener) {
    this.#socket = socket;
    this.#listener = listener;
    socket.on('error', () => socket.terminate());
    // ws hands over one Buffer a message, unless told otherwise.
    socket.on('message', (data: Buffer, isBinary) => this.#receive(isBinary ? data : Buffer.alloc(0)));
    this.closed = new Promise((resolve) => {
      socket.once('close', (_code, reason) => {
        this.#reason = reason.toString();
        // Whoever waits for an answer, as the sign-in does, needn't wait until the time has run out.
        this.#rejectPending();
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

  readonly ask: Ask = <Type extends Requests>(type: Type, body: Bodies[Type]) => {
    if (!this.isOpen) return Promise.reject(offline());
    const request = this.#nextRequest();
    return new Promise<FrameOf<Answers[Type]>>((resolve, reject) => {
      const timer = setTimeout(() => {
        settle(new Failure('timeout', 'The relay did not answer in time. Connecting again.'));
        this.end();
      }, ANSWER_TIMEOUT_MS);
      const settle = (answer: Frame | Failure): void => {
        clearTimeout(timer);
        this.#pending.delete(request);
        if (answer instanceof Failure) return reject(answer);
        if (answer.type === 'failure') return reject(new RelayFailure(answer));
        if (answer.type === answerTypes[type]) return resolve(answer as FrameOf<Answers[Type]>);
        reject(otherVersion());
        this.end();
      };
      this.#pending.set(request, settle);
      this.#socket.send(encodeFrame({ ...body, type, request } as unknown as Frame));
    });
  };

  /** Tells the relay that an envelope is on this disk; several in one frame where they come close together. */
  acknowledge(position: number): void {
    if (this.#acknowledged.length === 0) setImmediate(() => this.#sendAcknowledged());
    this.#acknowledged.push(position);
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
    this.#sendAcknowledged();
    this.#isLeft = true;
    this.#socket.close(1000);
    this.#rejectPending();
  }

  #nextRequest(): number {
    do this.#lastRequest = this.#lastRequest === MAX_REQUEST ? 1 : this.#lastRequest + 1;
    while (this.#pending.has(this.#lastRequest));
    return this.#lastRequest;
  }

  #sendAcknowledged(): void {
    while (this.#acknowledged.length > 0) {
      const positions = this.#acknowledged.splice(0, MAX_BATCH);
      if (this.isOpen) this.#socket.send(encodeFrame({ type: 'acknowledge', request: 0, positions }));
    }
  }

  #receive(bytes: Buffer): void {
    if (this.#isLeft) return;
    try {
      const frame = decodeFrame(bytes);
      // A push of a newer relay says nothing to this client; an answer of one can't be one.
      if (frame.type === 'unknown') return;
      if (frame.type === 'deliver') this.#listener.onDeliver(frame.position, frame.envelope);
      else if (frame.type === 'accepted')
        for (const request of frame.requests) this.#pending.get(request)?.(frame);
      else if (frame.request !== 0) this.#pending.get(frame.request)?.(frame);
      else if (frame.type === 'failure') this.#listener.onFailure(new RelayFailure(frame));
    } catch {
      this.#listener.onFailure(otherVersion());
      this.end();
    }
  }

  /** Nothing that was asked will be answered any more. */
  #rejectPending(): void {
    for (const settle of [...this.#pending.values()]) settle(offline());
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
          "The server has your relay's key but isn't a Signet relay. Ask the person who runs the relay what else uses its key.",
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
