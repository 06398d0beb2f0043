// What comes in: an envelope is checked, opened, stored in one transaction, and only then acknowledged (PROTOCOL.md,
// "Receiving").
import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import { Failure } from '../../protocol/failures.ts';
import { type Content, decodeContent } from '../../protocol/content.ts';
import { decodeEnvelope, type Envelope, envelopeHash } from '../../protocol/envelope.ts';
import { messageId } from '../../protocol/ids.ts';
import type { Payload } from '../../protocol/payload.ts';
import { Malformed } from '../../protocol/reader.ts';
import type { Database } from './database.ts';
import { isAuthentic, open } from './seal.ts';
import type { Account } from './account.ts';
import type { Chains } from './chains.ts';
import { SELF } from './devices.ts';
import type { Shown } from './directory.ts';
import { apply, type Arrival, type Effect, type Model } from './kinds.ts';
import type { MessageRow, SealedContent } from './messages.ts';
import type { Prekeys } from './prekeys.ts';
import type { PublicKeys } from './public-keys.ts';
import { classOf } from './relay-failure.ts';
import type { Sender, Senders } from './senders.ts';

export type IncomingText = {
  /** 64 hex digits. */
  id: string;
  /** The author's name. */
  from: string;
  text: string;
  timestamp: number;
  /** Whether the author was not accepted yet. */
  isRequest: boolean;
};

type Parts = {
  database: Database;
  account: Account;
  model: Model;
  chains: Chains;
  prekeys: Prekeys;
  senders: Senders;
  keys: PublicKeys;
  now: () => number;
  /** Has the relay deliver again what wasn't acknowledged. */
  redeliver: () => void;
  /** Stops or resumes the flow from the relay. */
  setReading: (reading: boolean) => void;
  announce: (row: MessageRow) => void;
  announceText: (text: IncomingText) => void;
  /** A contact is new, or has something new to be seen besides messages. */
  announceContact: (contact: number) => void;
  /** What was taken is answered: receipts are owed; due: so is something that is to be sealed again. */
  onTaken: (contact: number, due: boolean) => void;
  report: (failure: Failure) => void;
};

type Opened = {
  payload: Payload;
  content: Content;
  wrapped?: Content;
  peer?: Shown;
  stored: SealedContent | undefined;
};
type Checked =
  /** Taken in before, or not wanted: acknowledged without a word. */
  | { result: 'drop' }
  /** Waits at the relay for the user's decision. */
  | { result: 'held' }
  /** Not authentic, and never will be. */
  | { result: 'refused'; contact: number | undefined; hash: Buffer }
  /** Authentic, and its key is gone; or what is inside is not valid. */
  | { result: 'keyless' | 'invalid'; envelope: Envelope; hash: Buffer; sender: Sender }
  | ({ result: 'opened'; envelope: Envelope; hash: Buffer; sender: Sender } & Opened);

/** Envelopes being opened at once: enough for every core, few enough that sending needn't wait long for its turn. */
const CONCURRENCY = 2 * availableParallelism();
/** Above this many waiting envelopes the relay isn't read from, until there are half as many. */
const MAX_WAITING = 512;
/** How long to wait before what failed for a passing reason is delivered again. */
const LATER_MS = 20_000;

