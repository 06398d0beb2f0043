// What a window is shown: summaries and pages of conversations, and what the relay saw of a message.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { Messenger } from '../../../main/messenger/messenger.ts';
import { decodeEnvelope } from '../../../protocol/envelope.ts';
import {
  arrive,
  openRelay,
  type Person,
  reopen,
  type TestRelay,
  texts as heard,
  until,
} from '../../harness.ts';

type People = { relay: TestRelay; alice: Person; bob: Person; carol: Person };

async function people(): Promise<People> {
  const relay = await openRelay();
  const [alice, bob, carol] = await Promise.all([
    arrive('alice', relay),
    arrive('bob', relay),
    arrive('carol', relay),
  ]);
  // Alice's messages aren't requests to them, so that they confirm them at once.
  await Promise.all([bob.startConversation('alice'), carol.startConversation('alice')]);
  return { relay, alice, bob, carol };
}

/** Writes, and waits until the other has it and the writer knows of that. */
async function deliver(from: Messenger, to: Person, ...texts: string[]): Promise<void> {
  for (const text of texts) await from.send(to.name, text);
  await until(() => texts.every((text) => heard(to).includes(text)));
  // A request is not confirmed before it is accepted.
  if (to.trust.known(from.name).status !== 'accepted') return;
  const all = (): Promise<{ state: string }[]> => from.history(to.name, 100);
  await until(async () => (await all()).every(({ state }) => !['pending', 'sent'].includes(state)));
}

/** Opens a closed person's database, as any other program of theirs could. */
function edit<T>({ directory }: Person, work: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(join(directory, 'signet.sqlite'));
  try {
    return work(database);
  } finally {
    database.close();
  }
}

const texts = (page: { text: string }[]): string[] => page.map(({ text }) => text);

test('a summary counts its own conversation, however it is interleaved with others', async () => {
  const { alice, bob, carol } = await people();
  const { overview } = alice;
  expect(overview.list()).toEqual([]);
  expect(overview.get('bob')).toBeUndefined();
  await alice.startConversation('bob');
  const nothing = { count: 0, unread: 0, firstUnread: null, last: null, hasDraft: false };
  expect(overview.get('bob')).toMatchObject({ contact: 'bob', ...nothing, verified: null });

  await deliver(alice, bob, 'one');
  await deliver(carol, alice, 'from carol', 'and again');
  await deliver(bob, alice, 'two', 'three');
  expect(overview.unread).toBe(4);
  expect(overview.get('bob')).toMatchObject({
    count: 3,
    unread: 2,
    firstUnread: 1,
    last: { index: 2, mine: false, state: 'unread' },
  });
  expect(overview.get('carol')).toMatchObject({ count: 2, unread: 2, firstUnread: 0 });
  const byName = [...overview.list()].sort((a, b) => (a.contact < b.contact ? -1 : 1));
  expect(byName).toEqual([overview.get('bob'), overview.get('carol')]);

  alice.markRead('bob');
  expect(overview.get('bob')).toMatchObject({ count: 3, unread: 0, firstUnread: null });
  expect(overview.get('carol')).toMatchObject({ unread: 2, firstUnread: 0 });
  await deliver(bob, alice, 'four');
  expect(overview.get('bob')).toMatchObject({ count: 4, unread: 1, firstUnread: 3, last: { index: 3 } });
  expect(overview.unread).toBe(3);
});

test('each change is told, and makes the summary newer than all before', async () => {
  const { alice, bob } = await people();
  const told: string[] = [];
  alice.on('conversationChanged', (contact) => told.push(contact));
  alice.on('messageChanged', (contact, { state }) => told.push(`${contact} ${state}`));
  let last = 0;
  const newer = (...expected: string[]): void => {
    const { revision } = alice.overview.get('bob')!;
    expect(revision).toBeGreaterThan(last);
    last = revision;
    expect(told.splice(0)).toEqual(expect.arrayContaining(expected));
  };
  await alice.startConversation('bob');
  newer('bob');
  await alice.saveDraft('bob', 'begun');
  newer('bob');
  await alice.saveDraft('bob', '');
  newer('bob');
  alice.trust.markCompared('bob', bob.fingerprint);
  newer('bob');
  await deliver(alice, bob, 'Hello');
  newer('bob pending', 'bob sent', 'bob delivered');
  await deliver(bob, alice, 'Hello yourself');
  newer('bob unread');
  alice.markRead('bob');
  newer('bob read');
  const { revision } = alice.overview.get('bob')!;
  await alice.overview.page('bob', 0, 9);
  alice.markRead('bob');
  expect(alice.overview.get('bob')).toMatchObject({ revision });
  expect(told).toEqual([]);
});

