// Envelopes apart from messages: the outbox, and which message each envelope held.
import { PREKEY_LIFETIME_MS } from '../../protocol/prekey.ts';
import type { Database } from './database.ts';

/** What goes to one device. message is null for what is silent. */
export type Outgoing = {
  hash: Buffer;
  contact: number;
  device: number;
  message: number | null;
  bytes: Buffer;
};
/** An envelope in the outbox; the higher position was put in later. */
export type Queued = Outgoing & { position: number };

export class Envelopes {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Puts an envelope into the outbox. Within a transaction. */
  put(envelope: Outgoing, now: number): void {
    this.putAgain(envelope);
    this.#remember(envelope, true, now);
  }

  /** Puts an envelope into the outbox that was there before, unchanged. */
  putAgain({ hash, contact, device, message, bytes }: Outgoing): void {
    this.#database.run`
      INSERT OR IGNORE INTO outbox (hash, contact, device, message, bytes)
      VALUES (${hash}, ${contact}, ${device}, ${message}, ${bytes})`;
  }

  /** Keeps the envelope that a contact's message came in, to be shown. */
  keep(envelope: Outgoing, now: number): void {
    this.#remember(envelope, false, now);
  }

  /** The oldest one in the outbox after a position. */
  next(after: number): Queued | undefined {
    return this.#database
      .get<Queued>`SELECT * FROM outbox WHERE position > ${after} ORDER BY position LIMIT 1`;
  }

  get isOutboxEmpty(): boolean {
    return this.#database.get`SELECT 1 FROM outbox LIMIT 1` === undefined;
  }

  /** It needn't be sent any more. @returns whether it was in the outbox */
  remove(hash: Buffer): boolean {
    return this.#database.run`DELETE FROM outbox WHERE hash = ${hash}`.changes > 0;
  }

  /** The device is gone: nothing is sent to it. @returns the messages that waited for it */
  removeDevice(contact: number, device: number): number[] {
    const removed = this.#database.all<Queued>`
      DELETE FROM outbox WHERE contact = ${contact} AND device = ${device} RETURNING message`;
    return removed.map(({ message }) => message).filter((message) => message !== null);
  }

  /** The newest envelope of a message to a device, if it may be sent once more as it is. */
  newestTo(message: number, contact: number, device: number): Outgoing | undefined {
    return this.#database.get<Outgoing>`
      SELECT hash, contact, device, message, bytes FROM envelopes
      WHERE message = ${message} AND contact = ${contact} AND device = ${device} AND mine = 1
        AND bytes IS NOT NULL`;
  }

  /** The message that an envelope to this device held; null for a silent one, undefined if there was none. */
  messageOf(hash: Buffer, contact: number, device: number): number | null | undefined {
    return this.#database.get<Outgoing>`
      SELECT message FROM envelopes
      WHERE hash = ${hash} AND contact = ${contact} AND device = ${device} AND mine = 1`?.message;
  }

  /** The envelope that a message went or came in: the newest, to the first device. */
  ofMessage(message: number): Buffer | undefined {
    return this.#database.get<Outgoing>`
      SELECT bytes FROM envelopes WHERE message = ${message} AND bytes IS NOT NULL
      ORDER BY contact = 0, device LIMIT 1`?.bytes;
  }

  /** The message was removed: nothing of it stays. */
  forget(message: number): void {
    this.#database.run`DELETE FROM outbox WHERE message = ${message}`;
    this.#database.run`DELETE FROM envelopes WHERE message = ${message}`;
  }

  /** Forgets which envelopes held what, when no key for them exists any more; what is shown stays. */
  forgetOld(now: number): void {
    const before = now - PREKEY_LIFETIME_MS;
    this.#database.run`DELETE FROM envelopes WHERE mine = 1 AND bytes IS NULL AND time < ${before}`;
  }

  #remember({ hash, contact, device, message, bytes }: Outgoing, mine: boolean, now: number): void {
    const shown = message === null ? null : bytes;
    // Only the newest envelope to a device can be shown or sent once more.
    this.#database.run`
      UPDATE envelopes SET bytes = NULL
      WHERE message = ${message} AND contact = ${contact} AND device = ${device}`;
    this.#database.run`
      INSERT OR REPLACE INTO envelopes (hash, contact, device, message, mine, time, bytes)
      VALUES (${hash}, ${contact}, ${device}, ${message}, ${mine}, ${now}, ${shown})`;
  }
}
