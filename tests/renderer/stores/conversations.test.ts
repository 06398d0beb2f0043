// The list of conversations as main tells it, and which of them is open.
import { expect, test, vi } from 'vitest';
import { asked, askedOnce, settled } from '../bridge.ts';
import type { Conversation } from '../../../preload/contract.ts';
import { useConversations } from '../../../renderer/stores/conversations.ts';
import { useMessages } from '../../../renderer/stores/messages.ts';
import { conversation, pageOf, row } from '../rows.ts';

const names = (): string[] => useConversations().list.map(({ contact }: Conversation) => contact);
const shown = (): unknown[] => asked('showing').map(({ input }) => input.contact);

/** Answers for the pages of messages that were asked for. */
async function fetchPages(): Promise<void> {
  for (const { input, answer } of asked('messages')) await answer(pageOf(99, input));
}

test('a summary replaces an older one, and only an older one', () => {
  const conversations = useConversations();
  expect(conversations.loaded).toBe(false);
  conversations.apply([conversation('bob', { revision: 5, count: 2 })]);
  // The snapshot is older than what was told of bob, and knows of carol.
  conversations.load([conversation('bob', { revision: 4, count: 1 }), conversation('carol')]);
  expect(conversations.loaded).toBe(true);
  expect(conversations.list[0]).toMatchObject({ count: 2 });
  expect(names()).toEqual(['bob', 'carol']);
  conversations.apply([conversation('bob', { revision: 5, count: 3 })]);
  expect(conversations.list[0]).toMatchObject({ revision: 5, count: 3 });
  conversations.apply([conversation('bob', { revision: 6, count: 4 })]);
  expect(conversations.list[0]).toMatchObject({ revision: 6, count: 4 });
});

test('the latest stands first; those without a message by name, at the end', () => {
  const conversations = useConversations();
  const at = (contact: string, position: number): Conversation =>
    conversation(contact, { last: row(0, { position, contact }), revision: position });
  conversations.load([
    conversation('zoe'),
    at('bob', 3),
    conversation('anna'),
    at('carol', 7),
    at('dave', 1),
  ]);
  expect(names()).toEqual(['carol', 'bob', 'dave', 'anna', 'zoe']);
  conversations.apply([at('dave', 9)]);
  expect(names()).toEqual(['dave', 'carol', 'bob', 'anna', 'zoe']);
});

test('a conversation is opened with its messages there, and tells where the new ones begin', async () => {
  const conversations = useConversations();
  conversations.load([conversation('bob', { count: 30, unread: 5, firstUnread: 25 }), conversation('carol')]);
  const selecting = conversations.select('bob');
  expect([conversations.open, shown()]).toEqual([null, []]);
  await fetchPages();
  await selecting;
  expect([conversations.open, conversations.newFrom, shown()]).toEqual(['bob', 25, ['bob']]);
  expect(conversations.current).toMatchObject({ contact: 'bob' });
  expect(useMessages().get('bob', 25)).toBeDefined();

  // Read by now, and opened still: the line stays.
  conversations.apply([conversation('bob', { revision: 2, count: 30 })]);
  expect(conversations.newFrom).toBe(25);
  await conversations.select('bob');
  expect(shown()).toEqual([]);
  conversations.forgetNew();
  expect(conversations.newFrom).toBeNull();
  // One that nobody saw coming.
  conversations.noteNew();
  expect(conversations.newFrom).toBeNull();
  conversations.apply([conversation('bob', { revision: 3, count: 31, unread: 1, firstUnread: 30 })]);
  conversations.noteNew();
  conversations.apply([conversation('bob', { revision: 4, count: 32, unread: 1, firstUnread: 31 })]);
  conversations.noteNew();
  expect(conversations.newFrom).toBe(30);

  await conversations.select('carol');
  expect([conversations.open, conversations.newFrom, shown()]).toEqual(['carol', null, ['carol']]);
  await conversations.select(null);
  expect([conversations.open, conversations.current, shown()]).toEqual([null, undefined, [null]]);
});

test('what came in while it was being opened is new, too', async () => {
  const conversations = useConversations();
  conversations.load([conversation('bob', { count: 3 })]);
  const selecting = conversations.select('bob');
  conversations.apply([conversation('bob', { revision: 2, count: 4, unread: 1, firstUnread: 3 })]);
  await fetchPages();
  await selecting;
  expect(conversations.newFrom).toBe(3);
});

test('messages that take long do not keep a conversation closed', async () => {
  const conversations = useConversations();
  conversations.load([conversation('bob', { count: 3 })]);
  void conversations.select('bob');
  await settled();
  expect(conversations.open).toBeNull();
  await vi.advanceTimersByTimeAsync(200);
  expect(conversations.open).toBe('bob');
});

test('of two that are chosen in a row the last is opened, whichever has its messages first', async () => {
  const conversations = useConversations();
  conversations.load([conversation('bob', { count: 3 }), conversation('carol', { count: 3 })]);
  void conversations.select('bob');
  const [slow] = asked('messages');
  void conversations.select('carol');
  await fetchPages();
  expect(conversations.open).toBe('carol');
  await slow!.answer(pageOf(3, slow!.input));
  await vi.advanceTimersByTimeAsync(500);
  expect([conversations.open, shown()]).toEqual(['carol', ['carol']]);

  // And back to the open one, before the other was there.
  conversations.load([conversation('dave', { count: 3 })]);
  void conversations.select('dave');
  void conversations.select('carol');
  await fetchPages();
  await vi.advanceTimersByTimeAsync(500);
  expect([conversations.open, shown()]).toEqual(['carol', []]);
  void conversations.select('dave');
  await settled();
  expect(conversations.open).toBe('dave');
});

test('only what has something unread is marked as read', () => {
  const conversations = useConversations();
  const bob = conversation('bob', { unread: 1, firstUnread: 0, count: 1, last: row(0) });
  conversations.load([bob, conversation('carol')]);
  conversations.markRead('carol');
  conversations.markRead('nobody');
  expect(asked('markRead')).toEqual([]);
  conversations.markRead('bob');
  // No further than what is known here: more may have come by now.
  expect(askedOnce('markRead').input).toEqual({ contact: 'bob', upTo: row(0).position });
});

test('what the user decides about a contact goes to main as it is', () => {
  const conversations = useConversations();
  void conversations.start('bob');
  void conversations.details('bob');
  void conversations.markCompared('bob', 'aa');
  void conversations.acceptIdentity('bob', 'bb');
  expect(askedOnce('startConversation').input).toEqual({ name: 'bob' });
  expect(askedOnce('contactDetails').input).toEqual({ contact: 'bob' });
  expect(askedOnce('markCompared').input).toEqual({ contact: 'bob', fingerprint: 'aa' });
  expect(askedOnce('acceptIdentity').input).toEqual({ contact: 'bob', fingerprint: 'bb' });
});
