// Envelopes apart from messages: the outbox, and which message each envelope held.
import { PREKEY_LIFETIME_MS } from '../../../protocol/v1/prekey.ts';
import type { Database, Row } from '../database.ts';

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
  put({ hash, contact, device, message, bytes }: Outgoing, now: number): void {
    this.#database.run(
      'INSERT INTO outbox (hash, contact, device, message, envelope) VALUES (?, ?, ?, ?, ?)',
      hash,
      contact,
      device,
      message,
      bytes,
    );
    this.#remember({ hash, contact, device, message, bytes }, true, now);
  }

  /** Keeps the envelope that a contact's message came in, to be shown. */
  keep(envelope: Outgoing, now: number): void {
    this.#remember(envelope, false, now);
  }

  /** The oldest one in the outbox after a position. */
  next(after: number): Queued | undefined {
    const row = this.#database.get(
      'SELECT * FROM outbox WHERE position > ? ORDER BY position LIMIT 1',
      after,
    );
    return row && toQueued(row);
  }

  get isOutboxEmpty(): boolean {
    return this.#database.get('SELECT 1 FROM outbox LIMIT 1') === undefined;
  }

  /** It needn't be sent any more. @returns whether it was in the outbox */
  remove(hash: Buffer): boolean {
    return this.#database.run('DELETE FROM outbox WHERE hash = ?', hash).changes > 0;
  }

  /** The device is gone: nothing is sent to it. @returns the messages that waited for it */
  removeDevice(contact: number, device: number): number[] {
    return this.#database
      .all('DELETE FROM outbox WHERE contact = ? AND device = ? RETURNING message', contact, device)
      .map(({ message }) => message as number | null)
      .filter((message) => message !== null);
  }

  /** The newest envelope of a message to a device, if it may be sent once more as it is. */
  newestTo(message: number, contact: number, device: number): Outgoing | undefined {
    const row = this.#database.get(
      `SELECT hash, contact, device, message, bytes FROM envelopes
       WHERE message = ? AND contact = ? AND device = ? AND mine = 1 AND bytes IS NOT NULL`,
      message,
      contact,
      device,
    );
    return row as Outgoing | undefined;
  }

  /** Puts an envelope into the outbox again, unchanged. */
  putAgain({ hash, contact, device, message, bytes }: Outgoing): void {
    this.#database.run(
      'INSERT OR IGNORE INTO outbox (hash, contact, device, message, envelope) VALUES (?, ?, ?, ?, ?)',
      hash,
      contact,
      device,
      message,
      bytes,
    );
  }

  /** The message that an envelope to this device held; null for a silent one, undefined if there was none. */
  messageOf(hash: Buffer, contact: number, device: number): number | null | undefined {
    const row = this.#database.get(
      'SELECT message FROM envelopes WHERE hash = ? AND contact = ? AND device = ? AND mine = 1',
      hash,
      contact,
      device,
    );
    return row && (row['message'] as number | null);
  }

  /** The envelope that a message went or came in: the newest, to the first device. */
  ofMessage(message: number): Buffer | undefined {
    const row = this.#database.get(
      `SELECT bytes FROM envelopes WHERE message = ? AND bytes IS NOT NULL
       ORDER BY (contact = 0), device LIMIT 1`,
      message,
    );
    return row?.['bytes'] as Buffer | undefined;
  }

  /** Forgets which envelopes held what, when no key for them exists any more; what is shown stays. */
  forgetOld(now: number): void {
    this.#database.run(
      'DELETE FROM envelopes WHERE mine = 1 AND bytes IS NULL AND time < ?',
      now - PREKEY_LIFETIME_MS,
    );
  }

  #remember({ hash, contact, device, message, bytes }: Outgoing, mine: boolean, now: number): void {
    // Only the newest envelope to a device can be shown or sent once more.
    if (message !== null) {
      this.#database.run(
        'UPDATE envelopes SET bytes = NULL WHERE message = ? AND contact = ? AND device = ?',
        message,
        contact,
        device,
      );
    }
    this.#database.run(
      `INSERT OR REPLACE INTO envelopes (hash, contact, device, message, mine, time, bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      hash,
      contact,
      device,
      message,
      mine ? 1 : 0,
      now,
      message === null ? null : bytes,
    );
  }
}

const toQueued = (row: Row): Queued => ({
  position: row['position'] as number,
  hash: row['hash'] as Buffer,
  contact: row['contact'] as number,
  device: row['device'] as number,
  message: row['message'] as number | null,
  bytes: row['envelope'] as Buffer,
});
