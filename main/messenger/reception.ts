// What comes in: an envelope is checked, opened, stored in one transaction, and only then acknowledged.
import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import { type Body, decodeBody } from '../../protocol/body.ts';
import { decodeEnvelope, type Envelope, type Inner, sha256 } from '../../protocol/envelope.ts';
import { Failure } from '../../protocol/failures.ts';
import type { Account } from './account.ts';
import { Chain } from './chain.ts';
import type { Contacts } from './contacts.ts';
import type { Database } from './database.ts';
import type { Dispatch } from './dispatch.ts';
import type { Introduction } from './introduction.ts';
import type { MessageRow, Messages, SealedText } from './messages.ts';
import type { Notices } from './notices.ts';
import type { ReceptionKeys } from './reception-keys.ts';
import { authenticate, open } from './seal.ts';

export type IncomingText = { id: string; from: string; text: string; sentAt: number };

type Parts = {
  database: Database;
  account: Account;
  contacts: Contacts;
  messages: Messages;
  notices: Notices;
  receptionKeys: ReceptionKeys;
  dispatch: Dispatch;
  now: () => number;
  acknowledge: (from: string, id: Buffer) => void;
  /** Has the relay deliver again what wasn't acknowledged. */
  redeliver: () => void;
  /** Stops or resumes the flow from the relay. */
  setReading: (reading: boolean) => void;
  announce: (row: MessageRow) => void;
  announceText: (text: IncomingText) => void;
  report: (failure: Failure) => void;
};

type Opened = { inner: Inner; body: Body; stored: SealedText | undefined };
/** What became of an authentic envelope. */
type Checked = { envelope: Envelope; hash: Buffer; stranger: Introduction | undefined } & (
  | { result: 'seen' }
  | { result: 'unopenable' }
  | { result: 'refused'; failure: Failure }
  | ({ result: 'opened' } & Opened)
);

/** Envelopes being opened at once: enough for every core, few enough that sending needn't wait long for its turn. */
const CONCURRENCY = 2 * availableParallelism();
/** Above this many waiting envelopes the relay isn't read from, until there are half as many. */
const MAX_WAITING = 512;
/** How long to wait before what failed for a passing reason is delivered again. */
const LATER_MS = 20_000;

