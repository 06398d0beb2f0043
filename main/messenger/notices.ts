// What contacts have to be told of their messages: that they were delivered, read, or could not be opened. It is
// owed from the transaction that takes a message in until the one that puts the telling envelope into the outbox.
import { MAX_IDS } from '../../protocol/body.ts';
import { RECEPTION_KEY_LIFETIME_MS } from '../../protocol/statements.ts';
import type { Database } from './database.ts';

export const noticeKinds = ['unopenable', 'delivered', 'read'] as const;
export type NoticeDue = (typeof noticeKinds)[number];

/** How often the same is told to a contact who answers that it can't be opened. */
const MAX_TRIES = 3;

export class Notices {
  readonly #database: Database;
  readonly #now: () => number;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  /** @param id of the message that the contact is to be told of; what is newer replaces what was owed before */
  owe(contact: string, id: Buffer, kind: NoticeDue): void {
    this.#database.run('INSERT OR REPLACE INTO notices_due VALUES (?, ?, ?, 0)', contact, id, kind);
  }

  /** The contact could not open the envelope that told it: it is owed again, unless something newer is. */
  oweAgain(contact: string, envelope: Buffer): void {
    this.#database.run(
      `INSERT OR IGNORE INTO notices_due
       SELECT contact, id, kind, tries + 1 FROM notices_told WHERE contact = ? AND envelope = ? AND tries < ?`,
      contact,
      envelope,
      MAX_TRIES,
    );
    this.#database.run('DELETE FROM notices_told WHERE contact = ? AND envelope = ?', contact, envelope);
  }

  /** Who is owed anything. */
  creditors(): string[] {
    return this.#database
      .all('SELECT DISTINCT contact FROM notices_due')
      .map(({ contact }) => contact as string);
  }

  /** As many message ids as go into one envelope. */
  due(contact: string, kind: NoticeDue): Buffer[] {
    return this.#database
      .all('SELECT id FROM notices_due WHERE contact = ? AND kind = ? LIMIT ?', contact, kind, MAX_IDS)
      .map(({ id }) => id as Buffer);
  }

  /** Within the transaction that puts the envelope into the outbox. @param envelope its message id */
  settle(contact: string, kind: NoticeDue, ids: Buffer[], envelope: Buffer): void {
    for (const id of ids) {
      // Only as it was: a message that has been read meanwhile has a newer notice due.
      const due = this.#database.get(
        'DELETE FROM notices_due WHERE contact = ? AND id = ? AND kind = ? RETURNING tries',
        contact,
        id,
        kind,
      );
      this.#database.run(
        'INSERT INTO notices_told VALUES (?, ?, ?, ?, ?, ?)',
        contact,
        envelope,
        id,
        kind,
        due?.['tries'] ?? 0,
        this.#now(),
      );
    }
  }

  /** Forgets what was told so long ago that nobody can still answer that it couldn't be opened. */
  forgetOld(): void {
    this.#database.run('DELETE FROM notices_told WHERE told < ?', this.#now() - RECEPTION_KEY_LIFETIME_MS);
  }
}
