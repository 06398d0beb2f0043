// What a window shows of the conversations: the list, pages of messages, one message's envelope, drafts. Only reads
// what the others have written, but for the drafts.
import { randomBytes } from 'node:crypto';
import pLimit from 'p-limit';
import { decodeEnvelope, HEADER_BYTES, RSA_BYTES } from '../../protocol/envelope.ts';
import { Failure } from '../../protocol/failures.ts';
import type { Account } from './account.ts';
import type { ContactSummary, Contacts } from './contacts.ts';
import type { Database } from './database.ts';
import type { MessageRow, Messages, OpenedMessage } from './messages.ts';
import { openRow, sealRow } from './seal.ts';

/** A row with its place in its conversation, from 0. */
export type Placed<T extends MessageRow> = T & { index: number };

export type Conversation = {
  contact: string;
  /** Of two summaries of a conversation, the one with the larger revision is the newer. */
  revision: number;
  verified: ContactSummary['verified'];
  verifiedAt: number | null;
  /** Fingerprint (64 hex digits) of another identity that the relay names; nothing is sealed for the contact. */
  offered: string | null;
  hasDraft: boolean;
  /** Messages in it, notices included. */
  count: number;
  unread: number;
  /** Index of the first unread one. */
  firstUnread: number | null;
  last: Placed<MessageRow> | null;
};

/** All that a relay sees of a message. Fingerprints are 64 hex digits; bytes is the header, the blocks, the signature. */
export type EnvelopeView = {
  version: number;
  suite: number;
  id: string;
  sender: string;
  recipient: string;
  /** created: milliseconds since 1970, if the key is still known. */
  sealedTo: { fingerprint: string; created: number | null };
  blockCount: number;
  bytes: Buffer;
  headerBytes: number;
  blockBytes: number;
  signatureBytes: number;
};

type Parts = { database: Database; account: Account; contacts: Contacts; messages: Messages };

export class Conversations {
  readonly #parts: Parts;
  /** A long draft takes longer to seal than the short one after it. */
  readonly #saving = pLimit(1);

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Everybody one knows, whether anything was written or not. */
  list(): Conversation[] {
    const { database, contacts } = this.#parts;
    const counts = new Map(
      database
        .all('SELECT contact, count(*) AS count FROM messages GROUP BY contact')
        .map(({ contact, count }) => [contact as string, count as number]),
    );
    return contacts.list().map((contact) => this.#summary(contact, counts.get(contact.name) ?? 0));
  }

  get(name: string): Conversation | undefined {
    const contact = this.#parts.contacts.get(name);
    return contact && this.#summary(contact, this.#indexOf(name, Number.MAX_SAFE_INTEGER));
  }

  /** Unread messages in all of them. */
  get unread(): number {
    return this.#parts.database.get(`SELECT count(*) AS count FROM messages WHERE state = 'unread'`)![
      'count'
    ] as number;
  }

  place(row: MessageRow): Placed<MessageRow> {
    return { ...row, index: this.#indexOf(row.contact, row.position) };
  }

  /** Messages in their order, with their texts. @param from index of the first @param count at most so many */
  async page(contact: string, from: number, count: number): Promise<Placed<OpenedMessage>[]> {
    const rows = await this.#parts.messages.page(contact, from, count);
    return rows.map((row, i) => ({ ...row, index: from + i }));
  }

  /** A message and its envelope, which a notice doesn't have. @throws Failure `command-invalid` */
  async details(
    contact: string,
    position: number,
  ): Promise<{ message: Placed<OpenedMessage>; envelope: EnvelopeView | null }> {
    const index = this.#indexOf(contact, position);
    const [message] = await this.page(contact, index, 1);
    if (message?.position !== position) throw new Failure('command-invalid', 'There is no such message.');
    const bytes = this.#parts.messages.envelope(position);
    return { message, envelope: bytes ? this.#describe(contact, bytes) : null };
  }

  /** What was begun to be written, or the empty text. */
  async draft(contact: string): Promise<string> {
    const row = this.#parts.database.get('SELECT row, sealed FROM drafts WHERE contact = ?', contact);
    if (!row) return '';
    const text = await openRow(this.#parts.account.storage, row['row'] as string, row['sealed'] as Buffer);
    return text.toString('utf8');
  }

  /** Keeps what was begun to be written; the empty text keeps nothing. */
  saveDraft(contact: string, text: string): Promise<void> {
    const { database, account, messages } = this.#parts;
    return this.#saving(async () => {
      const row = `draft/${randomBytes(16).toString('hex')}`;
      const content = Buffer.from(text.toWellFormed(), 'utf8');
      const sealed = text !== '' && (await sealRow(account.storage.publicKey, row, content));
      database.transaction(() => {
        database.run('DELETE FROM drafts WHERE contact = ?', contact);
        if (sealed)
          database.run('INSERT INTO drafts (contact, row, sealed) VALUES (?, ?, ?)', contact, row, sealed);
        messages.touch();
      });
    });
  }

  /** Waits for what is being stored. */
  async close(): Promise<void> {
    await this.#saving(() => {});
  }

  #summary(contact: ContactSummary, count: number): Conversation {
    const { database, messages } = this.#parts;
    const { name, verified, verifiedAt, offered } = contact;
    const last = messages.last(name);
    const unread = database.get(
      `SELECT count(*) AS count, min(position) AS first FROM messages WHERE contact = ? AND state = 'unread'`,
      name,
    )!;
    const first = unread['first'] as number | null;
    return {
      contact: name,
      revision: messages.revision,
      verified,
      verifiedAt,
      offered,
      hasDraft: database.get('SELECT 1 FROM drafts WHERE contact = ?', name) !== undefined,
      count,
      unread: unread['count'] as number,
      firstUnread: first === null ? null : this.#indexOf(name, first),
      last: last ? { ...last, index: count - 1 } : null,
    };
  }

  /** How many messages of the conversation stand before that position. */
  #indexOf(contact: string, position: number): number {
    return this.#parts.database.get(
      'SELECT count(*) AS count FROM messages WHERE contact = ? AND position < ?',
      contact,
      position,
    )!['count'] as number;
  }

  #describe(contact: string, bytes: Buffer): EnvelopeView {
    const { header } = decodeEnvelope(bytes);
    const hex = (part: Buffer): string => part.toString('hex');
    return {
      version: bytes[0]!,
      suite: bytes[1]!,
      id: hex(header.id),
      sender: hex(header.sender),
      recipient: hex(header.recipient),
      sealedTo: {
        fingerprint: hex(header.receptionKey),
        created: this.#createdAt(contact, header.receptionKey),
      },
      blockCount: header.blockCount,
      bytes,
      headerBytes: HEADER_BYTES,
      blockBytes: RSA_BYTES,
      signatureBytes: RSA_BYTES,
    };
  }

  /** When a reception key was made: one's own, or the one that a contact has now. */
  #createdAt(contact: string, fingerprint: Buffer): number | null {
    const own = this.#parts.database.get(
      'SELECT created FROM reception_keys WHERE fingerprint = ?',
      fingerprint,
    );
    return (own?.['created'] as number | undefined) ?? this.#parts.contacts.keyCreated(contact, fingerprint);
  }
}
