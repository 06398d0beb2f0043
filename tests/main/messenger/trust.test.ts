// Identities and device lists that are not the known ones: nothing is sealed to them, and nothing is lost meanwhile.
import { expect, test } from 'vitest';
import {
  arrive,
  bringOnline,
  openPerson,
  openRelay,
  type Person,
  reopen,
  stateOf,
  temporaryFolder,
  texts,
  until,
} from '../../harness.ts';
import { addDevice } from './another-device.ts';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { cpSync } from 'node:fs';

test('the invite pins whoever invites; a safety number is the same on both sides', async () => {
  const relay = await openRelay();
  const alice = await arrive('alice', relay);
  const bob = await arrive('bob', { invite: alice.invite() });
  expect(bob.contacts()).toMatchObject([{ name: 'alice', verified: 'invite', status: 'accepted' }]);
  await bob.send('alice', 'I was invited');
  await until(() => texts(alice).length === 1);
  const [number, other] = await Promise.all([
    alice.trust.safetyNumber('bob'),
    bob.trust.safetyNumber('alice'),
  ]);
  expect(number).toMatch(/^\d{60}$/);
  expect(number).toBe(other);
  alice.trust.markCompared('bob', bob.fingerprint);
  expect(alice.contacts()).toMatchObject([{ name: 'bob', verified: 'compared' }]);
  expect(() => alice.trust.markCompared('bob', alice.fingerprint)).toThrow(
    /safety number of bob has changed/,
  );
});

test('another identity under a known name: nothing is sealed to it, what it writes waits until the user has decided', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  await alice.send('bob', 'hello');
  await until(() => texts(bob).length === 1);
  await bob.send('alice', 'hello yourself');
  await until(() => texts(alice).length === 1);
  await bob.close();
  // The relay forgets bob, and somebody registers under his name.
  const database = new DatabaseSync(join(relay.data, 'relay.sqlite'));
  database.exec("PRAGMA foreign_keys = ON; DELETE FROM users WHERE name = 'bob'");
  database.close();
  const other = await arrive('bob', relay);
  await other.send('alice', 'it is me, bob');
  await until(() => alice.contacts()[0]?.offered?.toString('hex') === other.fingerprint);
  await expect(alice.send('bob', 'is it you?')).rejects.toMatchObject({ code: 'identity-changed' });
  expect(texts(alice)).toEqual(['hello yourself']);
  // The user asks bob, who has a new computer.
  await alice.trust.acceptIdentity('bob', other.fingerprint);
  await until(() => texts(alice).includes('it is me, bob'));
  await alice.send('bob', 'good to hear');
  await until(() => texts(other).includes('good to hear'));
  expect(alice.contacts()).toMatchObject([{ name: 'bob', verified: null, offered: null }]);
  // All of it stands in one conversation.
  const history = await alice.history('bob', 10);
  const said = history.filter(({ kind }) => kind === 'text').map(({ text }) => text);
  expect(said).toEqual(['hello', 'hello yourself', 'it is me, bob', 'good to hear']);
});

test('a refused identity is not told again, and what it writes is refused', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  await alice.send('bob', 'hello');
  await until(() => texts(bob).length === 1);
  await bob.close();
  const database = new DatabaseSync(join(relay.data, 'relay.sqlite'));
  database.exec("PRAGMA foreign_keys = ON; DELETE FROM users WHERE name = 'bob'");
  database.close();
  const mallory = await arrive('bob', relay);
  await mallory.send('alice', 'it is me, bob');
  await until(() => alice.contacts()[0]?.offered);
  alice.trust.refuseIdentity('bob', mallory.fingerprint);
  await until(async () => (await alice.history('bob', 10)).at(-1)?.kind === 'refused');
  expect(alice.contacts()).toMatchObject([{ offered: null }]);
  await expect(alice.send('bob', 'to mallory?')).rejects.toMatchObject({ code: 'identity-changed' });
  expect(texts(alice)).toEqual([]);
});

/** Alice has added a computer, Bob knows of it, and the relay was restored to before that. Nobody is online but Bob. */
async function rolledBack(): Promise<{ bob: Person; laptop: Person; desktop: Person }> {
  const relay = await openRelay();
  const bob = await arrive('bob', relay);
  const alice = await arrive('alice', relay);
  await bob.send('alice', 'one');
  await until(() => texts(alice).length === 1);
  await alice.send('bob', 'two');
  await until(() => texts(bob).length === 1);
  await alice.close();
  const backup = temporaryFolder();
  const source = new DatabaseSync(join(relay.data, 'relay.sqlite'));
  source.exec(`VACUUM INTO '${join(backup, 'relay.sqlite')}'`);
  source.close();
  const directory = await addDevice(alice.directory);
  const desktop = await openPerson('alice', relay.invite, { directory });
  await bringOnline(desktop);
  // The older computer tells bob of the new one.
  const laptop = await reopen(alice);
  await bringOnline(laptop);
  await until(async () => {
    await bob.send('alice', 'to both');
    return texts(desktop).length > 0;
  });
  await laptop.close();
  await desktop.close();
  await bob.close();
  const { port } = relay;
  await relay.close();

  const data = temporaryFolder();
  cpSync(relay.data, data, { recursive: true, filter: (path) => !path.includes('relay.sqlite') });
  cpSync(join(backup, 'relay.sqlite'), join(data, 'relay.sqlite'));
  const restored = await openRelay({ data, port });
  expect(restored.key).toEqual(relay.key);
  const bobAgain = await reopen(bob);
  await bringOnline(bobAgain);
  await expect(bobAgain.send('alice', 'held')).rejects.toMatchObject({ code: 'list-changed' });
  expect(bobAgain.contacts()).toMatchObject([{ name: 'alice', held: 'rollback' }]);
  return { bob: bobAgain, laptop, desktop };
}

