// What a window shows: summaries, pages, a message's envelope.
import { expect, test } from 'vitest';
import { until } from '../../../town.ts';
import { arrive, openRelay, texts } from './people.ts';

test('summaries count what is unread, and name what was written last', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  expect(bob.overview.list()).toEqual([]);
  for (let i = 0; i < 3; i++) await alice.send('bob', `number ${i}`);
  await until(() => texts(bob).length === 3);
  const summary = bob.overview.get('alice')!;
  expect(summary).toMatchObject({
    ...{ contact: 'alice', status: 'request', verified: null, offered: null, held: null, hasDraft: false },
    ...{ count: 3, unread: 3, firstUnread: 0 },
    last: { index: 2, kind: 'text', mine: false, state: 'unread' },
  });
  expect(bob.overview.unread).toBe(3);
  await bob.saveDraft('alice', 'begun');
  expect(await bob.draft('alice')).toBe('begun');
  const { conversation } = summary.last!;
  bob.markRead('alice', (await bob.overview.page(conversation, 0, 2))[1]!.position);
  const later = bob.overview.get('alice')!;
  expect(later).toMatchObject({ hasDraft: true, unread: 1, firstUnread: 2 });
  expect(later.revision).toBeGreaterThan(summary.revision);
  await bob.send('alice', 'finished');
  expect(bob.overview.get('alice')).toMatchObject({ hasDraft: false, status: 'accepted', count: 4 });
});

test('the details show the envelope as the relay saw it, on both sides', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  await alice.send('bob', 'Hello, Bob!');
  await until(() => texts(bob).length === 1);
  const [sent, received] = await Promise.all(
    [alice, bob].map((person) => {
      const { conversation, position } = person.overview.list()[0]!.last!;
      return person.overview.details(conversation, position);
    }),
  );
  expect(sent!.message).toMatchObject({ text: 'Hello, Bob!', mine: true, index: 0 });
  expect(received!.envelope).toEqual(sent!.envelope);
  expect(sent!.envelope).toMatchObject({
    ...{ version: 1, suite: 1, blockCount: 1, headerBytes: 107, blockBytes: 384, signatureBytes: 384 },
    sender: { identity: alice.fingerprint, device: 1, listVersion: 0 },
    recipient: { identity: bob.fingerprint, device: 1 },
    sealedTo: { created: expect.any(Number) as number },
  });
  expect(sent!.envelope!.bytes).toHaveLength(875);
  const { conversation, position } = sent!.message;
  await expect(alice.overview.details(conversation, position + 1)).rejects.toMatchObject({
    code: 'command-invalid',
  });
});
