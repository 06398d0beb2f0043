// Encryption keys that are replaced, lost, or expired: what was sealed to them is sealed again, and nothing is lost.
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { until } from '../../../town.ts';
import { arrive, bringOnline, openPerson, openRelay, type Person, reopen, stateOf, texts } from './people.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Everything about a profile's own prekeys goes, as with a disk of which the keychain alone was left. */
function loseKeys(directory: string): void {
  const database = new DatabaseSync(join(directory, 'signet.sqlite'));
  database.exec('DELETE FROM prekeys');
  database.close();
}

async function acquainted(relay: { invite: string }): Promise<[Person, Person]> {
  const people = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  const [alice, bob] = people;
  await alice.send('bob', 'hello');
  await until(() => texts(bob).length === 1);
  await bob.send('alice', 'hello yourself');
  await until(() => texts(alice).length === 1);
  return people;
}

test('what comes for a key that is gone is sealed again, once, under its id; no gap is told', async () => {
  const relay = await openRelay();
  const [alice, bob] = await acquainted(relay);
  await bob.close();
  const rows = [await alice.send('bob', 'one'), await alice.send('bob', 'two')];
  await until(() => alice.drained(1000));
  loseKeys(bob.directory);
  const again = await reopen(bob);
  await bringOnline(again);
  await until(() => texts(again).length === 2);
  const history = await again.history('alice', 10);
  expect(history.map(({ text }) => text)).toEqual(['hello', 'hello yourself', 'one', 'two']);
  expect(history.slice(2).map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
  await until(async () => (await stateOf(alice, 'bob', 'two')) === 'delivered');
  expect((await alice.history('bob', 10)).map(({ kind }) => kind)).not.toContain('gap');
});

test('receipts that came for a key that is gone are told again', async () => {
  const relay = await openRelay();
  const [alice, bob] = await acquainted(relay);
  await bob.send('alice', 'read this');
  await until(() => texts(alice).length === 2);
  await until(async () => (await stateOf(bob, 'alice', 'read this')) === 'delivered');
  await bob.close();
  alice.markRead('bob');
  await until(() => alice.drained(1000));
  loseKeys(bob.directory);
  const again = await reopen(bob);
  await bringOnline(again);
  await until(async () => (await stateOf(again, 'alice', 'read this')) === 'read');
});

test('keys are replaced after seven days; what was sealed to the old one still opens, until it expires', async () => {
  let days = 0;
  const now = (): number => Date.now() + days * DAY_MS;
  const relay = await openRelay({ now });
  const [alice, bob] = await Promise.all([arrive('alice', relay, { now }), arrive('bob', relay, { now })]);
  await alice.send('bob', 'hello');
  await until(() => texts(bob).length === 1);
  await bob.send('alice', 'hello yourself');
  await until(() => texts(alice).length === 1);
  const keyOf = (person: Person): unknown => {
    const database = new DatabaseSync(join(person.directory, 'signet.sqlite'), { readOnly: true });
    const row = database.prepare('SELECT count(*) AS count FROM prekeys').get();
    database.close();
    return row!['count'];
  };
  await bob.close();
  await alice.send('bob', 'to the first key');
  await until(() => alice.drained(1000));
  days = 8;
  const later = await reopen(bob, { now });
  await bringOnline(later);
  await until(() => texts(later).includes('to the first key'));
  await later.close();
  expect(keyOf(later)).toBe(2);
  // After 37 days the first key is gone.
  days = 38;
  const muchLater = await reopen(later, { now });
  await bringOnline(muchLater);
  await muchLater.close();
  expect(keyOf(muchLater)).toBe(2);
});

test('to somebody who was away for over 37 days a message waits, and leaves when there is a key again', async () => {
  let days = 0;
  const now = (): number => Date.now() + days * DAY_MS;
  const relay = await openRelay({ now });
  const [alice, bob] = await Promise.all([arrive('alice', relay, { now }), arrive('bob', relay, { now })]);
  await alice.send('bob', 'hello');
  await until(() => texts(bob).length === 1);
  await bob.close();
  days = 40;
  await alice.send('bob', 'are you still there?');
  expect(await stateOf(alice, 'bob', 'are you still there?')).toBe('pending');
  const back = await reopen(bob, { now });
  await bringOnline(back);
  // Alice looks again on her next connection.
  await alice.close();
  const again = await openPerson('alice', relay.invite, { directory: alice.directory, now });
  await bringOnline(again);
  await until(() => texts(back).includes('are you still there?'));
  expect((await back.history('alice', 10)).map(({ kind }) => kind)).not.toContain('gap');
});
