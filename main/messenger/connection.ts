// The connection to the relay: made again whenever it is lost, and signed in.
import { EventEmitter } from 'node:events';
import { Failure } from '../../protocol/failures.ts';
import { failureCodes } from '../../protocol/failure-codes.ts';
import { backoff } from './backoff.ts';
import { RelayFailure } from './relay-failure.ts';
import { type Ask, cutOff, offline, Session, type SessionListener } from './session.ts';

export type ConnectionState = 'connecting' | 'online' | 'offline';
/** final: no other attempt is made. */
export type Trouble = { failure: Failure; final: boolean };

type Events = {
  state: [ConnectionState];
  deliver: [position: number, envelope: Buffer];
  /** Why there is no connection, when the reason is a new one. */
  failure: [Failure];
};

type Options = {
  /** host:port, all of the relay's addresses. */
  relays: string[];
  /** SHA-256 of its TLS public key, 32 bytes. */
  relayKey: Buffer;
  /** Signs in on a new connection. A Failure in `isFinal` ends all attempts. */
  signIn: (ask: Ask) => Promise<void>;
  isFinal: (failure: Failure) => boolean;
  random?: () => number;
};

/** A connection that lasted this long was a good one: a failure after it is told again. */
const GOOD_MS = 5000;
/** From here on the backoff has reached its cap. */
const PATIENT_ATTEMPT = 6;

export class Connection extends EventEmitter<Events> {
  readonly #options: Options;
  readonly #listener: SessionListener = {
    onDeliver: (position, envelope) => {
      if (this.online) this.emit('deliver', position, envelope);
      else this.#early.push({ position, envelope });
    },
    onFailure: (failure) => this.#report(failure),
  };
  /** What came in one piece with the answer to the sign-in: taken once this device is signed in, and can look senders up. */
  #early: { position: number; envelope: Buffer }[] = [];
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
  setAddresses(relays: string[]): void {
    this.#options.relays = relays;
    this.#attempt = 0;
    this.#lastFailure = undefined;
  }

  /** Connects now, instead of when the next attempt is due. */
  reconnectNow(): void {
    if (!this.#running || this.#state !== 'offline') return;
    clearTimeout(this.#retry);
    void this.#connect();
  }

  /** Stops reading while too much waits to be opened. */
  setReading(reading: boolean): void {
    this.#session?.setReading(reading);
  }

  /** Sends a request, once this device is signed in. */
  readonly ask: Ask = (type, body) => {
    if (!this.online || !this.#session) return Promise.reject(offline());
    return this.#session.ask(type, body);
  };

  /** What acknowledges on this very connection: a position says nothing on another. */
  get acknowledge(): (position: number) => void {
    const session = this.#session;
    return (position) => session?.acknowledge(position);
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
      this.#attempt = 0;
      this.#trouble = undefined;
      this.#setState('online');
      for (const { position, envelope } of this.#early.splice(0)) this.emit('deliver', position, envelope);
      await session.closed;
      throw offline();
    } catch (error) {
      session?.end();
      let failure = closing(session?.reason ?? '') ?? Failure.from(error);
      if (failure.code === 'offline' && since === 0 && this.#running) failure = cutOff();
      isReplaced = failure.code === 'replaced';
      // Only a sign-in can end for good: whoever was signed in may be so again.
      const final = since === 0 && this.#options.isFinal(failure);
      if (failure.code !== 'offline') this.#trouble = { failure, final };
      if (this.#running) this.#report(failure);
      if (final) this.#running = false;
    }
    this.#drop();
    if (since > 0 && performance.now() - since > GOOD_MS) this.#lastFailure = undefined;
    // Two copies of one profile would go on to replace each other.
    if (isReplaced) this.#attempt = PATIENT_ATTEMPT;
    if (!this.#running) return;
    this.#retry = setTimeout(() => void this.#connect(), backoff(this.#attempt++, this.#options.random));
  }

  async #open(): Promise<Session> {
    const { relays, relayKey } = this.#options;
    this.#early = [];
    const session = await Session.open(relays, relayKey, this.#listener);
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

/** Why the relay has closed, which says more than that it has. */
function closing(reason: string): Failure | undefined {
  if (!Object.hasOwn(failureCodes, reason)) return undefined;
  return new RelayFailure({ code: reason, class: failureCodes[reason as keyof typeof failureCodes] });
}
