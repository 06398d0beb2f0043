// The messages on disk: every message's row, and its content sealed to the storage key. A line about the conversation
// itself is a notice, which has no content.
import { randomBytes } from 'node:crypto';
import { type Content, decodeContent } from '../../../protocol/v1/content.ts';
import type { Database, Row } from '../database.ts';
import type { OpeningKey } from '../rsa.ts';
import { openRow, sealRow } from '../seal.ts';
import type { Deliveries, DeliveryState } from './deliveries.ts';

/** One's own: as far as it was delivered. Others': unread, read. A notice has none of these. */
export type MessageState = DeliveryState | 'unread' | 'noted';
/** gap: numbers in a chain that did not come. fork: two stories about one. newSession: the contact goes on from a fresh
 * installation. refused: an envelope that was not taken. devices: the contact's device list has changed. */
export type NoticeKind = 'gap' | 'fork' | 'newSession' | 'refused' | 'devices';
/** text, or something that needs a newer Signet; or a notice. */
export type MessageKind = 'text' | 'unknown' | NoticeKind;

/** A message without its content: what events and lists carry. */
export type MessageRow = {
  position: number;
  /** Rises with every change of any message; the larger one is newer. */
  revision: number;
  /** 64 hex digits. */
  id: string;
  conversation: number;
  mine: boolean;
  kind: MessageKind;
  state: MessageState;
  /** The author's clock, milliseconds since 1970. */
  timestamp: number;
  /** gap: how many are missing; 0 once they have all come. refused, devices: how many in a row. */
  count: number;
};
export type OpenedMessage = MessageRow & { text: string };

/** A content, sealed for the row that it will stand in. */
export type SealedContent = { row: string; sealed: Buffer };
export type NewMessage = SealedContent & {
  conversation: number;
  /** 32 bytes. */
  id: Buffer;
  /** A contact, or 0 for oneself; and which of the author's devices has written it. */
  author: number;
  device: number;
  kind: 'text' | 'unknown';
  timestamp: number;
  /** 16 bytes. */
  salt: Buffer;
};
/** One's own message, as it has to be to seal it again. */
export type Kept = {
  position: number;
  conversation: number;
  timestamp: number;
  salt: Buffer;
  content: Buffer;
};

const COLUMNS = 'position, revision, id, conversation, author, device, kind, timestamp, unread, count';

export class Messages {
  readonly #database: Database;
  readonly #deliveries: Deliveries;
  readonly #storage: OpeningKey;

  constructor(database: Database, deliveries: Deliveries, storage: OpeningKey) {
    this.#database = database;
    this.#deliveries = deliveries;
    this.#storage = storage;
  }

