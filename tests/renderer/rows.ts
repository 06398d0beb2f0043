// Messages and conversations as main tells them.
import type { Conversation, Message, MessageRow } from '../../preload/contract.ts';

export const row = (index: number, change: Partial<MessageRow> = {}): MessageRow => ({
  position: index + 1,
  index,
  revision: index + 1,
  id: index.toString(16).padStart(64, '0'),
  contact: 'bob',
  conversation: 1,
  mine: true,
  kind: 'text',
  state: 'pending',
  timestamp: 0,
  count: 0,
  ...change,
});

export const message = (index: number, change: Partial<Message> = {}): Message => ({
  ...row(index),
  text: `text ${index}`,
  ...change,
});

/** Messages of a conversation that has `count` of them, as a page of them is asked for. */
export const pageOf = (count: number, { from, count: size }: { from: number; count: number }): Message[] =>
  Array.from({ length: Math.max(0, Math.min(size, count - from)) }, (_, i) => message(from + i));

export const conversation = (contact: string, change: Partial<Conversation> = {}): Conversation => ({
  contact,
  revision: 1,
  status: 'accepted',
  verified: null,
  verifiedAt: null,
  offered: null,
  held: null,
  dropped: 0,
  hasDraft: false,
  count: 0,
  unread: 0,
  firstUnread: null,
  last: null,
  ...change,
});