test('only what was seen becomes read: what has come since does not', async () => {
  const { alice, bob } = await people();
  await deliver(bob, alice, 'seen');
  const seen = alice.overview.get('bob')!.last!.position;
  await deliver(bob, alice, 'not seen yet');
  alice.markRead('bob', seen);
  expect(alice.overview.get('bob')).toMatchObject({ unread: 1, firstUnread: 1 });
  alice.markRead('bob');
  expect(alice.overview.get('bob')).toMatchObject({ unread: 0, firstUnread: null });
});

test('a page has the messages that were asked for, with their places, and opens no others', async () => {
  const { alice, bob, carol } = await people();
  await Promise.all([alice.startConversation('bob'), alice.startConversation('carol')]);
  for (const text of ['zero', 'one', 'two', 'three', 'four']) {
    await alice.send('bob', text);
    await alice.send('carol', `not ${text}`);
  }
  const { overview } = alice;
  const page = await overview.page('bob', 1, 2);
  expect(page).toMatchObject([
    { index: 1, text: 'one', contact: 'bob', mine: true },
    { index: 2, text: 'two' },
  ]);
  const { text, ...row } = page[1]!;
  expect(text).toBe('two');
  const { index, contact, ...stored } = row;
  expect(overview.row('bob', stored)).toEqual({ ...stored, contact: 'bob', index });
  expect([index, contact]).toEqual([2, 'bob']);
  expect(texts(await overview.page('bob', 0, 1))).toEqual(['zero']);
  expect(await overview.page('bob', 4, 5)).toMatchObject([{ index: 4, text: 'four' }]);
  expect(await overview.page('bob', 0, 200)).toHaveLength(5);
  expect(await overview.page('bob', 5, 5)).toEqual([]);
  await expect(overview.page('dave', 0, 5)).rejects.toMatchObject({ code: 'command-invalid' });
  expect(overview.get('bob')).toMatchObject({ count: 5, last: { index: 4 } });

  await Promise.all([alice, bob, carol].map((person) => person.close()));
  const { position } = page[1]!;
  edit(alice, (database) =>
    database.prepare('UPDATE messages SET sealed = zeroblob(384) WHERE position = ?').run(position),
  );
  const { overview: again } = await reopen(alice);
  expect(texts(await again.page('bob', 0, 2))).toEqual(['zero', 'one']);
  expect(texts(await again.page('bob', 3, 9))).toEqual(['three', 'four']);
  await expect(again.page('bob', 1, 2)).rejects.toMatchObject({ code: 'database-damaged' });
  expect(again.get('bob')).toMatchObject({ count: 5, last: { index: 4 } });
});

test('the details show the stored envelope, field by field, on both sides', async () => {
  const { alice, bob, carol } = await people();
  await deliver(carol, alice, 'before');
  await deliver(alice, bob, 'x'.repeat(1000));
  const sides = await Promise.all([
    alice.overview.details('bob', alice.overview.get('bob')!.last!.position),
    bob.overview.details('alice', bob.overview.get('alice')!.last!.position),
  ]);
  await Promise.all([alice.close(), bob.close()]);
  const created = edit(bob, (database) => database.prepare('SELECT created FROM prekeys').get());
  const persons = [alice, bob];
  for (const [i, { message, envelope }] of sides.entries()) {
    expect(message).toMatchObject({ index: 0, text: 'x'.repeat(1000), mine: i === 0 });
    const stored = edit(persons[i]!, (database) =>
      database.prepare('SELECT bytes FROM envelopes WHERE message = ?').get(message.position),
    );
    const bytes = Buffer.from(stored!['bytes'] as Uint8Array);
    const { header, headerBytes, blocks, signature } = decodeEnvelope(bytes);
    expect(envelope).toEqual({
      version: 1,
      suite: 1,
      sender: { identity: header.sender.identity.toString('hex'), device: 1, listVersion: 0 },
      recipient: { identity: header.recipient.identity.toString('hex'), device: 1 },
      sealedTo: { fingerprint: header.encryptionKey.toString('hex'), created: created!['created'] },
      blockCount: 4,
      bytes,
      headerBytes: headerBytes.length,
      blockBytes: blocks[0]!.length,
      signatureBytes: signature.length,
    });
    expect(envelope).toMatchObject({
      sender: { identity: alice.fingerprint },
      recipient: { identity: bob.fingerprint },
      headerBytes: 107,
    });
  }
  expect(sides[0].message.id).toBe(sides[1].message.id);
  expect(sides[0].envelope!.bytes).toEqual(sides[1].envelope!.bytes);
});

