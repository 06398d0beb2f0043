// Several computers of one account: every message reaches each of them once, and what one sends stands on the others.
import { expect, test } from 'vitest';
import {
  arrive,
  bringOnline,
  openPerson,
  openRelay,
  type Person,
  reopen,
  stateOf,
  texts,
  until,
} from '../../harness.ts';
import { addDevice, removeDevice } from './another-device.ts';

/** All texts of a conversation, one's own with a sign in front. */
const said = async (person: Person, contact: string): Promise<string[]> =>
  (await person.history(contact, 1000))
    .filter(({ kind }) => kind === 'text')
    .map(({ mine, text }) => (mine ? `> ${text}` : text));

async function twoComputers(relay: { invite: string }): Promise<[Person, Person]> {
  const first = await arrive('alice', relay);
  await first.close();
  const directory = await addDevice(first.directory);
  const second = await openPerson('alice', relay.invite, { directory });
  const again = await reopen(first);
  await Promise.all([bringOnline(again), bringOnline(second)]);
  return [again, second];
}

test('five clients, two of them one account: each message reaches all devices once', async () => {
  const relay = await openRelay();
  const others = await Promise.all(['bob', 'carol', 'dave'].map((name) => arrive(name, relay)));
  const [laptop, desktop] = await twoComputers(relay);
  expect(laptop.fingerprint).toBe(desktop.fingerprint);
  for (const other of others) {
    for (let i = 0; i < 5; i++) {
      await laptop.send(other.name, `from the laptop ${i}`);
      await desktop.send(other.name, `from the desktop ${i}`);
    }
    await until(() => texts(other).length === 10);
    for (let i = 0; i < 5; i++) await other.send('alice', `from ${other.name} ${i}`);
  }
  for (const other of others) {
    const all = [
      ...[0, 1, 2, 3, 4].flatMap((i) => [`from the laptop ${i}`, `from the desktop ${i}`]),
      ...[0, 1, 2, 3, 4].map((i) => `> from ${other.name} ${i}`),
    ].sort();
    expect((await said(other, 'alice')).sort()).toEqual(all);
    const mirrored = all.map((text) => (text.startsWith('> ') ? text.slice(2) : `> ${text}`)).sort();
    for (const mine of [laptop, desktop]) {
      await until(async () => (await said(mine, other.name)).length >= 15);
      expect((await said(mine, other.name)).sort()).toEqual(mirrored);
    }
    // Two devices of the recipient: delivered as soon as one has it.
    await until(async () => (await stateOf(other, 'alice', `from ${other.name} 0`)) === 'delivered');
    // The writing device is told; the other one knows that it was sent.
    await until(async () => (await stateOf(laptop, other.name, 'from the laptop 0')) === 'delivered');
    expect(await stateOf(desktop, other.name, 'from the laptop 0')).toBe('sent');
  }
  const amiss = [laptop, desktop, ...others].flatMap(({ failures }) => failures);
  expect(amiss).toEqual([]);
  const kinds = (await laptop.history('bob', 100)).map(({ kind }) => kind);
  expect(new Set(kinds)).toEqual(new Set(['text']));
});

test('a computer that is added while others write gets what is written from then on; what it was not sent is no gap', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  await bob.send('alice', 'before');
  await until(() => texts(alice).length === 1);
  await alice.send('bob', 'so that we know each other');
  await until(() => texts(bob).length === 1);
  await alice.close();
  const desktop = await openPerson('alice', relay.invite, { directory: await addDevice(alice.directory) });
  await bringOnline(desktop);
  const laptop = await reopen(alice);
  await bringOnline(laptop);
  // The null of the laptop has told bob of the new list; at the latest the new device's first message does.
  await desktop.send('bob', 'from the new one');
  await until(() => texts(bob).includes('from the new one'));
  await bob.send('alice', 'to both');
  await until(() => texts(desktop).includes('to both') && texts(laptop).includes('to both'));
  expect(await said(desktop, 'bob')).toEqual(['> from the new one', 'to both']);
  const kinds = [desktop, laptop].map(async (one) => (await one.history('bob', 100)).map(({ kind }) => kind));
  expect((await Promise.all(kinds)).flat()).not.toContain('gap');
  // Bob is told of the other computer in a line.
  expect((await bob.history('alice', 100)).map(({ kind }) => kind)).toContain('devices');
  expect([bob.failures, desktop.failures, laptop.failures]).toEqual([[], [], []]);
});

test('a computer that was removed gets nothing more, and what it writes is refused', async () => {
  const relay = await openRelay();
  const bob = await arrive('bob', relay);
  const [laptop, desktop] = await twoComputers(relay);
  await bob.send('alice', 'to both');
  await until(() => texts(laptop).length === 1 && texts(desktop).length === 1);
  await laptop.send('bob', 'thanks');
  await until(() => texts(bob).length === 1);
  await laptop.close();
  await removeDevice(laptop.directory, 2);
  await until(() => desktop.state !== 'online');
  const again = await reopen(laptop);
  await bringOnline(again);
  await bob.send('alice', 'to the laptop alone');
  await until(() => texts(again).includes('to the laptop alone'));
  await until(async () => (await stateOf(bob, 'alice', 'to the laptop alone')) === 'delivered');
  await until(() => desktop.trouble?.failure.code === 'login-refused');
  expect(desktop.trouble?.final).toBe(true);
  expect(texts(desktop)).not.toContain('to the laptop alone');
});
