// Messages on the screen: fetched once, newer news before older pages, and nothing that came meanwhile is left out.
import { expect, test, vi } from 'vitest';
import { asked, askedOnce, settled } from '../bridge.ts';
import { useApp } from '../../../renderer/stores/app.ts';
import { useMessages } from '../../../renderer/stores/messages.ts';
import { conversation, message, pageOf, row } from '../rows.ts';

const PAGE = 12;
const inputs = (): unknown[] => asked('messages').map(({ input }) => input);
const page = (number: number): unknown => ({ contact: 'bob', from: number * PAGE, count: PAGE });

test('what is about to be shown is fetched by pages, the newest first, and only what is missing', async () => {
  const messages = useMessages();
  void messages.ensure('bob', 10, 30);
  const fetched = asked('messages');
  expect(fetched.map(({ input }) => input)).toEqual([page(2), page(1), page(0)]);
  for (const { input, answer } of fetched) await answer(pageOf(100, input));
  expect(messages.get('bob', 30)).toEqual(message(30));
  expect(messages.get('bob', 36)).toBeUndefined();
  await messages.ensure('bob', 0, 35);
  expect(inputs()).toEqual([]);
  void messages.ensure('bob', 35, 36);
  void messages.ensure('carol', 0, 0);
  expect(inputs()).toEqual([page(3), { contact: 'carol', from: 0, count: PAGE }]);
  // Above the first there is nothing, and below nothing neither.
  void messages.ensure('bob', -16, 5);
  void messages.ensure('bob', -16, -1);
  expect(inputs()).toEqual([]);
});

test('a page that is being fetched is not fetched again, and whoever needs it waits for it', async () => {
  const messages = useMessages();
  void messages.ensure('bob', 0, 5);
  const { input, answer } = askedOnce('messages');
  let isThere = false;
  void messages.ensure('bob', 3, 9).then(() => (isThere = true));
  await settled();
  expect(inputs()).toEqual([]);
  expect(isThere).toBe(false);
  await answer(pageOf(12, input));
  expect(isThere).toBe(true);
});

test('what was told before a page came is newer than the page, and what was told after it, too', async () => {
  const messages = useMessages();
  messages.apply([row(1, { revision: 50, state: 'sent' })]);
  expect(messages.get('bob', 1)).toBeUndefined();
  void messages.ensure('bob', 0, 2);
  messages.apply([row(1, { revision: 60, state: 'delivered' })]);
  messages.apply([row(2, { revision: 2, state: 'sent' })]);
  const { input, answer } = askedOnce('messages');
  await answer(pageOf(3, input));
  expect(messages.get('bob', 0)).toEqual(message(0));
  expect(messages.get('bob', 1)).toEqual(message(1, { revision: 60, state: 'delivered' }));
  // This one the page itself had as new.
  expect(messages.get('bob', 2)).toEqual(message(2));
  messages.apply([row(1, { revision: 61, state: 'read' }), row(2, { revision: 4, state: 'sent' })]);
  messages.apply([row(2, { revision: 3, state: 'failed' })]);
  expect(messages.get('bob', 1)).toEqual(message(1, { revision: 61, state: 'read' }));
  expect(messages.get('bob', 2)).toEqual(message(2, { revision: 4, state: 'sent' }));
});

test('a page that comes late does not undo what was told of a message that was there before', async () => {
  const messages = useMessages();
  void messages.ensure('bob', 0, 2);
  const first = askedOnce('messages');
  await first.answer(pageOf(3, first.input));
  // A fourth message: the page is fetched once more.
  void messages.ensure('bob', 3, 3);
  const second = askedOnce('messages');
  messages.apply([row(0, { revision: 9, state: 'read' })]);
  await second.answer(pageOf(4, second.input));
  expect(messages.get('bob', 0)).toEqual(message(0, { revision: 9, state: 'read' }));
  expect(messages.get('bob', 3)).toEqual(message(3));
});

test('a message that comes while its page is being fetched is fetched after it', async () => {
  const messages = useMessages();
  void messages.ensure('bob', 0, 2);
  const first = askedOnce('messages');
  messages.apply([row(3), row(20)]);
  let isThere = false;
  void messages.ensure('bob', 0, 3).then(() => (isThere = true));
  expect(inputs()).toEqual([]);
  await first.answer(pageOf(3, first.input));
  const second = askedOnce('messages');
  expect(second.input).toEqual(page(0));
  expect(isThere).toBe(false);
  await second.answer(pageOf(4, second.input));
  expect(messages.get('bob', 3)).toEqual(message(3));
  expect(isThere).toBe(true);
  // Once: an answer without it is not asked for again, also while another page is on its way.
  void messages.ensure('bob', 4, 4);
  const third = askedOnce('messages');
  void messages.ensure('bob', 40, 40);
  expect(inputs()).toEqual([page(3)]);
  messages.apply([row(4)]);
  await third.answer(pageOf(4, third.input));
  const fourth = askedOnce('messages');
  await fourth.answer(pageOf(4, fourth.input));
  expect(inputs()).toEqual([]);
});

test('that fetching failed is told, and it can be tried again', async () => {
  const [messages, app] = [useMessages(), useApp()];
  const ensured = messages.ensure('bob', 0, 2);
  const failure = { code: 'database-damaged', message: 'A stored entry is damaged.' } as const;
  await askedOnce('messages').refuse(failure);
  await ensured;
  expect([...app.notices.values()]).toEqual([failure]);
  expect(messages.get('bob', 0)).toBeUndefined();
  void messages.ensure('bob', 0, 2);
  const again = askedOnce('messages');
  await again.answer(pageOf(3, again.input));
  expect(messages.get('bob', 0)).toEqual(message(0));
});

test('opening fetches what is read last and what is new, and waits for it, but not for long', async () => {
  const messages = useMessages();
  let opened = 0;
  void messages.preload(conversation('bob', { count: 1000 })).then(() => opened++);
  const fetched = asked('messages');
  expect(fetched.map(({ input }) => input.from)).toEqual([996, 984, 972]);
  await settled();
  expect(opened).toBe(0);
  for (const { input, answer } of fetched) await answer(pageOf(1000, input));
  expect(opened).toBe(1);

  void messages
    .preload(conversation('carol', { count: 1000, unread: 900, firstUnread: 100 }))
    .then(() => opened++);
  expect(asked('messages').map(({ input }) => input.from)).toEqual([120, 108, 96, 84, 72]);
  await settled();
  expect(opened).toBe(1);
  await vi.advanceTimersByTimeAsync(200);
  expect(opened).toBe(2);
  await messages.preload(conversation('dave'));
  expect(inputs()).toEqual([]);
});
