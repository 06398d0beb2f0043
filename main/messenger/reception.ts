// What comes in: an envelope is checked, opened, stored in one transaction, and only then acknowledged.
import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import { type Body, decodeBody } from '../../protocol/body.ts';
import { decodeEnvelope, type Envelope, type Inner, sha256 } from '../../protocol/envelope.ts';
import { Failure } from '../../protocol/failures.ts';
import type { Account } from './account.ts';
import { Chain } from './chain.ts';
import type { Contacts, Introduction } from './contacts.ts';
import type { Database } from './database.ts';
import type { Dispatch } from './dispatch.ts';
import type { MessageRow, Messages, SealedText } from './messages.ts';
import type { ReceptionKeys } from './reception-keys.ts';
import { authenticate, open } from './seal.ts';

export type IncomingText = { id: string; from: string; text: string; sentAt: number };

type Parts = {
  database: Database;
  account: Account;
  contacts: Contacts;
  messages: Messages;
  receptionKeys: ReceptionKeys;
  dispatch: Dispatch;
  now: () => number;
  acknowledge: (from: string, id: Buffer) => void;
  /** Stops or resumes the flow from the relay. */
  setReading: (reading: boolean) => void;
  announce: (row: MessageRow) => void;
  announceText: (text: IncomingText) => void;
  report: (failure: Failure) => void;
};

type Opened = { inner: Inner; body: Body; stored: SealedText | undefined };
type Checked = { envelope: Envelope; stranger: Introduction | undefined } & (
  { result: 'seen' } | { result: 'unopenable' } | ({ result: 'opened' } & Opened)
);

/** Envelopes being opened at once: enough for every core, few enough that sending needn't wait long for its turn. */
const CONCURRENCY = 2 * availableParallelism();
/** Above this many waiting envelopes the relay isn't read from, until there are half as many. */
const MAX_WAITING = 128;

export class Reception {
  readonly #parts: Parts;
  readonly #chain: Chain;
  readonly #opening = pLimit(CONCURRENCY);
  /** Envelopes are opened side by side, and stored in the order in which they came. */
  readonly #storing = pLimit(1);
  #waiting = 0;
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#chain = new Chain(parts.database, parts.messages, parts.now);
  }

  /** Takes what the relay delivers. @param from the sender's user name, as the relay says */
  take(from: string, bytes: Buffer): void {
    if (++this.#waiting === MAX_WAITING) this.#parts.setReading(false);
    const checked = this.#opening(() => this.#check(from, bytes));
    // It is awaited in its turn; until then its failure is no unhandled one.
    checked.catch(() => {});
    void this.#storing(async () => {
      try {
        if (!this.#closed) await this.#store(from, bytes, checked);
      } finally {
        if (--this.#waiting === MAX_WAITING / 2) this.#parts.setReading(true);
      }
    });
  }

  /** Waits for what is being stored, and takes nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#storing(() => {});
  }

  /** PROTOCOL.md, "Receiving": each step only if those before held. */
  async #check(from: string, bytes: Buffer): Promise<Checked> {
    const { account, contacts, messages, receptionKeys } = this.#parts;
    const envelope = decodeEnvelope(bytes);
    const { identity, stranger } = await contacts.forReceiving(from);
    await authenticate(envelope, identity, account.identity.publicKey.fingerprint);
    if (this.#chain.hasSeen(from, envelope.header.id)) return { result: 'seen', envelope, stranger };
    const key = await receptionKeys.find(envelope.header.receptionKey);
    if (!key) return { result: 'unopenable', envelope, stranger };
    const inner = await open(envelope, key);
    const body = decodeBody(inner.type, inner.body);
    const isShown = body.type === 'text' || body.type === 'unknown';
    const stored = isShown ? await messages.sealText(inner.body) : undefined;
    return { result: 'opened', envelope, stranger, inner, body, stored };
  }

  async #store(from: string, bytes: Buffer, checked: Promise<Checked>): Promise<void> {
    const { database, dispatch, acknowledge, announce, announceText, report } = this.#parts;
    try {
      const message = await checked;
      const { header } = message.envelope;
      const rows = database.transaction(() => this.#take(from, message, sha256(bytes), bytes));
      acknowledge(from, header.id);
      rows?.forEach(announce);
      dispatch.gather(from);
      if (!rows || message.result !== 'opened') return;
      const { body, inner } = message;
      if (body.type === 'unopenable') dispatch.catchUp();
      if (body.type === 'text') {
        announceText({ id: header.id.toString('hex'), from, text: body.text, sentAt: inner.sentAt });
      }
    } catch (error) {
      const failure = Failure.from(error);
      if (isFinal(failure)) this.#refuse(from, bytes, failure);
      // Not acknowledged: the relay delivers it again on the next connection.
      else if (failure.code !== 'offline') report(failure);
    }
  }

  /** @returns what changed in the conversation; undefined if the envelope had been taken before */
  #take(from: string, message: Checked, hash: Buffer, bytes: Buffer): MessageRow[] | undefined {
    const { contacts, dispatch } = this.#parts;
    const { id } = message.envelope.header;
    // Asked again: its twin may have been stored while this one was being opened.
    if (message.result === 'seen' || this.#chain.hasSeen(from, id)) return undefined;
    if (message.stranger) contacts.adopt(message.stranger);
    if (message.result === 'unopenable') {
      dispatch.owe(from, id, 'unopenable');
      return this.#chain.takeUnopened(from, hash);
    }
    const { chain, sequence, previous } = message.inner;
    const notices = this.#chain.take(from, { id, chain, sequence, previous, hash });
    return [...notices, ...this.#apply(from, message, bytes)];
  }

  #apply(
    from: string,
    { envelope, inner, body, stored }: Opened & { envelope: Envelope },
    bytes: Buffer,
  ): MessageRow[] {
    const { messages, dispatch } = this.#parts;
    const { id } = envelope.header;
    if (body.type === 'receipt') {
      const changed = body.ids.map((told) => messages.advance(from, told, body.kind));
      return changed.filter((row) => row !== undefined);
    }
    if (body.type === 'unopenable') {
      for (const unopened of body.ids) dispatch.oweReseal(from, unopened);
      return [];
    }
    dispatch.owe(from, id, 'delivered');
    const row = {
      ...stored!,
      id,
      contact: from,
      mine: false,
      state: 'unread',
      sentAt: inner.sentAt,
    } as const;
    return [messages.insert({ ...row, kind: body.type, envelope: bytes })];
  }

  /** It will never be right: acknowledged, so that it doesn't come again, and told in the conversation. */
  #refuse(from: string, bytes: Buffer, failure: Failure): void {
    const { database, contacts, messages, acknowledge, announce, report, now } = this.#parts;
    try {
      if (contacts.list().some(({ name }) => name === from)) {
        announce(database.transaction(() => messages.insertNotice(from, 'refused', now())));
      }
      acknowledge(from, bytes.subarray(2, 18));
      report(failure);
    } catch (error) {
      report(Failure.from(error));
    }
  }
}

/** Failures that the same envelope would meet again. */
function isFinal({ code }: Failure): boolean {
  return [
    'message-refused',
    'key-refused',
    'identity-changed',
    'identity-invalid',
    'reception-key-invalid',
    'reception-key-older',
    'unknown-user',
  ].includes(code);
}
