// Two people and their messengers: what is written arrives once, is confirmed, and outlives what happens on the way.
import { expect, test } from 'vitest';
import { arrive, bringOnline, openPerson, openRelay, reopen, stateOf, texts, until } from '../../harness.ts';

test('a text arrives once, is delivered, and read', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  const row = await alice.send('bob', 'Hello, Bob!');
  expect(row).toMatchObject({ mine: true, kind: 'text', state: 'pending' });
  await until(() => texts(bob).length > 0);
  expect(bob.heard[0]).toMatchObject({ from: 'alice', text: 'Hello, Bob!', isRequest: true });
  bob.trust.accept('alice');
  await until(async () => (await stateOf(alice, 'bob', 'Hello, Bob!')) === 'delivered');
  bob.markRead('alice');
  await until(async () => (await stateOf(alice, 'bob', 'Hello, Bob!')) === 'read');
  await bob.send('alice', 'Hello, Alice!');
  await until(() => texts(alice).length > 0);
  expect(alice.heard[0]).toMatchObject({ from: 'bob', text: 'Hello, Alice!', isRequest: false });
  expect([alice.failures, bob.failures]).toEqual([[], []]);
  const [history] = await bob.history('alice', 10);
  expect(history).toMatchObject({ text: 'Hello, Bob!', mine: false, state: 'read', id: row.id });
});

test('what is written while the other is away, or while one is offline oneself, arrives later, in order', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  await alice.send('bob', 'first');
  await bob.send('alice', 'so that bob accepts');
  await until(() => texts(bob).length === 1);
  await bob.close();
  for (let i = 0; i < 5; i++) await alice.send('bob', `away ${i}`);
  await until(() => alice.drained(5000));
  const again = await openPerson('bob', relay.invite, { directory: bob.directory });
  for (let i = 0; i < 5; i++) await again.send('alice', `offline ${i}`);
  await bringOnline(again);
  await until(() => texts(again).length === 5 && texts(alice).length === 6);
  expect(texts(again)).toEqual(['away 0', 'away 1', 'away 2', 'away 3', 'away 4']);
  expect(texts(alice).slice(1)).toEqual(['offline 0', 'offline 1', 'offline 2', 'offline 3', 'offline 4']);
  const carol = await reopen(alice);
  expect((await carol.history('bob', 100)).map(({ kind }) => kind)).not.toContain('gap');
});

test('a hundred texts each way at the same time arrive once and in order', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  const all = Array.from({ length: 100 }, (_, i) => `text ${i}`);
  await Promise.all(all.flatMap((text) => [alice.send('bob', text), bob.send('alice', text)]));
  await until(() => texts(alice).length >= 100 && texts(bob).length >= 100);
  expect([texts(alice), texts(bob)]).toEqual([all, all]);
  expect([alice.failures, bob.failures]).toEqual([[], []]);
});

test('a conversation is started by name, if the relay knows it', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  const told: string[] = [];
  alice.on('conversationChanged', (contact) => told.push(contact));
  await expect(alice.startConversation('carol')).rejects.toMatchObject({ code: 'unknown-user' });
  for (const name of ['alice', 'Bob', '']) {
    await expect(alice.startConversation(name)).rejects.toMatchObject({ code: 'name-invalid' });
  }
  expect([told, alice.overview.list()]).toEqual([[], []]);

  await alice.startConversation('bob');
  expect(told).toContain('bob');
  expect(alice.overview.list()).toMatchObject([
    { contact: 'bob', status: 'accepted', count: 0, verified: null },
  ]);
  expect(alice.trust.known('bob').identity.toString('hex')).toBe(bob.fingerprint);
  // Bob is not told: nothing was sent.
  expect(bob.overview.list()).toEqual([]);

  await relay.close();
  await until(() => alice.state !== 'online');
  await expect(alice.startConversation('dave')).rejects.toMatchObject({ code: 'offline' });
  told.splice(0);
  await alice.startConversation('bob');
  expect(told).toEqual(['bob']);
});

test('only a failed message of one’s own is sent again', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  const { id } = await alice.send('bob', 'Hello');
  await until(() => texts(bob).length === 1);
  const answer = await bob.send('alice', 'Hello yourself');
  await until(() => texts(alice).length === 1);
  for (const other of [id, answer.id, '00'.repeat(32)]) {
    await expect(alice.retry(other)).rejects.toMatchObject({ code: 'command-invalid' });
  }
  expect(texts(bob)).toEqual(['Hello']);
});
