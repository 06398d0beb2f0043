// The messages on disk: every message's row, and its content sealed to the storage key. A line about the conversation
// itself is a notice, which has no content.
import { randomBytes } from 'node:crypto';
import { type Content, decodeContent } from '../../protocol/content.ts';
import type { Database } from './database.ts';
import type { OpeningKey } from './rsa.ts';
import { openRow, sealRow } from './storage.ts';
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

/** As it stands in the table. */
type Stored = Omit<NewMessage, 'kind' | 'salt' | 'row' | 'sealed'> & {
  position: number;
  kind: MessageKind;
  salt: Buffer | null;
  row: string | null;
  sealed: Buffer | null;
  unread: 0 | 1;
  count: number;
  revision: number;
};

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
    return this.#insert({ ...message, unread: message.author === 0 ? 0 : 1, count: 0 });
  }

  has(id: Buffer): boolean {
    return this.#database.get`SELECT 1 FROM messages WHERE id = ${id}` !== undefined;
  }

  /** A message, and no notice. @param id 32 bytes */
  find(id: Buffer): Pick<Stored, 'position' | 'conversation' | 'author' | 'device'> | undefined {
    return this.#database.get<Stored>`SELECT * FROM messages WHERE id = ${id} AND salt IS NOT NULL`;
  }

  /** A message with all that its id was made of. @throws Failure `database-damaged` */
  async kept(position: number): Promise<Kept | undefined> {
    const message = this.#database.get<Kept & SealedContent>`
      SELECT * FROM messages WHERE position = ${position} AND salt IS NOT NULL`;
    return message && { ...message, content: await openRow(this.#storage, message.row, message.sealed) };
  }

  /** A line in the conversation about the conversation. */
  insertNotice(conversation: number, kind: NoticeKind, timestamp: number, count = 0): MessageRow {
    const nobody = { author: 0, device: 0, salt: null, row: null, sealed: null, unread: 0 } as const;
    return this.#insert({ ...nobody, conversation, id: randomBytes(32), kind, timestamp, count });
  }

  /** A notice that may follow itself a thousand times: those in a row share a line. */
  countNotice(conversation: number, kind: 'refused' | 'devices', timestamp: number): MessageRow {
    const last = this.last(conversation);
    if (last?.kind !== kind) return this.insertNotice(conversation, kind, timestamp, 1);
    return this.setCount(last.position, last.count + 1);
  }

  /** @returns undefined if the message was removed */
  count(position: number): number | undefined {
    return this.#database.get<Stored>`SELECT count FROM messages WHERE position = ${position}`?.count;
  }

  setCount(position: number, count: number): MessageRow {
    this.#database.run`UPDATE messages SET count = ${count} WHERE position = ${position}`;
    return this.changed(position);
  }

  /** Marks what others wrote as read. @param upTo the last message's position
   * @returns the rows that changed, each with who wrote it */
  markRead(conversation: number, upTo: number): { row: MessageRow; contact: number; device: number }[] {
    const read = this.#database.all<Stored>`
      UPDATE messages SET unread = 0 WHERE conversation = ${conversation} AND unread = 1 AND position <= ${upTo}
      RETURNING position, author, device`;
    return read
      .sort((one, other) => one.position - other.position)
      .map(({ position, author: contact, device }) => ({ row: this.changed(position), contact, device }));
  }

  /** What a contact wrote in a conversation, and with which of its devices. */
  writtenBy(conversation: number, author: number): { id: Buffer; device: number }[] {
    return this.#database.all`
      SELECT id, device FROM messages
      WHERE conversation = ${conversation} AND author = ${author} AND salt IS NOT NULL`;
  }

  /** Removes all messages of a conversation; what they hold is overwritten. @returns their positions */
  clear(conversation: number): number[] {
    const removed = this.#database.all<Stored>`
      DELETE FROM messages WHERE conversation = ${conversation} RETURNING position`;
    return removed.map(({ position }) => position);
  }

  /** How many messages a conversation has, notices included. */
  countIn(conversation: number): number {
    return this.#count`SELECT count(*) AS count FROM messages WHERE conversation = ${conversation}`;
  }

  /** How many of others' messages are unread, and where the first stands. */
  unreadIn(conversation: number): { count: number; first: number | null } {
    return this.#database.get<{ count: number; first: number | null }>`
      SELECT count(*) AS count, min(position) AS first FROM messages
      WHERE conversation = ${conversation} AND unread = 1`!;
  }

  /** Unread messages in all conversations. */
  get unread(): number {
    return this.#count`SELECT count(*) AS count FROM messages WHERE unread = 1`;
  }

  /** How many messages of the conversation stand before that position. */
  indexOf(conversation: number, position: number): number {
    return this.#count`
      SELECT count(*) AS count FROM messages WHERE conversation = ${conversation} AND position < ${position}`;
  }

  /** Messages in their order, with their texts. @param from how many to skip */
  page(conversation: number, from: number, count: number): Promise<OpenedMessage[]> {
    return this.#open(this.#database.all<Stored>`
      SELECT * FROM messages WHERE conversation = ${conversation} ORDER BY position LIMIT ${count} OFFSET ${from}`);
  }

  /** The newest messages, oldest first, with their texts; gaps that have closed are left out. */
  history(conversation: number, limit: number): Promise<OpenedMessage[]> {
    const newest = this.#database.all<Stored>`
      SELECT * FROM messages WHERE conversation = ${conversation} AND NOT (kind = 'gap' AND count = 0)
      ORDER BY position DESC LIMIT ${limit}`;
    return this.#open(newest.reverse());
  }

  /** The newest message of a conversation. */
  last(conversation: number): MessageRow | undefined {
    const last = this.#database.get<Stored>`
      SELECT * FROM messages WHERE conversation = ${conversation} ORDER BY position DESC LIMIT 1`;
    return last && this.#toRow(last);
  }

  /** The row with a new revision: something about the message has changed. */
  changed(position: number): MessageRow {
    this.#database.run`UPDATE messages SET revision = ${this.touch()} WHERE position = ${position}`;
    return this.at(position);
  }

  at(position: number): MessageRow {
    return this.#toRow(this.#database.get<Stored>`SELECT * FROM messages WHERE position = ${position}`!);
  }

  /** The revision of the latest change. */
  get revision(): number {
    return this.#count`SELECT last AS count FROM revision`;
  }

  /** Makes what changed beside the messages newer than all that was told before. @returns the new revision */
  touch(): number {
    return this.#count`UPDATE revision SET last = last + 1 RETURNING last AS count`;
  }

  #count(sql: TemplateStringsArray, ...values: number[]): number {
    return this.#database.get<{ count: number }>(sql, ...values)!.count;
  }

  #open(messages: Stored[]): Promise<OpenedMessage[]> {
    return Promise.all(
      messages.map(async (message) => {
        const { row, sealed } = message;
        const content = row && sealed && decodeContent(await openRow(this.#storage, row, sealed));
        return { ...this.#toRow(message), text: content ? textOf(content) : '' };
      }),
    );
  }

  #insert(message: Omit<Stored, 'position' | 'revision'>): MessageRow {
    const { conversation, id, author, device, kind, timestamp, salt, row, sealed, unread, count } = message;
    const { position } = this.#database.run`
      INSERT INTO messages
        (conversation, id, author, device, kind, timestamp, salt, row, sealed, unread, count, revision)
      VALUES (${conversation}, ${id}, ${author}, ${device}, ${kind}, ${timestamp}, ${salt}, ${row}, ${sealed},
        ${unread}, ${count}, ${this.touch()})`;
    return this.at(position);
  }

  #toRow({
    position,
    revision,
    id,
    conversation,
    author,
    kind,
    timestamp,
    unread,
    count,
  }: Stored): MessageRow {
    const isMessage = kind === 'text' || kind === 'unknown';
    const mine = isMessage && author === 0;
    let state: MessageState = 'noted';
    if (mine) state = this.#deliveries.stateOf(position);
    else if (isMessage) state = unread === 1 ? 'unread' : 'read';
    return { position, revision, id: id.toString('hex'), conversation, mine, kind, state, timestamp, count };
  }
}

/** What there is to read of a content; nothing of one that needs a newer Signet. */
const textOf = (content: Content): string => (content.kind === 'text' ? content.text : '');
