// The connection to the relay: made again whenever it is lost, signed in, with requests and their answers.
import { EventEmitter } from 'node:events';
import { WebSocket } from 'ws';
import { Failure, type RelayFailureCode, relayFailures } from '../../protocol/failures.ts';
import { MAX_FRAME_BYTES } from '../../protocol/fields.ts';
import {
  type ClientFrame,
  encodeClientFrame,
  parseRelayFrame,
  type RelayFrame,
} from '../../protocol/frames.ts';
import { backoff } from './backoff.ts';
import { dial } from './dial.ts';

export type ConnectionState = 'connecting' | 'online' | 'offline';
/** final: no other attempt is made. */
export type Trouble = { failure: Failure; final: boolean };

type WithoutId<Frame> = Frame extends { id: number } ? Omit<Frame, 'id'> : never;
export type Request = WithoutId<ClientFrame>;
type Answer<Type extends RelayFrame['type']> = Extract<RelayFrame, { type: Type }>;
/** Asks the relay; the answer has to be of the given type. */
export type Ask = <Type extends RelayFrame['type']>(request: Request, type: Type) => Promise<Answer<Type>>;

type Events = {
  state: [ConnectionState];
  deliver: [from: string, envelope: Buffer];
  /** Why there is no connection, when the reason is a new one. */
  failure: [Failure];
};

type Options = {
  /** host:port, all of the relay's addresses. */
  relays: string[];
  /** SHA-256 of its TLS public key, 32 bytes. */
  relayKey: Buffer;
  /** Signs in on a new connection. A Failure in `final` ends all attempts. */
  signIn: (ask: Ask) => Promise<void>;
  final: (failure: Failure) => boolean;
  random?: () => number;
};

const ANSWER_TIMEOUT_MS = 20_000;
/** A ping each 15 s, an answer within 15 s: a dead peer is noticed in 30 s. */
const HEARTBEAT_MS = 15_000;
/** A connection that lasted this long was a good one: the backoff starts afresh, and any failure is told again. */
const GOOD_MS = 5000;

/** From here on the backoff has reached its cap. */
const PATIENT_ATTEMPT = 6;

const isRelayFailure = (reason: string): reason is RelayFailureCode => Object.hasOwn(relayFailures, reason);
const offline = (): Failure => new Failure('offline', 'There is no connection to the relay now.');
const cutOff = (cause?: unknown): Failure =>
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

export class Connection extends EventEmitter<Events> {
  readonly #options: Options;
  readonly #asked = new Map<number, (frame: RelayFrame | Failure) => void>();
  #socket: WebSocket | undefined;
  #state: ConnectionState = 'offline';
  #lastId = 0;
  #attempt = 0;
  #running = false;
  #retry: NodeJS.Timeout | undefined;
  #lastFailure: string | undefined;
  #trouble: Trouble | undefined;

  constructor(options: Options) {
    super();
    this.#options = options;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get online(): boolean {
    return this.#state === 'online';
  }

  /** Why there is no connection, if that is known; told as a failure only when it is a new one. */
  get trouble(): Trouble | undefined {
    return this.#trouble;
  }

