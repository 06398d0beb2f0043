// What changes at once is told at once: each row and each conversation as it is in the end, and nothing after the end.
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { gatherChanges } from '../../main/changes.ts';
import type { Messenger } from '../../main/messenger/messenger.ts';
import type { Changes } from '../../preload/contract.ts';
import { arrive, openRelay, until } from '../harness.ts';

type Told = { changes: Changes; unread: number };

/** Longer than anything is gathered. */
const A_WHILE_MS = 150;

function listen(messenger: Messenger): Told[] {
  const told: Told[] = [];
  gatherChanges(messenger, (changes, unread) => told.push({ changes, unread }));
  return told;
}

async function pair(): Promise<{ alice: Messenger; bob: Messenger }> {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  await Promise.all([alice.startConversation('bob'), bob.startConversation('alice')]);
  return { alice, bob };
}

test('a burst is one event, in the order in which it happened', async () => {
  const { alice, bob } = await pair();
  const count = 20;
  for (let i = 0; i < count; i++) await bob.send('alice', `message ${i}`);
  await until(() => alice.overview.unread === count);
  const told = listen(alice);
  alice.markRead('bob');
  expect(told).toEqual([]);
  await until(() => told.length > 0);
  await delay(A_WHILE_MS);
  expect(told).toHaveLength(1);
  const [{ changes, unread }] = told as [Told];
  expect(unread).toBe(0);
  expect(changes.messages.map(({ index }) => index)).toEqual(Array.from({ length: count }, (_, i) => i));
  expect(changes.messages.every(({ state }) => state === 'read')).toBe(true);
  expect(changes.conversations).toEqual([alice.overview.get('bob')]);
});

test('a row that changes several times in a burst is told as it is in the end', async () => {
  const { alice, bob } = await pair();
  const row = await alice.send('bob', 'Hello');
  await until(() => alice.overview.get('bob')!.last!.state === 'delivered');
  await bob.send('alice', 'Hello yourself');
  await until(() => alice.overview.unread === 1);
  const told = listen(alice);
  const last = alice.overview.get('bob')!.last!;
  alice.emit('messageChanged', 'bob', last);
  alice.emit('messageChanged', 'bob', { ...row, state: 'sent' });
  alice.emit('messageChanged', 'bob', { ...row, state: 'delivered' });
  alice.emit('conversationChanged', 'bob');
  // Somebody who is not known after all.
  alice.emit('conversationChanged', 'nobody');
  await until(() => told.length > 0);
  await delay(A_WHILE_MS);
  expect(told).toEqual([
    {
      changes: {
        messages: [last, { ...row, contact: 'bob', index: 0, state: 'delivered' }],
        conversations: [alice.overview.get('bob')],
      },
      unread: 1,
    },
  ]);
});

test('what changes later is told later, in the order in which it happened', async () => {
  const { alice, bob } = await pair();
  const told = listen(alice);
  await alice.saveDraft('bob', 'begun');
  await until(() => told.length === 1);
  expect(told[0]).toMatchObject({
    changes: { messages: [], conversations: [{ contact: 'bob', hasDraft: true }] },
  });
  for (let i = 0; i < 30; i++) {
    await bob.send('alice', `message ${i}`);
    if (i % 10 === 0) await delay(30);
  }
  await until(() => told.at(-1)!.unread === 30);
  const positions = told.flatMap(({ changes }) => changes.messages.map(({ index }) => index));
  expect(positions).toEqual(Array.from({ length: 30 }, (_, i) => i));
  const revisions = told.map(({ changes }) => changes.conversations[0]!.revision);
  expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
});

test.each([
  ['while something waits to be told', ['short']],
  ['while nothing does', []],
])(
  'nothing is told once it is closed %s, though it still stores what was under way',
  async (_when, drafts) => {
    const { alice } = await pair();
    await delay(A_WHILE_MS);
    const told = listen(alice);
    let changed = 0;
    alice.on('conversationChanged', () => changed++);
    for (const draft of drafts) await alice.saveDraft('bob', draft);
    const saving = alice.saveDraft('bob', 'a long draft '.repeat(2500));
    await alice.close();
    await saving;
    expect(changed).toBe(drafts.length + 1);
    await delay(A_WHILE_MS);
    expect(told).toEqual([]);
  },
);