  /** Seals a content for the disk, before the transaction that stores it. */
  async seal(content: Buffer): Promise<SealedContent> {
    const row = `message/${randomBytes(16).toString('hex')}`;
    return { row, sealed: await sealRow(this.#storage.publicKey, row, content) };
  }

  /** @returns undefined if a message with this id is here: it is the same one, in another envelope */
  insert(message: NewMessage): MessageRow | undefined {
    if (this.has(message.id)) return undefined;
    return this.#insert({ ...message, unread: message.author !== 0, count: 0 });
  }

  has(id: Buffer): boolean {
    return this.#database.get('SELECT 1 FROM messages WHERE id = ?', id) !== undefined;
  }

  /** Who wrote a message, and where. @param id 32 bytes */
  find(id: Buffer): { position: number; conversation: number; author: number; device: number } | undefined {
    const sql =
      'SELECT position, conversation, author, device FROM messages WHERE id = ? AND salt IS NOT NULL';
    return this.#database.get(sql, id) as ReturnType<Messages['find']>;
  }

  /** A message with all that its id was made of. @throws Failure `database-damaged` */
  async kept(position: number): Promise<Kept | undefined> {
    const row = this.#database.get(
      'SELECT position, conversation, timestamp, salt, row, sealed FROM messages WHERE position = ? AND salt IS NOT NULL',
      position,
    );
    if (!row) return undefined;
    const content = await openRow(this.#storage, row['row'] as string, row['sealed'] as Buffer);
    return {
      position,
      conversation: row['conversation'] as number,
      timestamp: row['timestamp'] as number,
      salt: row['salt'] as Buffer,
      content,
    };
  }

  /** A line in the conversation about the conversation. */
  insertNotice(conversation: number, kind: NoticeKind, timestamp: number, count = 0): MessageRow {
    const notice = { conversation, id: randomBytes(32), author: 0, device: 0, kind, timestamp };
    return this.#insert({ ...notice, salt: null, row: null, sealed: null, unread: false, count });
  }

  /** A notice that may follow itself a thousand times: those in a row share a line. */
  countNotice(conversation: number, kind: 'refused' | 'devices', timestamp: number): MessageRow {
    const last = this.#database.get(
      'SELECT position, kind, count FROM messages WHERE conversation = ? ORDER BY position DESC LIMIT 1',
      conversation,
    );
    if (last?.['kind'] !== kind) return this.insertNotice(conversation, kind, timestamp, 1);
    return this.setCount(last['position'] as number, (last['count'] as number) + 1);
  }

  /** @returns undefined if the message was removed */
  count(position: number): number | undefined {
    const row = this.#database.get('SELECT count FROM messages WHERE position = ?', position);
    return row?.['count'] as number | undefined;
  }

  setCount(position: number, count: number): MessageRow {
    this.#database.run('UPDATE messages SET count = ? WHERE position = ?', count, position);
    return this.changed(position);
  }

  /** Marks what others wrote as read. @param upTo the last message's position
   * @returns the rows that changed, each with who wrote it */
  markRead(conversation: number, upTo: number): { row: MessageRow; contact: number; device: number }[] {
    return this.#database
      .all(
        `UPDATE messages SET unread = 0 WHERE conversation = ? AND unread = 1 AND position <= ?
         RETURNING position, author, device`,
        conversation,
        upTo,
      )
      .map((row) => ({
        row: this.changed(row['position'] as number),
        contact: row['author'] as number,
        device: row['device'] as number,
      }))
      .sort((one, other) => one.row.position - other.row.position);
  }

  /** What a contact wrote in a conversation, and with which of its devices. */
  writtenBy(conversation: number, author: number): { id: Buffer; device: number }[] {
    return this.#database
      .all(
        'SELECT id, device FROM messages WHERE conversation = ? AND author = ? AND salt IS NOT NULL',
        conversation,
        author,
      )
      .map((row) => row as { id: Buffer; device: number });
  }

  /** Removes all messages of a conversation; what they hold is overwritten. */
  clear(conversation: number): void {
    this.#database.run('DELETE FROM messages WHERE conversation = ?', conversation);
  }

  /** How many messages a conversation has, notices included. */
  countIn(conversation: number): number {
    const sql = 'SELECT count(*) AS count FROM messages WHERE conversation = ?';
    return this.#database.get(sql, conversation)!['count'] as number;
  }

  /** How many of others' messages are unread, and where the first stands. */
  unreadIn(conversation: number): { count: number; first: number | null } {
    return this.#database.get(
      'SELECT count(*) AS count, min(position) AS first FROM messages WHERE conversation = ? AND unread = 1',
      conversation,
    ) as { count: number; first: number | null };
  }

  get unread(): number {
    return this.#database.get('SELECT count(*) AS count FROM messages WHERE unread = 1')!['count'] as number;
  }

  /** How many messages of the conversation stand before that position. */
  indexOf(conversation: number, position: number): number {
    const sql = 'SELECT count(*) AS count FROM messages WHERE conversation = ? AND position < ?';
    return this.#database.get(sql, conversation, position)!['count'] as number;
  }

