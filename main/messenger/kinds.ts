// What each kind of content does to the model when it comes in: one handler for each. All of it runs inside the transaction
// that takes the envelope in.
import type { Content } from '../../protocol/content.ts';
import { messageId } from '../../protocol/ids.ts';
import type { Contacts } from './contacts.ts';
import type { Conversations } from './conversations.ts';
import type { Deliveries } from './deliveries.ts';
import { SELF } from './devices.ts';
import type { Envelopes } from './envelopes.ts';
import type { MessageRow, Messages, SealedContent } from './messages.ts';
import type { Owed } from './owed.ts';

/** What a client keeps of somebody who wasn't accepted yet. */
const MAX_REQUEST_MESSAGES = 16;

export type Model = {
  contacts: Contacts;
  conversations: Conversations;
  messages: Messages;
  deliveries: Deliveries;
  envelopes: Envelopes;
  owed: Owed;
  /** One's own, 32 bytes. */
  identity: Buffer;
};

/** What came in, apart from what it says. */
export type Arrival = {
  /** Who wrote it, SELF for another device of one's own; and with which device. */
  contact: number;
  device: number;
  /** Its conversation, if it is from a contact. */
  conversation: number;
  /** 32 bytes. */
  id: Buffer;
  timestamp: number;
  /** 16 bytes. */
  salt: Buffer;
  /** The content to be kept, sealed for the disk; for a sync the wrapped one. Undefined for what is silent. */
  stored: SealedContent | undefined;
  /** What a sync wraps, read. */
  wrapped?: Content;
};

/** rows: what has changed on the screen. due: a contact's deliveries became due. */
export type Effect = { rows: MessageRow[]; isNew: boolean; due: boolean };

const nothing: Effect = { rows: [], isNew: false, due: false };

type Handler<Kind extends Content['kind']> = (
  model: Model,
  arrival: Arrival,
  content: Content & { kind: Kind },
) => Effect;

/** Somebody's message, or one that needs a newer Signet: stored, and confirmed. */
const shown: Handler<'text' | 'unknown'> = (model, arrival, { kind }) => {
  const { contacts, messages, owed } = model;
  const { contact, device, conversation, id, timestamp, salt, stored } = arrival;
  const { status } = contacts.get(contact);
  if (status === 'request' && !messages.has(id)) {
    if (messages.writtenBy(conversation, contact).length >= MAX_REQUEST_MESSAGES) {
      contacts.countDropped(contact);
      return nothing;
    }
  }
  // The same message in another envelope is confirmed again: the first receipt may have been lost.
  owed.add({ contact, device }, id, 'delivered');
  const row = messages.insert({
    ...stored!,
    conversation,
    id,
    author: contact,
    device,
    kind,
    timestamp,
    salt,
  });
  return row ? { rows: [row], isNew: true, due: false } : nothing;
};

const receipt: Handler<'delivered' | 'read'> = (
  { messages, deliveries, conversations },
  arrival,
  { kind, ids },
) => {
  const { contact, device } = arrival;
  const rows: MessageRow[] = [];
  for (const id of ids) {
    const found = messages.find(id);
    const isToThem = found?.author === SELF && conversations.contactOf(found.conversation) === contact;
    if (isToThem && deliveries.advance(found.position, contact, device, kind))
      rows.push(messages.changed(found.position));
  }
  return { rows, isNew: false, due: false };
};

/** A device had no key for some envelopes: what they held is sealed again, or told again. */
const retryRequest: Handler<'retryRequest'> = (model, { contact, device }, content) => {
  const { deliveries, envelopes, owed } = model;
  let due = false;
  for (const hash of content.envelopes) {
    const message = envelopes.messageOf(hash, contact, device);
    if (message === null) owed.addAgain({ contact, device }, hash);
    else if (message !== undefined) due = deliveries.requestAgain(message, contact, device) || due;
  }
  return { rows: [], isNew: false, due };
};

/** What another device of one's own has sent: stands here as it stands there. */
const sync: Handler<'sync'> = (model, arrival, { wrapped }) => {
  const { contacts, conversations, messages, identity } = model;
  const { device, stored } = arrival;
  // Groups are not built: nothing is known of the conversation.
  if (!('pair' in wrapped.conversation) || !stored) return nothing;
  const peer = contacts.byIdentity(wrapped.conversation.pair);
  if (!peer) return nothing;
  const { conversation, id: conversationId } = conversations.withContact(peer.contact, peer.identity);
  const { timestamp, salt, content } = wrapped;
  const id = messageId({ author: identity, conversation: conversationId, timestamp, salt, content });
  const kind = arrival.wrapped?.kind === 'text' ? 'text' : 'unknown';
  if (peer.status !== 'accepted') contacts.setStatus(peer.contact, 'accepted');
  const row = messages.insert({ ...stored, conversation, id, author: SELF, device, kind, timestamp, salt });
  return { rows: row ? [row] : [], isNew: false, due: false };
};

const silent: Handler<'null' | 'silent'> = () => nothing;

const handlers: { [Kind in Content['kind']]: Handler<Kind> } = {
  text: shown,
  unknown: shown,
  delivered: receipt,
  read: receipt,
  retryRequest,
  sync,
  null: silent,
  silent,
};

/** Does what a content says. */
export const apply = (model: Model, arrival: Arrival, content: Content): Effect =>
  (handlers[content.kind] as Handler<Content['kind']>)(model, arrival, content);
