// The conversations on disk: every message's row, its state, and its text sealed to the storage key.
import { randomBytes } from 'node:crypto';
import type { Database, Row } from './database.ts';
import type { OpeningKey } from './rsa.ts';
import { openRow, sealRow } from './seal.ts';

/** One's own: pending, sent, delivered, read, or failed. Others': unread, read. A notice has none of these. */
export type MessageState = 'pending' | 'sent' | 'delivered' | 'read' | 'failed' | 'unread' | 'noted';
/** text, a type of a newer version, or a notice of the conversation itself (see chain.ts and reception.ts). */
export type MessageKind = 'text' | 'unknown' | NoticeKind;
export type NoticeKind = 'missing' | 'forked' | 'restarted' | 'refused';

/** A message without its text: what events and lists carry. */
export type MessageRow = {
  position: number;
  /** Rises with every change of any message; the larger one is newer. */
  revision: number;
  /** 32 hex digits. */
  id: string;
  contact: string;
  mine: boolean;
  kind: MessageKind;
  state: MessageState;
  /** The sender's clock, milliseconds since 1970. */
  sentAt: number;
  /** For `missing`: how many; 0 once they have all come after all. For `refused`: how many in a row. */
  missing: number;
};

export type OpenedMessage = MessageRow & { text: string };

/** A text, sealed for the row that it will stand in. */
export type SealedText = { row: string; sealed: Buffer };

type NewMessage = SealedText & {
  id: Buffer;
  contact: string;
  mine: boolean;
  kind: 'text' | 'unknown';
  state: MessageState;
  sentAt: number;
  envelope: Buffer;
};

/** A notice has nothing sealed. */
type Sealed = { kind: MessageKind; sealed?: Buffer; envelope?: Buffer };

/** States of one's own messages, in the order in which they may follow each other. */
const order: MessageState[] = ['pending', 'sent', 'failed', 'delivered', 'read'];
const COLUMNS = 'position, revision, id, contact, mine, kind, state, sent_at, missing';

const toMessageRow = (row: Row): MessageRow => ({
  position: row['position'] as number,
  revision: row['revision'] as number,
  id: (row['id'] as Buffer).toString('hex'),
  contact: row['contact'] as string,
  mine: row['mine'] === 1,
  kind: row['kind'] as MessageKind,
  state: row['state'] as MessageState,
  sentAt: row['sent_at'] as number,
  missing: row['missing'] as number,
});

export class Messages {
  readonly #database: Database;
  readonly #storage: OpeningKey;

  constructor(database: Database, storage: OpeningKey) {
    this.#database = database;
    this.#storage = storage;
  }

  /** Seals a text for the disk, before the transaction that stores it. */
  async sealText(text: Buffer): Promise<SealedText> {
    const row = `message/${randomBytes(16).toString('hex')}`;
    return { row, sealed: await sealRow(this.#storage.publicKey, row, text) };
  }

  /** One's own message: the envelope that it went in, and what opens its text (UTF-8). */
  own(contact: string, id: Buffer): { envelope: Buffer; text: () => Promise<Buffer> } | undefined {
    const row = this.#database.get(
      'SELECT row, sealed, envelope FROM messages WHERE contact = ? AND mine = 1 AND id = ?',
      contact,
      id,
    );
    if (!row) return undefined;
    const { row: name, sealed, envelope } = row as { row: string; sealed: Buffer; envelope: Buffer };
    return { envelope, text: () => openRow(this.#storage, name, sealed) };
  }

  insert(message: NewMessage): MessageRow {
    return this.#insert(message, 0);
  }

  /** Notes that a message was refused. Those that follow each other share a line: there may be thousands. */
  noteRefused(contact: string, sentAt: number): MessageRow {
    const last = this.#database.get(
      'SELECT position, kind, missing FROM messages WHERE contact = ? ORDER BY position DESC LIMIT 1',
      contact,
    );
    if (last?.['kind'] !== 'refused') return this.insertNotice(contact, 'refused', sentAt, 1);
    return this.setMissing(last['position'] as number, (last['missing'] as number) + 1);
  }

  /** A line in the conversation about the conversation. */
  insertNotice(contact: string, kind: NoticeKind, sentAt: number, missing = 0): MessageRow {
    const id = randomBytes(16);
    const row = `notice/${id.toString('hex')}`;
    return this.#insert({ id, row, contact, mine: false, kind, state: 'noted', sentAt }, missing);
  }

  /** Moves one's own message forward, never back. A failed one may still turn out to have arrived. @returns undefined if nothing changed */
  advance(
    contact: string,
    id: Buffer,
    state: 'sent' | 'delivered' | 'read' | 'failed',
  ): MessageRow | undefined {
    const position = this.#database.get(
      'SELECT position, state FROM messages WHERE contact = ? AND mine = 1 AND id = ?',
      contact,
      id,
    );
    if (!position || order.indexOf(state) <= order.indexOf(position['state'] as MessageState))
      return undefined;
    return this.#update(position['position'] as number, 'state', state);
  }

  /** Marks what a contact wrote as read. @returns the rows that changed */
  markRead(contact: string, upTo: number): MessageRow[] {
    return this.#database
      .all(
        `SELECT position FROM messages WHERE contact = ? AND state = 'unread' AND position <= ? ORDER BY position`,
        contact,
        upTo,
      )
      .map(({ position }) => this.#update(position as number, 'state', 'read'));
  }

  setMissing(position: number, missing: number): MessageRow {
    return this.#update(position, 'missing', missing);
  }

  missing(position: number): number {
    return this.#database.get('SELECT missing FROM messages WHERE position = ?', position)![
      'missing'
    ] as number;
  }

  /** The newest messages of a conversation, oldest first, with their texts.
   * @param before only those of a smaller position */
  async history(contact: string, limit: number, before = Number.MAX_SAFE_INTEGER): Promise<OpenedMessage[]> {
    return this.#open(
      this.#database
        .all(
          `SELECT ${COLUMNS}, row, sealed FROM messages
         WHERE contact = ? AND position < ? AND NOT (kind = 'missing' AND missing = 0)
         ORDER BY position DESC LIMIT ?`,
          contact,
          before,
          limit,
        )
        .reverse(),
    );
  }

