// Who somebody is: comparing, another identity under a known name, and taking it.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Messenger } from '../../main/messenger/messenger.ts';
import type { RelayFrame } from '../../protocol/frames.ts';
import { openLyingRelay } from '../lying-relay.ts';
import { arrive, bringOnline, openPerson, openRelay, until } from '../town.ts';

type Person = Messenger & { directory: string };

/** What is thrown when a fingerprint isn't the one that it has to be. */
const changed = expect.objectContaining({ code: 'identity-changed' }) as Error;

/** Alice knows one bob; the relay was set up anew, and names another one by now. */
async function otherBob(): Promise<{ alice: Person; bob: Person; old: Person; sayOld: () => void }> {
  const truth = await openRelay();
  const relay = await openLyingRelay(truth);
  const [alice, old] = await Promise.all([openPerson('alice', relay.invite), arrive('bob', truth)]);
  await bringOnline(alice);
  await alice.send('bob', 'to the first bob');
  await until(() => alice.conversations.get('bob')!.last!.state === 'delivered');
  alice.markCompared('bob', old.fingerprint);
  // One of his envelopes is still to come.
  const held: RelayFrame[] = [];
  relay.lies = { toClient: (frame) => (frame.type === 'deliver' ? (held.push(frame), []) : [frame]) };
  await old.send('alice', 'from the first bob');
  await until(() => held.length > 0);
  await old.close();
  await truth.close();
  relay.lies = {};
  for (const name of ['relay.sqlite', 'relay.sqlite-wal']) rmSync(join(truth.data, name), { force: true });
  const anew = await openRelay({ data: truth.data, port: truth.port });
  const bob = await arrive('bob', anew);
  await until(() => (alice.reconnect(), alice.state === 'online'));
  return { alice, bob, old, sayOld: () => relay.say(held[0]!) };
}

test('another identity is told and shown, and taken only when it is the one that was shown', async () => {
  const { alice, bob, old } = await otherBob();
  const told: string[] = [];
  alice.on('conversationChanged', (contact) => told.push(contact));
  const { revision } = alice.conversations.get('bob')!;
  expect(alice.conversations.get('bob')).toMatchObject({ offered: null, verified: 'compared' });
  await expect(alice.send('bob', 'Hello')).rejects.toMatchObject({ code: 'identity-changed' });
  expect(told).toEqual(['bob']);
  const before = alice.conversations.get('bob')!;
  expect(before).toMatchObject({ offered: bob.fingerprint, verified: 'compared', count: 1 });
  expect(before.revision).toBeGreaterThan(revision);

  for (const wrong of [old.fingerprint, alice.fingerprint, bob.fingerprint.slice(2), '']) {
    expect(() => alice.acceptIdentity('bob', wrong)).toThrow(changed);
  }
  expect(() => alice.acceptIdentity('carol', bob.fingerprint)).toThrow(changed);
  expect(alice.conversations.get('bob')).toEqual(before);
  expect(alice.contacts()).toMatchObject([{ fingerprint: old.fingerprint }]);

  alice.acceptIdentity('bob', bob.fingerprint);
  expect(told).toEqual(['bob', 'bob']);
  const after = alice.conversations.get('bob')!;
  expect(after).toMatchObject({ offered: null, verified: null, verifiedAt: null, count: 1 });
  expect(after.revision).toBeGreaterThan(before.revision);
  expect(alice.contacts()).toMatchObject([{ fingerprint: bob.fingerprint }]);
  expect(() => alice.acceptIdentity('bob', bob.fingerprint)).toThrow(changed);
});

