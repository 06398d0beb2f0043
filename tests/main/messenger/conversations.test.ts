// What a window is shown: summaries and pages of conversations, and what the relay saw of a message.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { Messenger } from '../../../main/messenger/messenger.ts';
import { decodeEnvelope } from '../../../protocol/envelope.ts';
import { openLyingRelay } from '../../lying-relay.ts';
import { arrive, bringOnline, openPerson, openRelay, type TestRelay, until } from '../../town.ts';

type Person = Messenger & { directory: string };

async function town(): Promise<{ relay: TestRelay; alice: Person; bob: Person; carol: Person }> {
  const relay = await openRelay();
  const [alice, bob, carol] = await Promise.all([
    arrive('alice', relay),
    arrive('bob', relay),
    arrive('carol', relay),
  ]);
  return { relay, alice, bob, carol };
}

/** Writes, and waits until the other has it and the writer knows of that. */
async function deliver(from: Messenger, to: Messenger, ...texts: string[]): Promise<void> {
  for (const text of texts) await from.send(to.name, text);
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
  const { alice, bob, carol } = await town();
  const { conversations } = alice;
  expect(conversations.list()).toEqual([]);
  expect(conversations.get('bob')).toBeUndefined();
  await alice.meet('bob');
  const nothing = { count: 0, unread: 0, firstUnread: null, last: null, hasDraft: false };
  expect(conversations.get('bob')).toMatchObject({ contact: 'bob', ...nothing, verified: null });

  await deliver(alice, bob, 'one');
  await deliver(carol, alice, 'from carol', 'and again');
  await deliver(bob, alice, 'two', 'three');
  expect(conversations.unread).toBe(4);
  expect(conversations.get('bob')).toMatchObject({
    count: 3,
    unread: 2,
    firstUnread: 1,
    last: { index: 2, mine: false, state: 'unread' },
  });
  expect(conversations.get('carol')).toMatchObject({ count: 2, unread: 2, firstUnread: 0 });
  const byName = [...conversations.list()].sort((a, b) => (a.contact < b.contact ? -1 : 1));
  expect(byName).toEqual([conversations.get('bob'), conversations.get('carol')]);

  alice.markRead('bob');
  expect(conversations.get('bob')).toMatchObject({ count: 3, unread: 0, firstUnread: null });
  expect(conversations.get('carol')).toMatchObject({ unread: 2, firstUnread: 0 });
  await deliver(bob, alice, 'four');
  expect(conversations.get('bob')).toMatchObject({ count: 4, unread: 1, firstUnread: 3, last: { index: 3 } });
  expect(conversations.unread).toBe(3);
});

test('each change is told, and makes the summary newer than all before', async () => {
  const { alice, bob } = await town();
  const told: string[] = [];
  alice.on('conversationChanged', (contact) => told.push(contact));
  alice.on('messageChanged', ({ contact, state }) => told.push(`${contact} ${state}`));
  let last = 0;
  const newer = (...expected: string[]): void => {
    const { revision } = alice.conversations.get('bob')!;
    expect(revision).toBeGreaterThan(last);
    last = revision;
    expect(told.splice(0)).toEqual(expect.arrayContaining(expected));
  };
  await alice.meet('bob');
  newer('bob');
  await alice.saveDraft('bob', 'begun');
  newer('bob');
  await alice.saveDraft('bob', '');
  newer('bob');
  alice.markCompared('bob', bob.fingerprint);
  newer('bob');
  await deliver(alice, bob, 'Hello');
  newer('bob pending', 'bob sent', 'bob delivered');
  await deliver(bob, alice, 'Hello yourself');
  newer('bob unread');
  alice.markRead('bob');
  newer('bob read');
  const { revision } = alice.conversations.get('bob')!;
  await alice.conversations.page('bob', 0, 9);
  alice.markRead('bob');
  expect(alice.conversations.get('bob')).toMatchObject({ revision });
  expect(told).toEqual([]);
});

test('only what was seen becomes read: what has come since does not', async () => {
  const { alice, bob } = await town();
  await deliver(bob, alice, 'seen');
  const seen = alice.conversations.get('bob')!.last!.position;
  await deliver(bob, alice, 'not seen yet');
  alice.markRead('bob', seen);
  expect(alice.conversations.get('bob')).toMatchObject({ unread: 1, firstUnread: 1 });
  alice.markRead('bob');
  expect(alice.conversations.get('bob')).toMatchObject({ unread: 0, firstUnread: null });
});

test('a page has the messages that were asked for, with their places, and opens no others', async () => {
  const { relay, alice, bob, carol } = await town();
  await Promise.all([alice.meet('bob'), alice.meet('carol')]);
  for (const text of ['zero', 'one', 'two', 'three', 'four']) {
    await alice.send('bob', text);
    await alice.send('carol', `not ${text}`);
  }
  const { conversations } = alice;
  const page = await conversations.page('bob', 1, 2);
  expect(page).toMatchObject([
    { index: 1, text: 'one', contact: 'bob', mine: true },
    { index: 2, text: 'two' },
  ]);
  const { text, ...row } = page[1]!;
  expect(text).toBe('two');
  const { index, ...unplaced } = row;
  expect(conversations.place(unplaced)).toEqual({ ...unplaced, index });
  expect(texts(await conversations.page('bob', 0, 1))).toEqual(['zero']);
  expect(await conversations.page('bob', 4, 5)).toMatchObject([{ index: 4, text: 'four' }]);
  expect(await conversations.page('bob', 0, 200)).toHaveLength(5);
  expect(await conversations.page('bob', 5, 5)).toEqual([]);
  expect(await conversations.page('dave', 0, 5)).toEqual([]);
  expect(conversations.get('bob')).toMatchObject({ count: 5, last: { index: 4 } });

  await Promise.all([alice, bob, carol].map((person) => person.close()));
  const { position } = page[1]!;
  edit(alice, (database) =>
    database.prepare('UPDATE messages SET sealed = zeroblob(384) WHERE position = ?').run(position),
  );
  const again = (await openPerson('alice', relay.invite, { directory: alice.directory })).conversations;
  expect(texts(await again.page('bob', 0, 2))).toEqual(['zero', 'one']);
  expect(texts(await again.page('bob', 3, 9))).toEqual(['three', 'four']);
  await expect(again.page('bob', 1, 2)).rejects.toMatchObject({ code: 'database-damaged' });
  expect(again.get('bob')).toMatchObject({ count: 5, last: { index: 4 } });
});