  /** Messages of a conversation in their order, with their texts. @param from how many to skip */
  page(contact: string, from: number, count: number): Promise<OpenedMessage[]> {
    return this.#open(
      this.#database.all(
        `SELECT ${COLUMNS}, row, sealed FROM messages WHERE contact = ? ORDER BY position LIMIT ? OFFSET ?`,
        contact,
        count,
        from,
      ),
    );
  }

  /** The newest message of a conversation. */
  last(contact: string): MessageRow | undefined {
    const row = this.#database.get(
      `SELECT ${COLUMNS} FROM messages WHERE contact = ? ORDER BY position DESC LIMIT 1`,
      contact,
    );
    return row && toMessageRow(row);
  }

  /** The envelope that a message went or came in; a notice has none. */
  envelope(position: number): Buffer | undefined {
    const row = this.#database.get('SELECT envelope FROM messages WHERE position = ?', position);
    return (row?.['envelope'] as Buffer | null | undefined) ?? undefined;
  }

  /** One's own message was sealed again: what the relay sees of it is this. */
  replaceEnvelope(contact: string, id: Buffer, envelope: Buffer): void {
    this.#database.run(
      'UPDATE messages SET envelope = ? WHERE contact = ? AND mine = 1 AND id = ?',
      envelope,
      contact,
      id,
    );
  }

  /** The user sends a failed message again. @returns undefined if it isn't a failed one */
  revive(contact: string, id: Buffer): MessageRow | undefined {
    const row = this.#database.get(
      `UPDATE messages SET reseals = 0, reseal_due = 0
       WHERE contact = ? AND mine = 1 AND id = ? AND state = 'failed' RETURNING position`,
      contact,
      id,
    );
    return row && this.#update(row['position'] as number, 'state', 'pending');
  }

  /** The revision of the latest change. */
  get revision(): number {
    return this.#database.get('SELECT last FROM revision')!['last'] as number;
  }

  /** Makes what changed beside the messages newer than all that was told before. */
  touch(): void {
    this.#nextRevision();
  }

  #open(rows: Row[]): Promise<OpenedMessage[]> {
    return Promise.all(
      rows.map(async (row) => {
        const text = row['sealed']
          ? await openRow(this.#storage, row['row'] as string, row['sealed'] as Buffer)
          : Buffer.alloc(0);
        return { ...toMessageRow(row), text: text.toString('utf8') };
      }),
    );
  }

  #insert(message: Omit<NewMessage, 'kind' | 'sealed' | 'envelope'> & Sealed, missing: number): MessageRow {
    const { position } = this.#database.run(
      `INSERT INTO messages (row, id, contact, mine, kind, state, sent_at, revision, missing, sealed, envelope)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      message.row,
      message.id,
      message.contact,
      message.mine ? 1 : 0,
      message.kind,
      message.state,
      message.sentAt,
      this.#nextRevision(),
      missing,
      message.sealed ?? null,
      message.envelope ?? null,
    );
    return this.#at(position);
  }

  #update(position: number, column: 'state' | 'missing', value: string | number): MessageRow {
    this.#database.run(
      `UPDATE messages SET ${column} = ?, revision = ? WHERE position = ?`,
      value,
      this.#nextRevision(),
      position,
    );
    return this.#at(position);
  }

  #at(position: number): MessageRow {
    return toMessageRow(this.#database.get(`SELECT ${COLUMNS} FROM messages WHERE position = ?`, position)!);
  }

  #nextRevision(): number {
    return this.#database.get('UPDATE revision SET last = last + 1 RETURNING last')!['last'] as number;
  }
}