test('when a key was made is told only while the key is known', async () => {
  const day = 24 * 60 * 60 * 1000;
  let time = Date.now();
  const now = (): number => time;
  const relay = await openRelay({ now });
  let [alice, bob] = await Promise.all([arrive('alice', relay, { now }), arrive('bob', relay, { now })]);
  await bob.startConversation('alice');
  await deliver(alice, bob, 'to the first key');
  const sealedTo = async (person: Messenger, contact: string, index: number): Promise<number | null> => {
    const [message] = await person.overview.page(contact, index, 1);
    const { envelope } = await person.overview.details(contact, message!.position);
    return envelope!.sealedTo.created;
  };
  const reconnect = async (person: Person): Promise<Person> => {
    const back = await reopen(person, { now });
    back.start();
    await until(() => back.state === 'online');
    return back;
  };
  const first = await sealedTo(alice, 'bob', 0);
  expect(first).toBeLessThanOrEqual(time);
  expect(await sealedTo(bob, 'alice', 0)).toBe(first);

  // Bob has another key now, and in the end destroys the first.
  time += 8 * day;
  bob = await reconnect(bob);
  alice = await reconnect(alice);
  await deliver(alice, bob, 'to the second key');
  expect(await sealedTo(alice, 'bob', 0)).toBeNull();
  expect(await sealedTo(alice, 'bob', 1)).toBe(time);
  expect(await sealedTo(bob, 'alice', 0)).toBe(first);
  time += 60 * day;
  bob = await reconnect(bob);
  await until(async () => (await sealedTo(bob, 'alice', 0)) === null);
});

test('a notice has no envelope; what does not stand in the conversation has no details', async () => {
  const { relay, alice, bob } = await people();
  await alice.startConversation('bob');
  await deliver(bob, alice, 'Hello');
  const { position: toCarol } = await alice.send('carol', 'Hello');
  // What the relay stores is its own to change: the signature doesn't fit any more.
  await alice.close();
  await bob.send('alice', 'changed on its way');
  await until(async () => (await relay.report()).messages === 1);
  const stored = new DatabaseSync(join(relay.data, 'relay.sqlite'));
  stored.exec(
    'UPDATE envelopes SET envelope = CAST(substr(envelope, 1, 400) || zeroblob(length(envelope) - 400) AS BLOB)',
  );
  stored.close();
  const back = await reopen(alice);
  back.start();
  const { overview } = back;
  await until(() => overview.get('bob')!.count === 2);
  const { last } = overview.get('bob')!;
  expect(await overview.details('bob', last!.position)).toEqual({
    message: { ...last, kind: 'refused', state: 'noted', index: 1, text: '' },
    envelope: null,
  });
  expect(overview.get('bob')).toMatchObject({ count: 2, unread: 1, firstUnread: 0 });
  const refused = { code: 'command-invalid' };
  await expect(overview.details('bob', toCarol)).rejects.toMatchObject(refused);
  await expect(overview.details('bob', 999)).rejects.toMatchObject(refused);
  await expect(overview.details('bob', 0)).rejects.toMatchObject(refused);
  await expect(overview.details('dave', last!.position)).rejects.toMatchObject(refused);
});

test('a request says so, until it is accepted by an answer', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  await deliver(alice, bob, 'Hello');
  expect(bob.overview.get('alice')).toMatchObject({
    status: 'request',
    verified: null,
    unread: 1,
    held: null,
  });
  await bob.saveDraft('alice', 'begun');
  await bob.send('alice', 'Hello yourself');
  expect(bob.overview.get('alice')).toMatchObject({ status: 'accepted', hasDraft: false, count: 2 });
});