test('what is written after that goes to the new identity alone, and the old one is not heard any more', async () => {
  const { alice, bob, old, sayOld } = await otherBob();
  const heard: string[] = [];
  const failures: string[] = [];
  alice.on('message', ({ text }) => heard.push(text));
  alice.on('failure', ({ code }) => failures.push(code));
  const received: string[] = [];
  bob.on('message', ({ text }) => received.push(text));
  await alice.send('bob', 'unsent').catch(() => {});
  const number = await alice.safetyNumber('bob');
  alice.acceptIdentity('bob', bob.fingerprint);
  // At once: nothing of the first one is left to be believed.
  sayOld();
  await until(() => failures.length > 0);
  expect(failures).toEqual(['message-refused']);
  expect(await alice.safetyNumber('bob')).not.toBe(number);
  expect(await alice.safetyNumber('bob')).toBe(await bob.safetyNumber('alice'));

  await alice.send('bob', 'to the second bob');
  // His receipt is the first of a new chain: that is noted after it.
  await until(() => alice.conversations.get('bob')!.count === 4);
  expect(received).toEqual(['to the second bob']);
  const [sent] = await alice.conversations.page('bob', 2, 1);
  expect(sent).toMatchObject({ text: 'to the second bob', state: 'delivered' });
  const { envelope } = await alice.conversations.details('bob', sent!.position);
  expect(envelope).toMatchObject({ recipient: bob.fingerprint, sender: alice.fingerprint });
  expect(await bob.conversations.page('alice', 0, 9)).toMatchObject([{ text: 'to the second bob' }]);

  sayOld();
  await until(() => failures.length > 1);
  expect(failures).toEqual(['message-refused', 'message-refused']);
  await bob.send('alice', 'from the second bob');
  await until(() => heard.length > 0);
  expect(heard).toEqual(['from the second bob']);
  const page = await alice.conversations.page('bob', 0, 9);
  expect(page.map(({ kind, text }) => (kind === 'text' ? text : kind))).toEqual([
    'to the first bob',
    'refused',
    'to the second bob',
    'restarted',
    'refused',
    'from the second bob',
  ]);
  // Nobody has compared this one; and the first one's fingerprint stands for nobody now.
  expect(() => alice.markCompared('bob', old.fingerprint)).toThrow(changed);
  alice.markCompared('bob', bob.fingerprint);
  expect(alice.conversations.get('bob')).toMatchObject({ verified: 'compared' });
});

test('until it is taken, the known identity is heard and the other one is not', async () => {
  const { alice, bob, old, sayOld } = await otherBob();
  const heard: string[] = [];
  const failures: string[] = [];
  alice.on('message', ({ text }) => heard.push(text));
  alice.on('failure', ({ code }) => failures.push(code));
  await bob.send('alice', 'from the second bob');
  await until(() => failures.length > 0);
  sayOld();
  await until(() => heard.length > 0);
  expect(heard).toEqual(['from the first bob']);
  expect(failures).toEqual(['message-refused']);
  expect(alice.contacts()).toMatchObject([{ name: 'bob', fingerprint: old.fingerprint }]);
});

test('that somebody was compared is kept, with its time; only of the very identity that was compared', async () => {
  const time = Date.now() + 1234;
  const now = (): number => time;
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay, { now }), arrive('bob', relay)]);
  await alice.meet('bob');
  expect(alice.conversations.get('bob')).toMatchObject({ verified: null, verifiedAt: null });
  const told: string[] = [];
  alice.on('conversationChanged', (contact) => told.push(contact));
  for (const [contact, fingerprint] of [
    ['bob', alice.fingerprint],
    ['bob', bob.fingerprint.slice(0, 62)],
    ['carol', bob.fingerprint],
  ] as const) {
    expect(() => alice.markCompared(contact, fingerprint)).toThrow(changed);
  }
  expect(alice.conversations.get('bob')).toMatchObject({ verified: null, verifiedAt: null });
  expect(told).toEqual([]);
  alice.markCompared('bob', bob.fingerprint);
  expect(told).toEqual(['bob']);
  const compared = { verified: 'compared', verifiedAt: time };
  expect(alice.conversations.get('bob')).toMatchObject(compared);
  await alice.close();
  const back = await openPerson('alice', relay.invite, { directory: alice.directory });
  expect(back.conversations.get('bob')).toMatchObject(compared);
  expect(back.contacts()).toMatchObject([{ name: 'bob', ...compared }]);
});
