// What goes out: texts, receipts, and what has to be sealed again. One envelope after the other for each contact,
// since each names the one before.
import { randomBytes } from 'node:crypto';
import pLimit, { type LimitFunction } from 'p-limit';
import { encodeBody, encodeText, messageTypes } from '../../protocol/body.ts';
import { decodeEnvelope, sha256 } from '../../protocol/envelope.ts';
import { Failure } from '../../protocol/failures.ts';
import type { Account } from './account.ts';
import type { Contacts } from './contacts.ts';
import type { Database } from './database.ts';
import type { MessageRow, Messages } from './messages.ts';
import { type NoticeDue, noticeKinds, type Notices } from './notices.ts';
import type { Outbox } from './outbox.ts';
import { seal } from './seal.ts';

type Encoded = ReturnType<typeof encodeBody>;

/** Receipts wait this long for others that can go in the same envelope. */
const GATHER_MS = 150;
const MAX_RESEALS = 3;

type Parts = {
  database: Database;
  account: Account;
  contacts: Contacts;
  messages: Messages;
  notices: Notices;
  outbox: Outbox;
  now: () => number;
  /** Tells of a message that is new or changed. */
  announce: (row: MessageRow) => void;
  /** Tells of what went wrong in the background. */
  report: (failure: Failure) => void;
};