test('a relay restored to before a device was added is repaired by the account; meanwhile nothing is sent by others', async () => {
  const { bob: bobAgain, desktop } = await rolledBack();
  // The new device brings what the relay lacks, before it signs in; the older one would, too.
  const desktopAgain = await reopen(desktop);
  await bringOnline(desktopAgain);
  await until(async () => {
    await bobAgain.send('alice', 'after the repair').catch(() => undefined);
    return texts(desktopAgain).includes('after the repair');
  });
  expect(bobAgain.contacts()).toMatchObject([{ held: null }]);
});

test('the user can take the older device list that the relay shows; later the account brings the newer one back', async () => {
  const { bob, laptop, desktop } = await rolledBack();
  await bob.trust.acceptList('alice');
  expect(bob.contacts()).toMatchObject([{ name: 'alice', held: null }]);
  await bob.send('alice', 'to the laptop');
  await until(async () => (await stateOf(bob, 'alice', 'to the laptop')) === 'sent');
  const laptopAgain = await reopen(laptop);
  await bringOnline(laptopAgain);
  await until(() => texts(laptopAgain).includes('to the laptop'));
  const desktopAgain = await reopen(desktop);
  await bringOnline(desktopAgain);
  await until(async () => {
    await bob.send('alice', 'to both again');
    return texts(desktopAgain).includes('to both again') && texts(laptopAgain).includes('to both again');
  });
  expect(texts(desktopAgain)).not.toContain('to the laptop');
  expect(bob.contacts()).toMatchObject([{ held: null }]);
});

test('an old copy of a profile is found out at the sign-in, and goes on only if the user says so', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  await alice.send('bob', 'one');
  await until(() => texts(bob).length === 1);
  await bob.send('alice', 'two');
  await until(() => texts(alice).length === 1);
  await alice.close();
  const copy = temporaryFolder();
  cpSync(alice.directory, copy, { recursive: true });
  const original = await reopen(alice);
  await bringOnline(original);
  await original.send('bob', 'three');
  await until(() => texts(bob).includes('three'));
  await original.close();

  const old = await openPerson('alice', relay.invite, { directory: copy });
  old.start();
  await until(() => old.trouble?.final);
  expect(old.trouble!.failure.code).toBe('profile-copied');
  await old.continueHere();
  await until(() => old.state === 'online');
  await old.send('bob', 'from the copy');
  await until(() => texts(bob).includes('from the copy'));
  // A new chain: no number is used twice.
  const kinds = (await bob.history('alice', 20)).map(({ kind }) => kind);
  expect(kinds).toContain('newSession');
  expect(kinds).not.toContain('fork');
  await bob.send('alice', 'to the copy');
  await until(() => texts(old).includes('to the copy'));
  // What went on elsewhere is the old copy now.
  const left = await openPerson('alice', relay.invite, { directory: original.directory });
  left.start();
  await until(() => left.trouble?.final);
  expect(left.trouble!.failure.code).toBe('profile-copied');
});

test('that somebody was compared is kept, with its time; only of the very identity that was compared', async () => {
  const time = Date.now() + 1234;
  const now = (): number => time;
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay, { now }), arrive('bob', relay)]);
  await alice.startConversation('bob');
  expect(alice.overview.get('bob')).toMatchObject({ verified: null, verifiedAt: null });
  const told: string[] = [];
  alice.on('conversationChanged', (contact) => told.push(contact));
  for (const [contact, fingerprint] of [
    ['bob', alice.fingerprint],
    ['bob', bob.fingerprint.slice(0, 62)],
    ['carol', bob.fingerprint],
  ] as const) {
    expect(() => alice.trust.markCompared(contact, fingerprint)).toThrow(
      expect.objectContaining({ code: 'identity-changed' }),
    );
  }
  expect(alice.overview.get('bob')).toMatchObject({ verified: null, verifiedAt: null });
  expect(told).toEqual([]);
  alice.trust.markCompared('bob', bob.fingerprint);
  expect(told).toEqual(['bob']);
  const compared = { verified: 'compared', verifiedAt: time };
  expect(alice.overview.get('bob')).toMatchObject(compared);
  expect((await reopen(alice)).overview.get('bob')).toMatchObject(compared);
});
