// What one device of a contact has to be told, and wasn't yet: that its messages were delivered or read, or that the key
// for an envelope is gone. It is owed from the transaction that takes the envelope in until the one that puts the telling
// envelope into the outbox.
import { MAX_IDS } from '../../protocol/content.ts';
import { PREKEY_LIFETIME_MS } from '../../protocol/prekey.ts';
import type { Database } from './database.ts';

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
    this.#database.run`
      INSERT INTO owed VALUES (${contact}, ${device}, ${id}, ${kind}, 0)
      ON CONFLICT DO UPDATE SET kind = excluded.kind, tries = 0 WHERE owed.kind = 'delivered'`;
  }

  /** The device had no key for the envelope that told it: it is owed again, unless something newer is. */
  addAgain({ contact, device }: Creditor, envelope: Buffer): void {
    this.#database.run`
      INSERT OR IGNORE INTO owed
      SELECT contact, device, id, kind, tries + 1 FROM told
      WHERE envelope = ${envelope} AND contact = ${contact} AND device = ${device} AND tries < ${MAX_TRIES}`;
    this.#database.run`
      DELETE FROM told WHERE envelope = ${envelope} AND contact = ${contact} AND device = ${device}`;
  }

  /** Whose devices are owed anything. */
  contacts(): number[] {
    return this.#database.all<Creditor>`SELECT DISTINCT contact FROM owed`.map(({ contact }) => contact);
  }

  devices(contact: number): number[] {
    const owedDevices = this.#database
      .all<Creditor>`SELECT DISTINCT device FROM owed WHERE contact = ${contact}`;
    return owedDevices.map(({ device }) => device);
  }

  /** Whether keys were lost or replaced, here or there: what is known may be as old, so the relay is asked first. */
  needsLookUp(contact: number): boolean {
    const urgent = this.#database.get`
      SELECT 1 FROM owed WHERE contact = ${contact} AND (kind = 'retryRequest' OR tries > 0) LIMIT 1`;
    return urgent !== undefined;
  }

  /** As many as go into one envelope. */
  next({ contact, device }: Creditor, kind: OwedKind): Buffer[] {
    const owed = this.#database.all<{ id: Buffer }>`
      SELECT id FROM owed WHERE contact = ${contact} AND device = ${device} AND kind = ${kind} LIMIT ${MAX_IDS}`;
    return owed.map(({ id }) => id);
  }

  /** Within the transaction that puts the envelope into the outbox. @param envelope its hash, 32 bytes */
  settle({ contact, device }: Creditor, kind: OwedKind, ids: Buffer[], envelope: Buffer, now: number): void {
    for (const id of ids) {
      // Only as it was: a message that has been read meanwhile has a newer receipt due.
      const owed = this.#database.get<{ tries: number }>`
        DELETE FROM owed WHERE contact = ${contact} AND device = ${device} AND id = ${id} AND kind = ${kind}
        RETURNING tries`;
      this.#database.run`
        INSERT INTO told VALUES (${envelope}, ${contact}, ${device}, ${id}, ${kind}, ${owed?.tries ?? 0}, ${now})`;
    }
  }

  /** The device is gone, or its owner is not wanted: it gets nothing. */
  remove({ contact, device }: Creditor): void {
    this.#database.run`DELETE FROM owed WHERE contact = ${contact} AND device = ${device}`;
  }

  /** Forgets what was told so long ago that nobody can still answer that its key is gone. */
  forgetOld(now: number): void {
    this.#database.run`DELETE FROM told WHERE time < ${now - PREKEY_LIFETIME_MS}`;
  }
}
