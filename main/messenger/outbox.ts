// Envelopes on their way to the relay: kept on disk until it has accepted them, sent in order, a window at a time.
import { Failure } from '../../protocol/failures.ts';
import type { Ask } from './session.ts';
import type { Database } from './database.ts';

/** Requests that may be unanswered at once. */
const WINDOW = 64;
/** How long to wait after a failure that passes by itself: a full mailbox, or a relay that can't store. */
const PAUSE_MS = 20_000;

export type OutboxEvents = {
  accepted(contact: string, id: Buffer): void;
  refused(contact: string, id: Buffer, failure: Failure): void;
  /** Something else went wrong; the envelope stays. */
  failed(failure: Failure): void;
  /** The relay can't take anything for the moment, or nothing for this contact; told once a pause. */
  paused(whom: string, failure: Failure): void;
};

export class Outbox {
  readonly #database: Database;
  readonly #ask: Ask;
  readonly #events: OutboxEvents;
  #online = false;
  #underWay = 0;
  /** The last row that was sent on this connection. */
  #last = 0;
  #pause: NodeJS.Timeout | undefined;
  /** Whom nothing can be sent to during the pause; 'everybody' when the relay itself is the reason. */
  #blocked: Set<string> | 'everybody' = new Set();

  constructor(database: Database, ask: Ask, events: OutboxEvents) {
    this.#database = database;
    this.#ask = ask;
    this.#events = events;
  }

  /** Adds an envelope, or replaces the one of the same id; within a transaction, with send() after it. */
  put(contact: string, id: Buffer, envelope: Buffer): void {
    this.#database.run('DELETE FROM outbox WHERE contact = ? AND id = ?', contact, id);
    this.#database.run('INSERT INTO outbox (contact, id, envelope) VALUES (?, ?, ?)', contact, id, envelope);
  }

  get empty(): boolean {
    return this.#database.get('SELECT 1 FROM outbox LIMIT 1') === undefined;
  }

  /** On a new connection everything that wasn't accepted is sent again, oldest first. */
  setOnline(online: boolean): void {
    this.#online = online;
    this.#resume();
  }

  /** Sends what there is, as far as the window allows. */
  send(): void {
    while (this.#online && this.#blocked !== 'everybody' && this.#underWay < WINDOW) {
      const row = this.#database.get(
        'SELECT position, contact, id, envelope FROM outbox WHERE position > ? ORDER BY position LIMIT 1',
        this.#last,
      );
      if (!row) return;
      this.#last = row['position'] as number;
      if (this.#blocked.has(row['contact'] as string)) continue;
      void this.#sendOne(
        this.#last,
        row['contact'] as string,
        row['id'] as Buffer,
        row['envelope'] as Buffer,
      );
    }
  }

  async #sendOne(position: number, contact: string, id: Buffer, envelope: Buffer): Promise<void> {
    this.#underWay++;
    try {
      await this.#ask({ type: 'send', to: contact, envelope }, 'accepted');
      this.#settle(position, () => this.#events.accepted(contact, id));
    } catch (error) {
      const failure = Failure.from(error);
      if (failure.code === 'mailbox-full' || failure.code === 'envelope-waiting')
        this.#block(contact, failure);
      else if (failure.code === 'relay-full') this.#block('everybody', failure);
      else if (failure.code === 'unknown-user' || failure.code === 'envelope-refused') {
        this.#settle(position, () => this.#events.refused(contact, id, failure));
      }
      // The connection is lost, or the disk is full: the row is sent again on the next connection.
      else if (failure.code !== 'offline') this.#events.failed(failure);
    } finally {
      this.#underWay--;
      this.send();
    }
  }

  #settle(position: number, tell: () => void): void {
    const { changes } = this.#database.run('DELETE FROM outbox WHERE position = ?', position);
    // Nothing to delete: it was sealed again while the old envelope was under way.
    if (changes > 0) tell();
  }

  #block(whom: string, failure: Failure): void {
    if (this.#blocked === 'everybody' || this.#blocked.has(whom)) return;
    if (whom === 'everybody') this.#blocked = 'everybody';
    else this.#blocked.add(whom);
    this.#events.paused(whom, failure);
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