export class Reception {
  readonly #parts: Parts;
  readonly #chain: Chain;
  readonly #opening = pLimit(CONCURRENCY);
  /** Envelopes are opened side by side, and stored in the order in which they came. */
  readonly #storing = pLimit(1);
  #waiting = 0;
  #later: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#chain = new Chain(parts.database, parts.messages, parts.now);
  }

  /** Takes what the relay delivers. @param from the sender's user name, as the relay says */
  take(from: string, bytes: Buffer): void {
    if (++this.#waiting >= MAX_WAITING) this.#parts.setReading(false);
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
    clearTimeout(this.#later);
    await this.#storing(() => {});
  }

  /** PROTOCOL.md, "Receiving": each step only if those before held. */
  async #check(from: string, bytes: Buffer): Promise<Checked> {
    const { account, contacts, messages, receptionKeys } = this.#parts;
    const envelope = decodeEnvelope(bytes);
    const { identity, stranger } = await contacts.forReceiving(from);
    await authenticate(envelope, identity, account.identity.publicKey.fingerprint);
    const authentic = { envelope, hash: sha256(bytes), stranger };
    if (this.#chain.hasSeen(from, authentic.hash)) return { ...authentic, result: 'seen' };
    const key = await receptionKeys.find(envelope.header.receptionKey);
    if (!key) return { ...authentic, result: 'unopenable' };
    try {
      const inner = await open(envelope, key);
      const body = decodeBody(inner.type, inner.body);
      const isShown = body.type === 'text' || body.type === 'unknown';
      const stored = isShown ? await messages.sealText(inner.body) : undefined;
      return { ...authentic, result: 'opened', inner, body, stored };
    } catch (error) {
      const failure = Failure.from(error);
      // Anything else is our own trouble, not the envelope's: it is delivered again.
      if (failure.code !== 'message-refused') throw failure;
      return { ...authentic, result: 'refused', failure };
    }
  }

  async #store(from: string, bytes: Buffer, checked: Promise<Checked>): Promise<void> {
    const { database, dispatch, acknowledge, announce, announceText, report } = this.#parts;
    try {
      const message = await checked;
      const { id } = message.envelope.header;
      const { rows, isNew } = database.transaction(() => this.#take(from, message, bytes));
      acknowledge(from, id);
      rows.forEach(announce);
      dispatch.gather(from);
      if (message.result === 'refused') report(message.failure);
      if (message.result !== 'opened' || !isNew) return;
      const { body, inner } = message;
      if (body.type === 'unopenable') dispatch.catchUp();
      if (body.type === 'text') {
        announceText({ id: id.toString('hex'), from, text: body.text, sentAt: inner.sentAt });
      }
    } catch (error) {
      const failure = Failure.from(error);
      if (isFinal(failure)) this.#refuse(from, bytes, failure);
      else this.#tryLater(failure);
    }
  }

  /** The reason passes (a full disk, a relay that is busy): not acknowledged, so that it is delivered again. */
  #tryLater(failure: Failure): void {
    // Without a connection there will be a new one, and with it all that is not acknowledged.
    if (failure.code === 'offline' || this.#closed) return;
    this.#parts.report(failure);
    this.#later ??= setTimeout(() => {
      this.#later = undefined;
      this.#parts.redeliver();
    }, LATER_MS);
  }

  /** @returns what changed in the conversation, and whether the message is one that wasn't taken before */
  #take(from: string, message: Checked, bytes: Buffer): { rows: MessageRow[]; isNew: boolean } {
    const { contacts, notices, messages, now } = this.#parts;
    const { hash, stranger, result } = message;
    const { id } = message.envelope.header;
    // Asked again: its twin may have been stored while this one was being opened.
    if (result === 'seen' || this.#chain.hasSeen(from, hash)) return { rows: [], isNew: false };
    // Unless another of the stranger's envelopes has come first.
    if (stranger) contacts.adopt(stranger);
    if (message.result !== 'opened') {
      const rows = this.#chain.takeUnplaced(from, hash);
      if (message.result === 'unopenable') notices.owe(from, id, 'unopenable');
      else rows.push(messages.noteRefused(from, now()));
      return { rows, isNew: false };
    }
    // A message that was sealed again has another envelope in another place, and is still the same message.
    const isNew = !this.#chain.hasTaken(from, id);
    const { chain, sequence, previous } = message.inner;
    const rows = this.#chain.take(from, { id, chain, sequence, previous, hash });
    if (isNew) rows.push(...this.#apply(from, message, bytes));
    return { rows, isNew };
  }

  #apply(
    from: string,
    { envelope, inner, body, stored }: Opened & { envelope: Envelope },
    bytes: Buffer,
  ): MessageRow[] {
    const { messages, dispatch, notices } = this.#parts;
    const { id } = envelope.header;
    if (body.type === 'receipt') {
      const changed = body.ids.map((told) => messages.advance(from, told, body.kind));
      return changed.filter((row) => row !== undefined);
    }
    if (body.type === 'unopenable') {
      for (const unopened of body.ids) dispatch.oweAgain(from, unopened);
      return [];
    }
    notices.owe(from, id, 'delivered');
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

  /** It is not authentic, and never will be: acknowledged, so that it doesn't come again, and told. */
  #refuse(from: string, bytes: Buffer, failure: Failure): void {
    const { database, contacts, messages, acknowledge, announce, report, now } = this.#parts;
    try {
      if (contacts.list().some(({ name }) => name === from)) {
        announce(database.transaction(() => messages.noteRefused(from, now())));
      }
      acknowledge(from, bytes.subarray(2, 18));
      report(failure);
      // Somebody may have begun anew on another computer: then the relay names another identity, which the user is to
      // decide about. Asking it notes that; its answer changes nothing else.
      if (contacts.get(from)) contacts.forSending(from, true).catch(() => {});
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
