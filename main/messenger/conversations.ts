// The conversations: each with an id of its own, and what the user has begun to write in it.
import { randomBytes } from 'node:crypto';
import pLimit from 'p-limit';
import { pairConversation } from '../../protocol/ids.ts';
import type { Database } from './database.ts';
import type { OpeningKey } from './rsa.ts';
import { openRow, sealRow } from './storage.ts';

export type Conversation = {
  /** The key that other tables have. */
  conversation: number;
  /** 32 bytes; part of each message's id. */
  id: Buffer;
  contact: number;
};

type Draft = { row: string; sealed: Buffer };

export class Conversations {
  readonly #database: Database;
  readonly #identity: Buffer;
  readonly #storage: OpeningKey;
  /** A long draft takes longer to seal than the short one after it. */
  readonly #saving = pLimit(1);

  /** @param identity one's own, 32 bytes */
  constructor(database: Database, identity: Buffer, storage: OpeningKey) {
    this.#database = database;
    this.#identity = identity;
    this.#storage = storage;
  }

  /** The conversation with a contact, which begins now if there is none. @param identity the contact's, 32 bytes */
  withContact(contact: number, identity: Buffer): Conversation {
    const id = pairConversation(this.#identity, identity);
    this.#database.run`INSERT OR IGNORE INTO conversations (id, contact) VALUES (${id}, ${contact})`;
    return this.#database.get<Conversation>`SELECT * FROM conversations WHERE contact = ${contact}`!;
  }

  /** Who it is with. */
  contactOf(conversation: number): number {
    return this.#database.get<Conversation>`
      SELECT contact FROM conversations WHERE conversation = ${conversation}`!.contact;
  }

  /** The contact has another identity now: what is written from here on has ids of the new pair. */
  setIdentity(contact: number, identity: Buffer): void {
    const id = pairConversation(this.#identity, identity);
    this.#database.run`UPDATE conversations SET id = ${id} WHERE contact = ${contact}`;
  }

  hasDraft(conversation: number): boolean {
    return this.draftRow(conversation) !== undefined;
  }

  /** The name of the draft's row: each saved draft has another. */
  draftRow(conversation: number): string | undefined {
    return this.#database.get<Draft>`SELECT row FROM drafts WHERE conversation = ${conversation}`?.row;
  }

  /** What was begun to be written, or the empty text. */
  async draft(conversation: number): Promise<string> {
    const draft = this.#database
      .get<Draft>`SELECT row, sealed FROM drafts WHERE conversation = ${conversation}`;
    return draft ? (await openRow(this.#storage, draft.row, draft.sealed)).toString('utf8') : '';
  }

  /** Keeps what was begun to be written; the empty text keeps nothing. */
  saveDraft(conversation: number, text: string): Promise<void> {
    return this.#saving(async () => {
      const row = `draft/${randomBytes(16).toString('hex')}`;
      const content = Buffer.from(text.toWellFormed(), 'utf8');
      const sealed = text !== '' && (await sealRow(this.#storage.publicKey, row, content));
      this.#database.transaction(() => {
        this.#database.run`DELETE FROM drafts WHERE conversation = ${conversation}`;
        if (!sealed) return;
        this.#database.run`INSERT INTO drafts VALUES (${conversation}, ${row}, ${sealed})`;
      });
    });
  }

  /** It was sent. A newer one stays. @param row the name that it had when sending began */
  removeDraft(conversation: number, row: string): void {
    this.#database.run`DELETE FROM drafts WHERE conversation = ${conversation} AND row = ${row}`;
  }

  /** Waits for what is being stored. */
  async close(): Promise<void> {
    await this.#saving(() => {});
  }
}