test('the details show the stored envelope, field by field, on both sides', async () => {
  const { alice, bob, carol } = await town();
  await deliver(carol, alice, 'before');
  await deliver(alice, bob, 'x'.repeat(1000));
  const sides = await Promise.all([
    alice.conversations.details('bob', alice.conversations.get('bob')!.last!.position),
    bob.conversations.details('alice', bob.conversations.get('alice')!.last!.position),
  ]);
  await Promise.all([alice.close(), bob.close()]);
  const created = edit(bob, (database) => database.prepare('SELECT created FROM reception_keys').get());
  const persons = [alice, bob];
  for (const [i, { message, envelope }] of sides.entries()) {
    expect(message).toMatchObject({ index: 0, text: 'x'.repeat(1000), mine: i === 0 });
    const stored = edit(persons[i]!, (database) =>
      database.prepare('SELECT envelope FROM messages WHERE position = ?').get(message.position),
    );
    const bytes = Buffer.from(stored!['envelope'] as Uint8Array);
    const { header, headerBytes, blocks, signature } = decodeEnvelope(bytes);
    expect(envelope).toEqual({
      version: 1,
      suite: 1,
      id: header.id.toString('hex'),
      sender: header.sender.toString('hex'),
      recipient: header.recipient.toString('hex'),
      sealedTo: { fingerprint: header.receptionKey.toString('hex'), created: created!['created'] },
      blockCount: 4,
      bytes,
      headerBytes: headerBytes.length,
      blockBytes: blocks[0]!.length,
      signatureBytes: signature.length,
    });
    expect(envelope).toMatchObject({
      id: message.id,
      sender: alice.fingerprint,
      recipient: bob.fingerprint,
    });
  }
  expect(sides[0].envelope!.bytes.equals(sides[1].envelope!.bytes)).toBe(true);
});

test('when a key was made is told only while the key is known', async () => {
  let time = Date.now();
  const now = (): number => time;
  const relay = await openRelay({ now });
  const [alice, bob] = await Promise.all([arrive('alice', relay, { now }), arrive('bob', relay, { now })]);
  await deliver(alice, bob, 'to the first key');
  const sealedTo = async (person: Messenger, contact: string, index: number): Promise<number | null> => {
    const [message] = await person.conversations.page(contact, index, 1);
    const { envelope } = await person.conversations.details(contact, message!.position);
    return envelope!.sealedTo.created;
  };
  const first = await sealedTo(alice, 'bob', 0);
  expect(first).toBeLessThanOrEqual(time);
  expect(await sealedTo(bob, 'alice', 0)).toBe(first);

  // Bob has another key now, and in the end destroys the first.
  time += 8 * 24 * 60 * 60 * 1000;
  await bob.upkeep();
  await alice.close();
  const back = await openPerson('alice', relay.invite, { now, directory: alice.directory });
  await bringOnline(back);
  await deliver(back, bob, 'to the second key');
  expect(await sealedTo(back, 'bob', 0)).toBeNull();
  expect(await sealedTo(back, 'bob', 1)).toBe(time);
  expect(await sealedTo(bob, 'alice', 0)).toBe(first);
  time += 30 * 24 * 60 * 60 * 1000;
  await bob.upkeep();
  expect(await sealedTo(bob, 'alice', 0)).toBeNull();
});

test('a notice has no envelope; what does not stand in the conversation has no details', async () => {
  const truth = await openRelay();
  const relay = await openLyingRelay(truth);
  const [alice, bob] = await Promise.all([openPerson('alice', relay.invite), arrive('bob', truth)]);
  await bringOnline(alice);
  await Promise.all([deliver(alice, bob, 'Hello'), arrive('carol', truth)]);
  const { position: toCarol } = await alice.send('carol', 'Hello');
  relay.say({ type: 'deliver', from: 'bob', envelope: randomBytes(884) });
  await until(() => alice.conversations.get('bob')!.count === 2);
  const { last } = alice.conversations.get('bob')!;
  const { conversations } = alice;
  expect(await conversations.details('bob', last!.position)).toEqual({
    message: { ...last, kind: 'refused', state: 'noted', index: 1, text: '' },
    envelope: null,
  });
  expect(conversations.get('bob')).toMatchObject({ count: 2, unread: 0, firstUnread: null });
  const refused = { code: 'command-invalid' };
  await expect(conversations.details('bob', toCarol)).rejects.toMatchObject(refused);
  await expect(conversations.details('bob', 999)).rejects.toMatchObject(refused);
  await expect(conversations.details('bob', 0)).rejects.toMatchObject(refused);
  await expect(conversations.details('dave', last!.position)).rejects.toMatchObject(refused);
});
