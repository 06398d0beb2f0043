// Sends what is in the outbox: in order, a window at a time, until the relay has accepted it.
import { Failure } from '../../protocol/failures.ts';
import type { Envelopes, Queued } from './envelopes.ts';
import { classOf } from './relay-failure.ts';
import type { Ask } from './session.ts';

/** Requests that may be unanswered at once. */
const WINDOW = 64;
/** How long to wait after a failure that passes: a full mailbox, or a relay that can't store. */
const PAUSE_MS = 20_000;
/** Failures of the relay itself, not of one mailbox. */
const OF_THE_RELAY = ['relay-full', 'busy'];

export type OutboxListener = {
  /** They are on a disk of the relay or of their recipients: to be removed from the outbox. */
  onAccepted(envelopes: Queued[]): void;
  /** The relay will never take it: to be removed from the outbox. */
  onRefused(envelope: Queued, failure: Failure): void;
  /** The recipient's devices may be others by now. @returns whether looking up brought something new */
  onOutdated(envelope: Queued): Promise<boolean>;
  /** Something else went wrong; the envelope stays. Of what passes: told once a pause. */
  onFailure(failure: Failure): void;
};

export class Outbox {
  readonly #envelopes: Envelopes;
  readonly #ask: Ask;
  readonly #listener: OutboxListener;
  #online = false;
  /** Positions of those that are unanswered. */
  readonly #underWay = new Set<number>();
  /** The last one that was sent on this connection. */
  #last = 0;
  #accepted: Queued[] = [];
  #pause: NodeJS.Timeout | undefined;
  /** Mailboxes that nothing can be sent to during the pause; 'all' when the relay itself is the reason. */
  #blocked: Set<string> | 'all' = new Set();

  constructor(envelopes: Envelopes, ask: Ask, listener: OutboxListener) {
    this.#envelopes = envelopes;
    this.#ask = ask;
    this.#listener = listener;
  }

  /** On a new connection everything that wasn't accepted is sent again, oldest first. */
  setOnline(online: boolean): void {
    this.#online = online;
    this.#resume();
  }

  /** Sends what there is, as far as the window allows. */
  send(): void {
    while (this.#online && this.#blocked !== 'all' && this.#underWay.size < WINDOW) {
      const envelope = this.#envelopes.next(this.#last);
      if (!envelope) return;
      this.#last = envelope.position;
      if (this.#blocked.has(mailboxOf(envelope)) || this.#underWay.has(envelope.position)) continue;
      void this.#sendOne(envelope);
    }
  }

  async #sendOne(envelope: Queued): Promise<void> {
    this.#underWay.add(envelope.position);
    try {
      await this.#ask('send', { envelope: envelope.bytes });
      this.#accept(envelope);
    } catch (error) {
      await this.#fail(envelope, error);
    } finally {
      this.#underWay.delete(envelope.position);
      this.send();
    }
  }

  /** Those that are accepted together are removed in one commit. */
  #accept(envelope: Queued): void {
    if (this.#accepted.length === 0) {
      setImmediate(() => {
        try {
          this.#listener.onAccepted(this.#accepted.splice(0));
        } catch (error) {
          // The disk is full: they stay, and are sent again on the next connection.
          this.#listener.onFailure(Failure.from(error));
        }
      });
    }
    this.#accepted.push(envelope);
  }

  async #fail(envelope: Queued, error: unknown): Promise<void> {
    const failure = Failure.from(error);
    try {
      switch (classOf(error)) {
        case 'final':
          return this.#listener.onRefused(envelope, failure);
        case 'later':
          return this.#block(OF_THE_RELAY.includes(failure.code) ? undefined : envelope, failure);
        case 'lookUp':
          if (!(await this.#listener.onOutdated(envelope))) this.#block(envelope, failure);
          return;
        default:
          // The connection is lost: it is sent again on the next one.
          if (failure.code !== 'offline') this.#listener.onFailure(failure);
      }
    } catch (other) {
      const cause = Failure.from(other);
      if (cause.code !== 'offline') this.#listener.onFailure(cause);
    }
  }

  /** @param envelope whose mailbox takes nothing; undefined if the relay doesn't */
  #block(envelope: Queued | undefined, failure: Failure): void {
    if (this.#blocked === 'all' || (envelope && this.#blocked.has(mailboxOf(envelope)))) return;
    if (envelope) this.#blocked.add(mailboxOf(envelope));
    else this.#blocked = 'all';
    this.#listener.onFailure(failure);
    this.#pause ??= setTimeout(() => this.#resume(), PAUSE_MS).unref();
  }

  #resume(): void {
    clearTimeout(this.#pause);
    this.#pause = undefined;
    this.#blocked = new Set();
    this.#last = 0;
    this.send();
  }
}

const mailboxOf = ({ contact, device }: Queued): string => `${contact}/${device}`;
