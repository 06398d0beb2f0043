// The connection to the relay: made again whenever it is lost, and signed in.
import { EventEmitter } from 'node:events';
import { Failure, type RelayFailureCode, relayFailures } from '../../protocol/failures.ts';
import { backoff } from './backoff.ts';
import { type Ask, cutOff, type Ear, offline, Session } from './session.ts';

export type ConnectionState = 'connecting' | 'online' | 'offline';
/** final: no other attempt is made. */
export type Trouble = { failure: Failure; final: boolean };

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

/** A connection that lasted this long was a good one: the backoff starts afresh, and any failure is told again. */
const GOOD_MS = 5000;
/** From here on the backoff has reached its cap. */
const PATIENT_ATTEMPT = 6;

const isRelayFailure = (reason: string): reason is RelayFailureCode => Object.hasOwn(relayFailures, reason);

export class Connection extends EventEmitter<Events> {
  readonly #options: Options;
  readonly #ear: Ear = {
    deliver: (from, envelope) => this.emit('deliver', from, envelope),
    failure: (failure) => this.#report(failure),
  };
  #session: Session | undefined;
  #state: ConnectionState = 'offline';
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
    this.#drop();
  }

  /** Ends this connection and makes another, so that what wasn't acknowledged is delivered again. */
  restart(): void {
    this.#session?.end();
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
    this.#session?.setReading(reading);
  }

  /** Sends a request, once this user is signed in. */
  readonly ask: Ask = (request, type) => {
    if (!this.online || !this.#session) return Promise.reject(offline());
    return this.#session.ask(request, type);
  };

  /** Tells the relay that a message is on this disk. @param message id, 16 bytes */
  acknowledge(from: string, message: Buffer): void {
    if (this.online) this.#session?.acknowledge(from, message);
  }

  #setState(state: ConnectionState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.emit('state', state);
  }

  async #connect(): Promise<void> {
    this.#setState('connecting');
    let session: Session | undefined;
    let since = 0;
    let isReplaced = false;
    try {
      session = await this.#open();
      await this.#options.signIn(session.ask);
      if (!session.isOpen) throw offline();
      since = performance.now();
      this.#trouble = undefined;
      this.#setState('online');
      await session.closed;
      throw offline();
    } catch (error) {
      session?.end();
      // Why the relay has closed says more than that it has.
      const reason = session?.reason ?? '';
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

  async #open(): Promise<Session> {
    const { relays, relayKey } = this.#options;
    const session = await Session.open(relays, relayKey, this.#ear);
    if (!this.#running) {
      session.end();
      throw offline();
    }
    this.#session = session;
    return session;
  }

  #report(failure: Failure): void {
    // Being cut off is what the state tells; the same reason isn't told at every attempt.
    if (failure.code === 'offline' || failure.code === this.#lastFailure) return;
    this.#lastFailure = failure.code;
    this.emit('failure', failure);
  }

  #drop(): void {
    const session = this.#session;
    this.#session = undefined;
    this.#setState('offline');
    session?.leave();
  }
}
