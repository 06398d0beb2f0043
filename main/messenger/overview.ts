// What a window shows of the conversations: the list, pages of messages, one message's envelope. Only reads what the others
// have written.
import { Failure } from '../../protocol/failures.ts';
import { decodeEnvelope, HEADER_BYTES, BLOCK_BYTES } from '../../protocol/envelope.ts';
import { MODULUS_BYTES, sha256, spkiOf } from '../../protocol/key.ts';
import type { Contact, Contacts } from './contacts.ts';
import type { Conversations } from './conversations.ts';
import type { Devices } from './devices.ts';
import type { Envelopes } from './envelopes.ts';
import type { MessageRow, Messages, OpenedMessage } from './messages.ts';
import type { Prekeys } from './prekeys.ts';

/** A row with the name of whom the conversation is with, and its index in it, from 0. */
export type Shown<Row extends MessageRow> = Row & { contact: string; index: number };

export type Summary = Pick<Contact, 'status' | 'verified' | 'verifiedAt' | 'held' | 'dropped'> & {
  contact: string;
  /** Of two summaries of a conversation, the one with the larger revision is the newer. */
  revision: number;
  /** Another identity that the relay shows (64 hex digits); nothing is sealed for the contact. */
  offered: string | null;
  hasDraft: boolean;
  /** Messages in it, notices included. */
  count: number;
  unread: number;
  /** Index of the first unread one. */
  firstUnread: number | null;
  last: Shown<MessageRow> | null;
};

/** All that a relay sees of a message. Identities and fingerprints are 64 hex digits; bytes is header, blocks, signature. */
export type EnvelopeView = {
  version: number;
  suite: number;
  sender: { identity: string; device: number; listVersion: number };
  recipient: { identity: string; device: number };
  /** created: milliseconds since 1970, if the key is still known. */
  sealedTo: { fingerprint: string; created: number | null };
  blockCount: number;
  bytes: Uint8Array;
  headerBytes: number;
  blockBytes: number;
  signatureBytes: number;
};

type Parts = {
  contacts: Contacts;
  conversations: Conversations;
  devices: Devices;
  envelopes: Envelopes;
  messages: Messages;
  prekeys: Prekeys;
};

export class Overview {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Everybody one knows, whether anything was written or not. */
  list(): Summary[] {
    return this.#parts.contacts.list().map((contact) => this.#summary(contact));
  }

  get(name: string): Summary | undefined {
    const contact = this.#parts.contacts.byName(name);
    return contact && this.#summary(contact);
  }

  /** Unread messages in all of them. */
  get unread(): number {
    return this.#parts.messages.unread;
  }

  row(contact: string, row: MessageRow): Shown<MessageRow> {
    return { ...row, contact, index: this.#parts.messages.indexOf(row.conversation, row.position) };
  }

  /** Messages in their order, with their texts. @param from index of the first @param count at most so many */
  async page(contact: string, from: number, count: number): Promise<Shown<OpenedMessage>[]> {
    const rows = await this.#parts.messages.page(this.#conversationWith(contact), from, count);
    return rows.map((row, i) => ({ ...row, contact, index: from + i }));
  }

  /** A message and its envelope, which a notice doesn't have. @throws Failure `command-invalid` */
  async details(
    contact: string,
    position: number,
  ): Promise<{ message: Shown<OpenedMessage>; envelope: EnvelopeView | null }> {
    const { envelopes, messages } = this.#parts;
    const index = messages.indexOf(this.#conversationWith(contact), position);
    const [message] = await this.page(contact, index, 1);
    if (message?.position !== position) throw new Failure('command-invalid', 'There is no such message.');
    const bytes = envelopes.ofMessage(position);
    return { message, envelope: bytes ? this.#describe(bytes) : null };
  }

  /** @throws Failure `command-invalid` */
  #conversationWith(name: string): number {
    const { contacts, conversations } = this.#parts;
    const { contact, identity } = contacts.known(name);
    return conversations.withContact(contact, identity).conversation;
  }

  #summary({ contact, name, identity, offered, ...standing }: Contact): Summary {
    const { conversations, messages } = this.#parts;
    const { conversation } = conversations.withContact(contact, identity);
    const last = messages.last(conversation);
    const count = messages.countIn(conversation);
    const unread = messages.unreadIn(conversation);
    const { status, verified, verifiedAt, held, dropped } = standing;
    return {
      ...{ contact: name, status, verified, verifiedAt, held, dropped, count, unread: unread.count },
      revision: messages.revision,
      offered: offered?.toString('hex') ?? null,
      hasDraft: conversations.hasDraft(conversation),
      firstUnread: unread.first === null ? null : messages.indexOf(conversation, unread.first),
      last: last ? { ...last, contact: name, index: count - 1 } : null,
    };
  }

  #describe(bytes: Buffer): EnvelopeView {
    const { header } = decodeEnvelope(bytes);
    const { sender, recipient, listVersion, encryptionKey, blockCount, ratchetKey } = header;
    const hex = (part: Buffer): string => part.toString('hex');
    return {
      version: bytes[0]!,
      suite: bytes[1]!,
      sender: { identity: hex(sender.identity), device: sender.device, listVersion },
      recipient: { identity: hex(recipient.identity), device: recipient.device },
      sealedTo: {
        fingerprint: hex(encryptionKey),
        created: this.#createdAt(recipient.identity, recipient.device, encryptionKey),
      },
      blockCount,
      bytes,
      headerBytes: HEADER_BYTES + (ratchetKey ? MODULUS_BYTES : 0),
      blockBytes: BLOCK_BYTES,
      signatureBytes: BLOCK_BYTES,
    };
  }

  /** When a prekey was made: one's own, or the one that the contact's device has now. */
  #createdAt(identity: Buffer, device: number, fingerprint: Buffer): number | null {
    const { contacts, devices, prekeys } = this.#parts;
    const contact = contacts.byIdentity(identity);
    const prekey = contact && devices.prekey(contact.contact, device);
    if (prekey && sha256(spkiOf(prekey.modulus)).equals(fingerprint)) return prekey.created;
    return prekeys.createdAt(fingerprint) ?? null;
  }
}