export class Dispatch {
  readonly #parts: Parts;
  readonly #lanes = new Map<string, LimitFunction>();
  readonly #gathering = new Map<string, NodeJS.Timeout>();
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Seals a text and puts it into the outbox. @returns its row, once that is on the disk
   * @throws Failure `text-empty`, `text-too-long`, and those of Contacts.forSending */
  async sendText(to: string, text: string): Promise<MessageRow> {
    const body = encodeText(text);
    const id = randomBytes(16);
    const { database } = this.#parts;
    const draft = database.get('SELECT row FROM drafts WHERE contact = ?', to)?.['row'];
    return this.#inLane(to, async () => {
      const [stored, envelope] = await Promise.all([
        this.#parts.messages.sealText(body),
        this.#seal(to, id, { type: messageTypes.text, body }),
      ]);
      return this.#post(to, id, envelope, () => {
        // This is what has become of it, and must not come back as one, whenever Signet ends. A newer one stays.
        if (draft) database.run('DELETE FROM drafts WHERE contact = ? AND row = ?', to, draft);
        return this.#parts.messages.insert({
          ...stored,
          id,
          contact: to,
          mine: true,
          kind: 'text',
          state: 'pending',
          sentAt: envelope.sentAt,
          envelope: envelope.bytes,
        });
      });
    });
  }

  /** Sends a failed message again: the same envelope, so that no place in the chain stays empty; or, if the contact's
   * key is another by now, sealed anew under its old id.
   * @throws Failure `command-invalid` if it isn't a failed one, and those of Contacts.forSending */
  async retry(contact: string, id: Buffer): Promise<void> {
    const { contacts, database, messages, outbox, announce } = this.#parts;
    const revive = (): MessageRow => {
      const revived = messages.revive(contact, id);
      if (!revived) throw new Failure('command-invalid', 'This message has not failed.');
      return revived;
    };
    return this.#inLane(contact, async () => {
      const sent = messages.own(contact, id);
      if (!sent) throw new Failure('command-invalid', 'There is no such message.');
      const { fingerprint, receptionKey } = await contacts.forSending(contact, true);
      const { header } = decodeEnvelope(sent.envelope);
      if (header.recipient.equals(fingerprint) && header.receptionKey.equals(receptionKey.fingerprint)) {
        const revived = database.transaction(() => {
          outbox.put(contact, id, sent.envelope);
          return revive();
        });
        announce(revived);
        outbox.send();
        return;
      }
      const body = await sent.text();
      const envelope = await this.#seal(contact, id, { type: messageTypes.text, body });
      this.#post(contact, id, envelope, () => {
        messages.replaceEnvelope(contact, id, envelope.bytes);
        return revive();
      });
    });
  }

  /** Sends soon what is owed to a contact. */
  gather(contact: string): void {
    if (this.#closed || this.#gathering.has(contact)) return;
    this.#gathering.set(
      contact,
      setTimeout(() => {
        this.#gathering.delete(contact);
        void this.#background(contact, () => this.#sendNotices(contact));
      }, GATHER_MS),
    );
  }

  /** Remembers that a contact couldn't open one of our envelopes; within a transaction, with catchUp() after it.
   * What the contact has confirmed needs no second time. */
  oweAgain(contact: string, id: Buffer): void {
    const { database, notices } = this.#parts;
    database.run(
      `UPDATE messages SET reseal_due = 1
       WHERE contact = ? AND mine = 1 AND id = ? AND kind = 'text' AND state IN ('pending', 'sent')`,
      contact,
      id,
    );
    notices.oweAgain(contact, id);
  }

  /** Sends all that is owed to anybody, on a new connection or after oweAgain. */
  catchUp(): void {
    const { database, notices } = this.#parts;
    for (const contact of notices.creditors()) this.gather(contact);
    for (const row of database.all('SELECT contact, id FROM messages WHERE reseal_due = 1')) {
      const contact = row['contact'] as string;
      void this.#background(contact, () => this.#reseal(contact, row['id'] as Buffer));
    }
  }

  /** Whether nothing is being sealed, and nothing is owed. */
  get idle(): boolean {
    for (const lane of this.#lanes.values()) if (lane.activeCount + lane.pendingCount > 0) return false;
    return this.#parts.notices.creditors().length === 0;
  }

  /** Waits for what is being sealed, and takes nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#gathering.values()) clearTimeout(timer);
    await Promise.all([...this.#lanes.values()].map((lane) => lane(() => {})));
  }

  #inLane<T>(contact: string, work: () => Promise<T>): Promise<T> {
    let lane = this.#lanes.get(contact);
    if (!lane) {
      lane = pLimit(1);
      this.#lanes.set(contact, lane);
    }
    return lane(() => {
      if (this.#closed)
        throw new Failure('offline', 'Signet is closing. Send it again after the next start.');
      return work();
    });
  }

  async #background(contact: string, work: () => Promise<void>): Promise<void> {
    try {
      await this.#inLane(contact, work);
    } catch (error) {
      const failure = Failure.from(error);
      // It stays owed, and is tried again on the next connection. Whoever has left the relay can't be told anything.
      const isPassing = ['offline', 'unknown-user'].includes(failure.code);
      if (!this.#closed && !isPassing) this.#parts.report(failure);
    }
  }

  /** @param anew somebody's keys were lost or replaced: what is known may be as old, so the relay is asked */
  async #seal(to: string, id: Buffer, { type, body }: Encoded, anew = false): Promise<Sealed> {
    const { account, contacts, now } = this.#parts;
    const { receptionKey, fingerprint } = await contacts.forSending(to, anew);
    const { chain, sequence, previous } = contacts.chainEnd(to);
    const sentAt = now();
    const inner = { chain, sequence: sequence + 1, previous, sentAt, type, body };
    const sender = account.identity;
    const bytes = await seal({ id, sender, recipient: fingerprint, receptionKey, inner });
    return { bytes, sequence: inner.sequence, sentAt };
  }

  /** Envelope, place in the chain, and whatever `also` writes: all of it on the disk, or nothing. */
  #post<T extends MessageRow | undefined>(
    to: string,
    id: Buffer,
    { bytes, sequence }: Sealed,
    also: () => T,
  ): T {
    const { database, contacts, outbox, announce } = this.#parts;
    const row = database.transaction(() => {
      contacts.advanceChain(to, sequence, sha256(bytes));
      outbox.put(to, id, bytes);
      return also();
    });
    if (row) announce(row);
    outbox.send();
    return row;
  }

  async #sendNotices(contact: string): Promise<void> {
    const { notices } = this.#parts;
    for (const kind of noticeKinds) {
      for (let ids = notices.due(contact, kind); ids.length > 0; ids = notices.due(contact, kind)) {
        const id = randomBytes(16);
        const envelope = await this.#seal(contact, id, encodeNotice(kind, ids), kind === 'unopenable');
        this.#post(contact, id, envelope, () => {
          notices.settle(contact, kind, ids, id);
          return undefined;
        });
      }
    }
  }

  /** Seals a message again, to the contact's current key, under its old id and in a new place. */
  async #reseal(contact: string, id: Buffer): Promise<void> {
    const { database, messages, announce } = this.#parts;
    const due = database.get(
      'SELECT reseals FROM messages WHERE contact = ? AND mine = 1 AND id = ? AND reseal_due = 1',
      contact,
      id,
    );
    if (!due) return;
    const settle = (): void => {
      database.run(
        'UPDATE messages SET reseal_due = 0, reseals = reseals + 1 WHERE contact = ? AND mine = 1 AND id = ?',
        contact,
        id,
      );
    };
    if ((due['reseals'] as number) >= MAX_RESEALS) {
      const failed = database.transaction(() => {
        settle();
        return messages.advance(contact, id, 'failed');
      });
      if (failed) announce(failed);
      return;
    }
    const body = await messages.own(contact, id)?.text();
    if (!body) return;
    const envelope = await this.#seal(contact, id, { type: messageTypes.text, body }, true);
    this.#post(contact, id, envelope, () => {
      settle();
      messages.replaceEnvelope(contact, id, envelope.bytes);
      return undefined;
    });
  }
}

type Sealed = { bytes: Buffer; sequence: number; sentAt: number };

const encodeNotice = (kind: NoticeDue, ids: Buffer[]): Encoded =>
  encodeBody(kind === 'unopenable' ? { type: kind, ids } : { type: 'receipt', kind, ids });
