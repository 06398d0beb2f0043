// What one device of a contact has to be told, and wasn't yet: that its messages were delivered or read, or that the key
// for an envelope is gone. It is owed from the transaction that takes the envelope in until the one that puts the telling
// envelope into the outbox.
import { MAX_IDS } from '../../../protocol/v1/content.ts';
import { PREKEY_LIFETIME_MS } from '../../../protocol/v1/prekey.ts';
import type { Database } from '../database.ts';

export const owedKinds = ['retryRequest', 'delivered', 'read'] as const;
export type OwedKind = (typeof owedKinds)[number];
export type Creditor = { contact: number; device: number };

/** How often the same is told to a device that answers that it has no key for it. */
const MAX_TRIES = 3;

export class Owed {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** @param id of the message, or the envelope's hash for a retry request; `read` says more than `delivered`, and stays */
  add({ contact, device }: Creditor, id: Buffer, kind: OwedKind): void {
    this.#database.run(
      `INSERT INTO owed VALUES (?, ?, ?, ?, 0)
       ON CONFLICT DO UPDATE SET kind = excluded.kind, tries = 0 WHERE owed.kind = 'delivered'`,
      contact,
      device,
      id,
      kind,
    );
  }

  /** The device had no key for the envelope that told it: it is owed again, unless something newer is. */
  addAgain({ contact, device }: Creditor, envelope: Buffer): void {
    this.#database.run(
      `INSERT OR IGNORE INTO owed
       SELECT contact, device, id, kind, tries + 1 FROM told
       WHERE envelope = ? AND contact = ? AND device = ? AND tries < ?`,
      envelope,
      contact,
      device,
      MAX_TRIES,
    );
    this.#database.run(
      'DELETE FROM told WHERE envelope = ? AND contact = ? AND device = ?',
      envelope,
      contact,
      device,
    );
  }

  /** Whose devices are owed anything. */
  contacts(): number[] {
    return this.#database.all('SELECT DISTINCT contact FROM owed').map(({ contact }) => contact as number);
  }

  devices(contact: number): number[] {
    return this.#database
      .all('SELECT DISTINCT device FROM owed WHERE contact = ?', contact)
      .map(({ device }) => device as number);
  }

  /** Whether keys were lost or replaced, here or there: what is known may be as old, so the relay is asked first. */
  needsLookUp(contact: number): boolean {
    const sql = `SELECT 1 FROM owed WHERE contact = ? AND (kind = 'retryRequest' OR tries > 0) LIMIT 1`;
    return this.#database.get(sql, contact) !== undefined;
  }

  /** As many as go into one envelope. */
  next({ contact, device }: Creditor, kind: OwedKind): Buffer[] {
    return this.#database
      .all(
        'SELECT id FROM owed WHERE contact = ? AND device = ? AND kind = ? LIMIT ?',
        contact,
        device,
        kind,
        MAX_IDS,
      )
      .map(({ id }) => id as Buffer);
  }

  /** Within the transaction that puts the envelope into the outbox. @param envelope its hash, 32 bytes */
  settle({ contact, device }: Creditor, kind: OwedKind, ids: Buffer[], envelope: Buffer, now: number): void {
    for (const id of ids) {
      // Only as it was: a message that has been read meanwhile has a newer receipt due.
      const row = this.#database.get(
        'DELETE FROM owed WHERE contact = ? AND device = ? AND id = ? AND kind = ? RETURNING tries',
        contact,
        device,
        id,
        kind,
      );
      this.#database.run(
        'INSERT INTO told VALUES (?, ?, ?, ?, ?, ?, ?)',
        envelope,
        contact,
        device,
        id,
        kind,
        row?.['tries'] ?? 0,
        now,
      );
    }
  }

  /** The device is gone, or its owner is not wanted: it gets nothing. */
  remove({ contact, device }: Creditor): void {
    this.#database.run('DELETE FROM owed WHERE contact = ? AND device = ?', contact, device);
  }

  /** Forgets what was told so long ago that nobody can still answer that its key is gone. */
  forgetOld(now: number): void {
    this.#database.run('DELETE FROM told WHERE time < ?', now - PREKEY_LIFETIME_MS);
  }
}
