// The MessageStore in SQLite.
import type { DatabaseSync } from 'node:sqlite';
import type { MailboxName, MessageStore, SenderUsage, Waiting } from './stores.ts';
import { transaction } from './transaction.ts';

type Row = Pick<Waiting, 'position' | 'mailbox' | 'sender'> & { hash: Uint8Array; envelope: Uint8Array };

function prepare(database: DatabaseSync) {
  return {
    insert: database.prepare(
      `INSERT OR IGNORE INTO envelopes (position, mailbox, sender, hash, received, envelope)
       VALUES (?, ?, ?, ?, ?, ?)`,
    ),
    read: database.prepare(
      `SELECT position, mailbox, sender, hash, envelope FROM envelopes
       WHERE mailbox = ? AND sender = ? AND position > ? ORDER BY position LIMIT ?`,
    ),
    has: database.prepare('SELECT 1 FROM envelopes WHERE mailbox = ? AND hash = ?'),
    usage: database.prepare(
      `SELECT sender, count(*) AS messages, sum(length(envelope)) AS bytes FROM envelopes
       WHERE mailbox = ? GROUP BY sender ORDER BY min(position)`,
    ),
    remove: database.prepare('DELETE FROM envelopes WHERE position = ?'),
    expire: database.prepare(
      `DELETE FROM envelopes WHERE position IN (SELECT position FROM envelopes WHERE received < ? LIMIT ?)
       RETURNING mailbox, sender, length(envelope) AS bytes`,
    ),
    totals: database.prepare(
      'SELECT count(*) AS messages, coalesce(sum(length(envelope)), 0) AS bytes FROM envelopes',
    ),
    reserve: database.prepare('UPDATE positions SET next = next + ? RETURNING next'),
  };
}

export class SqliteMessages implements MessageStore {
  readonly #database: DatabaseSync;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#sql = prepare(database);
  }

  async add(batch: readonly Waiting[], received: number): Promise<void> {
    transaction(this.#database, () => {
      for (const { position, mailbox, sender, hash, envelope } of batch) {
        this.#sql.insert.run(position, mailbox, sender, hash, received, envelope);
      }
    });
  }

  async read(mailbox: MailboxName, sender: string, after: number, most: number): Promise<Waiting[]> {
    const rows = this.#sql.read.all(mailbox, sender, after, most) as unknown as Row[];
    return rows.map((row) => ({ ...row, hash: Buffer.from(row.hash), envelope: Buffer.from(row.envelope) }));
  }

  async has(mailbox: MailboxName, hash: Buffer): Promise<boolean> {
    return this.#sql.has.get(mailbox, hash) !== undefined;
  }

  async usage(mailbox: MailboxName): Promise<SenderUsage[]> {
    return this.#sql.usage.all(mailbox) as SenderUsage[];
  }

  async remove(positions: readonly number[]): Promise<void> {
    transaction(this.#database, () => {
      for (const position of positions) this.#sql.remove.run(position);
    });
  }

  async expire(
    before: number,
    most: number,
  ): Promise<{ mailbox: MailboxName; sender: string; bytes: number }[]> {
    return this.#sql.expire.all(before, most) as { mailbox: MailboxName; sender: string; bytes: number }[];
  }

  async totals(): Promise<{ messages: number; bytes: number }> {
    return this.#sql.totals.get() as { messages: number; bytes: number };
  }

  async reserve(count: number): Promise<number> {
    return Number(this.#sql.reserve.get(count)!['next']) - count;
  }
}