export class Receiving {
  readonly #parts: Parts;
  readonly #opening = pLimit(CONCURRENCY);
  /** Envelopes are opened side by side, and stored in the order in which they came. */
  readonly #storing = pLimit(1);
  #waiting = 0;
  #later: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Takes what the relay delivers. @param acknowledge tells the relay that it needn't deliver it again */
  take(bytes: Buffer, acknowledge: () => void): void {
    if (++this.#waiting >= MAX_WAITING) this.#parts.setReading(false);
    const checked = this.#opening(() => this.#check(bytes));
    // It is awaited in its turn; until then its failure is no unhandled one.
    checked.catch(() => {});
    void this.#storing(async () => {
      try {
        if (!this.#closed) await this.#store(bytes, checked, acknowledge);
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

  /** Each step only if those before held. @throws Failure for what may pass: it is to be delivered again */
  async #check(bytes: Buffer): Promise<Checked> {
    const { account, chains, keys, prekeys, senders } = this.#parts;
    const hash = envelopeHash(bytes);
    const envelope = decode(bytes);
    const recipient = envelope?.header.recipient;
    const isMine = recipient?.identity.equals(account.identity) && recipient.device === account.device;
    if (!envelope || !isMine) return { result: 'refused', contact: undefined, hash };
    if (chains.hasTaken(hash)) return { result: 'drop' };
    const sender = await senders.find(envelope.header);
    if (sender.result === 'refused') return { ...sender, hash };
    if (sender.result !== 'known') return sender;
    const found = { envelope, hash, sender };
    if (!(await isAuthentic(envelope, await keys.of(sender.key)))) {
      return { result: 'refused', contact: sender.contact, hash };
    }
    const key = await prekeys.find(envelope.header.encryptionKey);
    if (!key) return { ...found, result: 'keyless' };
    const opened = await this.#open(envelope, key, sender);
    return opened ? { ...found, ...opened, result: 'opened' } : { ...found, result: 'invalid' };
  }

  /** @returns undefined if what is inside is not valid */
  async #open(
    envelope: Envelope,
    key: Parameters<typeof open>[1],
    { contact }: Sender,
  ): Promise<Opened | undefined> {
    const { model, senders } = this.#parts;
    try {
      const payload = await open(envelope, key);
      const content = decodeContent(payload.content);
      const isShown = content.kind === 'text' || content.kind === 'unknown';
      // Copies come from one's own devices alone, and nothing else that is shown does.
      if ((contact === SELF && isShown) || (contact !== SELF && content.kind === 'sync')) return undefined;
      if (content.kind !== 'sync') {
        return { payload, content, stored: isShown ? await model.messages.seal(payload.content) : undefined };
      }
      const { wrapped } = content;
      const inner = decodeContent(wrapped.content);
      const isKept = inner.kind === 'text' || inner.kind === 'unknown';
      const peer = 'pair' in wrapped.conversation ? await senders.peer(wrapped.conversation.pair) : undefined;
      return {
        payload,
        content,
        wrapped: inner,
        ...(peer ? { peer } : {}),
        stored: isKept ? await model.messages.seal(wrapped.content) : undefined,
      };
    } catch (error) {
      // Anything else is our own trouble, not the envelope's: it is delivered again.
      if (error instanceof Malformed || Failure.from(error).code === 'message-refused') return undefined;
      throw error;
    }
  }

  async #store(bytes: Buffer, checked: Promise<Checked>, acknowledge: () => void): Promise<void> {
    const { database, announce, announceContact, announceText, model, onTaken, report } = this.#parts;
    try {
      const envelope = await checked;
      if (envelope.result === 'held') return;
      if (envelope.result === 'drop') return acknowledge();
      const { contact, rows, isNew, due } = database.transaction(() => this.#take(envelope, bytes));
      acknowledge();
      rows.forEach(announce);
      if (envelope.result === 'refused' || envelope.result === 'invalid') report(refused());
      if (contact === undefined || envelope.result === 'refused') return;
      announceContact(contact);
      onTaken(contact, due);
      if (envelope.result !== 'opened' || !isNew || envelope.content.kind !== 'text') return;
      const { name, status } = model.contacts.get(contact);
      const { text } = envelope.content;
      const id = rows.at(-1)!.id;
      announceText({
        id,
        from: name,
        text,
        timestamp: envelope.payload.timestamp,
        isRequest: status === 'request',
      });
    } catch (error) {
      this.#tryLater(error);
    }
  }

  /** The reason passes (a full disk, a relay that is busy): not acknowledged, so that it is delivered again. */
  #tryLater(error: unknown): void {
    const failure = Failure.from(error);
    // Without a connection there will be a new one, and with it all that is not acknowledged.
    if (failure.code === 'offline' || this.#closed) return;
    if (classOf(error) !== 'later') this.#parts.report(failure);
    this.#later ??= setTimeout(() => {
      this.#later = undefined;
      this.#parts.redeliver();
    }, LATER_MS);
  }

  /** @returns who it is from, what changed on the screen, and what is to be done after the transaction */
  #take(
    envelope: Exclude<Checked, { result: 'drop' | 'held' }>,
    bytes: Buffer,
  ): Effect & { contact: number | undefined } {
    const { model, chains, senders, account, now } = this.#parts;
    const { contacts, conversations, messages } = model;
    const { hash } = envelope;
    const none = { rows: [], isNew: false, due: false };
    // Asked again: its twin may have been stored while this one was being opened.
    if (chains.hasTaken(hash)) return { ...none, contact: undefined };
    if (envelope.result === 'refused') {
      const { contact } = envelope;
      if (contact === undefined) return { ...none, contact };
      chains.refuse({ contact, device: 0 }, hash);
      if (contact === SELF) return { ...none, contact };
      const { conversation } = conversations.withContact(contact, contacts.get(contact).identity);
      return { ...none, contact, rows: [messages.countNotice(conversation, 'refused', now())] };
    }
    const { header } = envelope.envelope;
    const { device } = header.sender;
    const { contact, identity } = senders.adopt(envelope.sender, header);
    const { conversation } = conversations.withContact(
      contact,
      contact === SELF ? account.identity : identity,
    );
    const link = { contact, device, conversation };
    if (envelope.result !== 'opened') {
      const rows = chains.takeUnplaced(link, hash);
      if (envelope.result === 'keyless') model.owed.add({ contact, device }, hash, 'retryRequest');
      else rows.push(messages.countNotice(conversation, 'refused', now()));
      return { ...none, contact, rows };
    }
    const { chain, sequence, previous, timestamp, salt } = envelope.payload;
    const rows = chains.take(link, { chain, sequence, previous, hash });
    if (envelope.peer) senders.adoptPeer(envelope.peer);
    const id = this.#idOf(envelope, identity, contact);
    const arrival: Arrival = {
      ...{ contact, device, conversation, id, timestamp, salt, stored: envelope.stored },
      ...(envelope.wrapped ? { wrapped: envelope.wrapped } : {}),
    };
    const effect = apply(model, arrival, envelope.content);
    const shown = effect.rows.at(-1);
    if (effect.isNew && shown) {
      model.envelopes.keep({ hash, contact, device, message: shown.position, bytes }, now());
    }
    return { ...effect, rows: [...rows, ...effect.rows], contact };
  }

  #idOf({ payload }: Opened, author: Buffer, contact: number): Buffer {
    const { conversations } = this.#parts.model;
    const { id: conversation } = conversations.withContact(contact, author);
    return messageId({ author, conversation, ...payload });
  }
}

function decode(bytes: Buffer): Envelope | undefined {
  try {
    return decodeEnvelope(bytes);
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

const refused = (): Failure =>
  new Failure(
    'message-refused',
    "A message was refused: it isn't from the person it claims to be from, isn't for you, or was changed on its way.",
  );
