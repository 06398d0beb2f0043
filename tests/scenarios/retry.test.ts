// Messages that the relay refused, sent again by their user; and meeting somebody before the first message.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Database } from '../../main/messenger/database.ts';
import type { Placed } from '../../main/messenger/conversations.ts';
import type { MessageRow } from '../../main/messenger/messages.ts';
import type { Messenger } from '../../main/messenger/messenger.ts';
import { decodeEnvelope } from '../../protocol/envelope.ts';
import { arrive, bringOnline, nextOnline, openPerson, openRelay, type TestRelay, until } from '../town.ts';

type Person = Messenger & { directory: string };

/** The relay was set up anew while alice wrote to bob, who isn't back yet: her second message has failed. */
async function refused(): Promise<{
  relay: TestRelay;
  alice: Person;
  directory: string;
  failed: Placed<MessageRow>;
}> {
  const first = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', first), arrive('bob', first)]);
  await alice.send('bob', 'before');
  await until(() => alice.conversations.get('bob')!.last!.state === 'delivered');
  await bob.close();
  await first.close();
  for (const name of ['relay.sqlite', 'relay.sqlite-wal']) rmSync(join(first.data, name), { force: true });
  await until(() => alice.state === 'offline');
  await alice.send('bob', 'Are you there?');
  const online = nextOnline(alice);
  const relay = await openRelay({ data: first.data, port: first.port });
  alice.reconnect();
  await online;
  await until(() => alice.conversations.get('bob')!.last!.state === 'failed');
  const failed = alice.conversations.get('bob')!.last!;
  return { relay, alice, directory: bob.directory, failed };
}

test('a message that failed is sent again when its recipient is back: the same, once, up to read', async () => {
  const { relay, alice, directory, failed } = await refused();
  const states: string[] = [];
  alice.on('messageChanged', ({ id, state }) => states.push(`${id === failed.id} ${state}`));
  const { envelope: old } = await alice.conversations.details('bob', failed.position);
  // Bob is still away.
  await expect(alice.retry('bob', failed.id)).rejects.toMatchObject({ code: 'unknown-user' });
  expect(alice.conversations.get('bob')!.last).toEqual(failed);

  const bob = await openPerson('bob', relay.invite, { directory });
  const texts: string[] = [];
  bob.on('message', ({ text }) => texts.push(text));
  await bringOnline(bob);
  await alice.retry('bob', failed.id);
  await until(() => states.includes('true delivered'));
  bob.markRead('alice');
  await until(() => states.includes('true read'));
  expect(states.filter((state) => state.startsWith('true'))).toEqual([
    'true pending',
    'true sent',
    'true delivered',
    'true read',
  ]);
  expect(texts).toEqual(['Are you there?']);
  const sent = await alice.conversations.page('bob', 0, 9);
  expect(sent.map(({ text }) => text)).toEqual(['before', 'Are you there?']);
  expect(sent[1]).toMatchObject({ id: failed.id, position: failed.position, sentAt: failed.sentAt });
  const received = (await bob.conversations.page('alice', 0, 9)).filter(({ kind }) => kind === 'text');
  expect(received.map(({ text }) => text)).toEqual(['before', 'Are you there?']);
  expect(received[1]!.id).toBe(failed.id);

  // What the details show is what bob has got.
  const [mine, theirs] = await Promise.all([
    alice.conversations.details('bob', failed.position),
    bob.conversations.details('alice', received[1]!.position),
  ]);
  expect(mine.envelope!.bytes.equals(theirs.envelope!.bytes)).toBe(true);
  // It is the same that was refused: nothing is missing in the chain, and bob is told of nothing.
  expect(mine.envelope!.bytes.equals(old!.bytes)).toBe(true);
  expect((await bob.conversations.page('alice', 0, 9)).map(({ kind }) => kind)).toEqual(['text', 'text']);
  expect(decodeEnvelope(mine.envelope!.bytes).header.id.toString('hex')).toBe(failed.id);
});

test('it is sealed anew if its recipient has another key by now', async () => {
  const { relay, alice, directory, failed } = await refused();
  const { envelope: old } = await alice.conversations.details('bob', failed.position);
  const database = new Database(directory);
  database.run('DELETE FROM reception_keys');
  database.close();
  const bob = await openPerson('bob', relay.invite, { directory });
  const texts: string[] = [];
  bob.on('message', ({ text }) => texts.push(text));
  await bringOnline(bob);
  await alice.retry('bob', failed.id);
  await until(() => texts.includes('Are you there?'));
  const { envelope } = await alice.conversations.details('bob', failed.position);
  expect(envelope!.id).toBe(failed.id);
  expect(envelope!.bytes.equals(old!.bytes)).toBe(false);
  expect(envelope!.sealedTo.fingerprint).not.toBe(old!.sealedTo.fingerprint);
});

test('only what has failed is sent again, and only once', async () => {
  const { relay, alice, directory, failed } = await refused();
  const bob = await openPerson('bob', relay.invite, { directory });
  await bringOnline(bob);
  const [before] = await alice.conversations.page('bob', 0, 1);
  const refusal = { code: 'command-invalid' };
  await expect(alice.retry('bob', before!.id)).rejects.toMatchObject(refusal);
  await expect(alice.retry('bob', '00'.repeat(16))).rejects.toMatchObject(refusal);
  await expect(alice.retry('carol', failed.id)).rejects.toMatchObject(refusal);
  const received: string[] = [];
  bob.on('message', ({ text }) => received.push(text));
  // A second click comes before the first has been sealed.
  const clicks = await Promise.allSettled([alice.retry('bob', failed.id), alice.retry('bob', failed.id)]);
  expect(clicks.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  await until(() => alice.conversations.get('bob')!.last!.state === 'delivered');
  await expect(alice.retry('bob', failed.id)).rejects.toMatchObject(refusal);
  await alice.send('bob', 'Welcome back');
  await until(() => received.includes('Welcome back'));
  expect(received).toEqual(['Are you there?', 'Welcome back']);
  // What bob wrote is not alice's to send.
  const { id } = await bob.send('alice', 'Thank you');
  await until(() => alice.conversations.get('bob')!.last!.id === id);
  await expect(alice.retry('bob', id)).rejects.toMatchObject(refusal);
  expect(alice.conversations.get('bob')!.last).toMatchObject({ mine: false, state: 'unread' });
});

test('somebody is met by name, if the relay knows them', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  const told: string[] = [];
  alice.on('conversationChanged', (contact) => told.push(contact));
  await expect(alice.meet('carol')).rejects.toMatchObject({ code: 'unknown-user' });
  await expect(alice.meet('alice')).rejects.toMatchObject({ code: 'name-invalid' });
  await expect(alice.meet('Bob')).rejects.toMatchObject({ code: 'name-invalid' });
  await expect(alice.meet('')).rejects.toMatchObject({ code: 'name-invalid' });
  expect([told, alice.conversations.list()]).toEqual([[], []]);

  await alice.meet('bob');
  expect(told).toContain('bob');
  expect(alice.conversations.list()).toMatchObject([{ contact: 'bob', count: 0, verified: null }]);
  expect(alice.contacts()).toMatchObject([{ name: 'bob', fingerprint: bob.fingerprint }]);
  // Bob is not told: nothing was sent.
  expect(bob.conversations.list()).toEqual([]);

  await relay.close();
  await until(() => alice.state !== 'online');
  await expect(alice.meet('dave')).rejects.toMatchObject({ code: 'offline' });
  told.splice(0);
  await alice.meet('bob');
  expect(told).toEqual(['bob']);
  expect(alice.conversations.list()).toHaveLength(1);
});