  /** Connects, and keeps connecting until stop(). */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#connect();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#retry);
    this.#socket?.close(1000);
    // The relay may be gone: its answer to the closing handshake isn't waited for.
    this.#drop();
  }

  /** Ends this connection and makes another, so that what wasn't acknowledged is delivered again. */
  restart(): void {
    this.#socket?.terminate();
  }

  /** Where to look for the relay from the next attempt on: host:port each. */
  lookAt(relays: string[]): void {
    this.#options.relays = relays;
    this.#attempt = 0;
    this.#lastFailure = undefined;
  }

  /** Connects now, rather than when the next attempt is due. */
  hurry(): void {
    if (!this.#running || this.#state !== 'offline') return;
    clearTimeout(this.#retry);
    void this.#connect();
  }

  /** Stops reading while too much waits to be opened. */
  setReading(reading: boolean): void {
    if (reading) this.#socket?.resume();
    else this.#socket?.pause();
  }

  /** Sends a request. @throws Failure the relay's, `offline`, or `timeout` */
  readonly ask: Ask = (request, type) => {
    if (!this.online) return Promise.reject(offline());
    return this.#ask(request, type);
  };

  /** Tells the relay that a message is on this disk. @param message id, 16 bytes */
  acknowledge(from: string, message: Buffer): void {
    if (this.online) this.#socket?.send(encodeClientFrame({ type: 'acknowledge', from, message }));
  }

  #ask<Type extends RelayFrame['type']>(request: Request, type: Type): Promise<Answer<Type>> {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return Promise.reject(offline());
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        settle(new Failure('timeout', 'The relay did not answer in time. Connecting anew.'));
        socket.terminate();
      }, ANSWER_TIMEOUT_MS);
      const settle = (answer: RelayFrame | Failure): void => {
        clearTimeout(timer);
        this.#asked.delete(id);
        if (answer instanceof Failure) return reject(answer);
        if (answer.type === 'failure') return reject(Failure.fromRelay(answer.code));
        if (answer.type === type) return resolve(answer as Answer<Type>);
        reject(
          new Failure(
            'not-a-relay',
            'The relay answered something else than what it was asked. It may be of another version: update the older one.',
          ),
        );
        socket.terminate();
      };
      this.#asked.set(id, settle);
      socket.send(encodeClientFrame({ ...request, id }));
    });
  }

  #setState(state: ConnectionState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.emit('state', state);
  }

  async #connect(): Promise<void> {
    this.#setState('connecting');
    let since = 0;
    let reason = '';
    let isReplaced = false;
    try {
      const socket = await this.#open();
      const closed = new Promise<void>((resolve) => {
        socket.once('close', (_code, told) => {
          reason = told.toString();
          // Whoever waits for an answer, as the sign-in does, needn't wait until the time has run out.
          if (socket === this.#socket) this.#forsake();
          resolve();
        });
      });
      try {
        await this.#options.signIn((request, type) => this.#ask(request, type));
        if (socket.readyState !== WebSocket.OPEN) throw offline();
        since = performance.now();
        this.#trouble = undefined;
        this.#setState('online');
        await closed;
        throw offline();
      } finally {
        socket.terminate();
      }
    } catch (error) {
      // Why the relay has closed says more than that it has.
      let failure = isRelayFailure(reason) ? Failure.fromRelay(reason) : Failure.from(error);
      if (failure.code === 'offline' && since === 0 && this.#running) failure = cutOff();
      isReplaced = failure.code === 'replaced';
      // Only a sign-in can end for good: whoever was signed in may be so again.
      const final = since === 0 && this.#options.final(failure);
      if (failure.code !== 'offline') this.#trouble = { failure, final };
      if (this.#running) this.#report(failure);
      if (final) this.#running = false;
    }
    this.#drop();
    if (since > 0 && performance.now() - since > GOOD_MS) {
      this.#attempt = 0;
      this.#lastFailure = undefined;
    }
    // Two copies of one profile would go on to replace each other.
    if (isReplaced) this.#attempt = PATIENT_ATTEMPT;
    if (!this.#running) return;
    this.#retry = setTimeout(() => void this.#connect(), backoff(this.#attempt++, this.#options.random));
  }

  #report(failure: Failure): void {
    // Being cut off is what the state tells; the same reason isn't told at every attempt.
    if (failure.code === 'offline' || failure.code === this.#lastFailure) return;
    this.#lastFailure = failure.code;
    this.emit('failure', failure);
  }

  async #open(): Promise<WebSocket> {
    const tls = await dial(this.#options.relays, this.#options.relayKey);
    const socket = new WebSocket('wss://relay/', {
      createConnection: () => tls,
      perMessageDeflate: false,
      maxPayload: MAX_FRAME_BYTES,
    });
    await this.#upgrade(socket);
    if (!this.#running) {
      socket.terminate();
      throw offline();
    }
    socket.on('error', () => socket.terminate());
    // ws hands over one Buffer a message, unless told otherwise.
    socket.on('message', (data: Buffer, isBinary) =>
      this.#receive(socket, isBinary ? '' : data.toString('utf8')),
    );
    this.#watch(socket);
    this.#socket = socket;
    return socket;
  }

  #upgrade(socket: WebSocket): Promise<void> {
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
  #watch(socket: WebSocket): void {
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

  #receive(socket: WebSocket, text: string): void {
    if (socket !== this.#socket) return;
    try {
      const frame = parseRelayFrame(text);
      if (frame.type === 'deliver') {
        this.emit('deliver', frame.from, frame.envelope);
      } else if (frame.id !== undefined) {
        this.#asked.get(frame.id)?.(frame);
      } else if (frame.type === 'failure') {
        this.#report(Failure.fromRelay(frame.code));
      }
    } catch {
      this.#report(
        new Failure(
          'not-a-relay',
          'The relay sent something that is not in the protocol. It may be of another version: update the older one.',
        ),
      );
      socket.terminate();
    }
  }

  #drop(): void {
    this.#socket = undefined;
    this.#setState('offline');
    this.#forsake();
  }

  /** Nothing that was asked will be answered any more. */
  #forsake(): void {
    for (const settle of [...this.#asked.values()]) settle(offline());
  }
}