  /** Messages in their order, with their texts. @param from how many to skip */
  page(conversation: number, from: number, count: number): Promise<OpenedMessage[]> {
    return this.#open(
      this.#database.all(
        `SELECT ${COLUMNS}, row, sealed FROM messages WHERE conversation = ? ORDER BY position LIMIT ? OFFSET ?`,
        conversation,
        count,
        from,
      ),
    );
  }

  /** The newest messages, oldest first, with their texts; gaps that have closed are left out. */
  history(conversation: number, limit: number): Promise<OpenedMessage[]> {
    return this.#open(
      this.#database
        .all(
          `SELECT ${COLUMNS}, row, sealed FROM messages
           WHERE conversation = ? AND NOT (kind = 'gap' AND count = 0) ORDER BY position DESC LIMIT ?`,
          conversation,
          limit,
        )
        .reverse(),
    );
  }

  /** The newest message of a conversation. */
  last(conversation: number): MessageRow | undefined {
    const row = this.#database.get(
      `SELECT ${COLUMNS} FROM messages WHERE conversation = ? ORDER BY position DESC LIMIT 1`,
      conversation,
    );
    return row && this.#toRow(row);
  }

  /** The row with a new revision: something about the message has changed. */
  changed(position: number): MessageRow {
    this.#database.run('UPDATE messages SET revision = ? WHERE position = ?', this.touch(), position);
    return this.at(position);
  }

  at(position: number): MessageRow {
    return this.#toRow(this.#database.get(`SELECT ${COLUMNS} FROM messages WHERE position = ?`, position)!);
  }

  /** The revision of the latest change. */
  get revision(): number {
    return this.#database.get('SELECT last FROM revision')!['last'] as number;
  }

  /** Makes what changed beside the messages newer than all that was told before. @returns the new revision */
  touch(): number {
    return this.#database.get('UPDATE revision SET last = last + 1 RETURNING last')!['last'] as number;
  }

  #open(rows: Row[]): Promise<OpenedMessage[]> {
    return Promise.all(
      rows.map(async (row) => {
        if (!row['sealed']) return { ...this.#toRow(row), text: '' };
        const content = await openRow(this.#storage, row['row'] as string, row['sealed'] as Buffer);
        return { ...this.#toRow(row), text: textOf(decodeContent(content)) };
      }),
    );
  }

  #insert(
    message: Omit<NewMessage, 'kind' | 'row' | 'sealed' | 'salt'> & {
      kind: MessageKind;
      row: string | null;
      sealed: Buffer | null;
      salt: Buffer | null;
      unread: boolean;
      count: number;
    },
  ): MessageRow {
    const { position } = this.#database.run(
      `INSERT INTO messages
         (conversation, id, author, device, kind, timestamp, salt, row, sealed, unread, count, revision)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      message.conversation,
      message.id,
      message.author,
      message.device,
      message.kind,
      message.timestamp,
      message.salt,
      message.row,
      message.sealed,
      message.unread ? 1 : 0,
      message.count,
      this.touch(),
    );
    return this.at(position);
  }

  #toRow(row: Row): MessageRow {
    const position = row['position'] as number;
    const kind = row['kind'] as MessageKind;
    const isMessage = kind === 'text' || kind === 'unknown';
    const mine = isMessage && row['author'] === 0;
    let state: MessageState = 'noted';
    if (mine) state = this.#deliveries.stateOf(position);
    else if (isMessage) state = row['unread'] === 1 ? 'unread' : 'read';
    return {
      position,
      revision: row['revision'] as number,
      id: (row['id'] as Buffer).toString('hex'),
      conversation: row['conversation'] as number,
      mine,
      kind,
      state,
      timestamp: row['timestamp'] as number,
      count: row['count'] as number,
    };
  }
}

/** What there is to read of a content; nothing of one that needs a newer Signet. */
const textOf = (content: Content): string => (content.kind === 'text' ? content.text : '');
