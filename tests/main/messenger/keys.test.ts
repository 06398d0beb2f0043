// Encryption keys that are replaced, lost, or expired: what was sealed to them is sealed again, and nothing is lost.
import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
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

const DAY_MS = 24 * 60 * 60 * 1000;

/** Everything about a profile's own prekeys goes, as with a disk of which the keychain alone was left. */
function loseKeys(directory: string): void {
  const database = new DatabaseSync(join(directory, 'signet.sqlite'));
  database.exec('DELETE FROM prekeys');
  database.close();
}

/** Out of the database of somebody whose messenger is closed. */
function numberIn({ directory }: Person, query: string): number {
  const database = new DatabaseSync(join(directory, 'signet.sqlite'), { readOnly: true });
  const row = database.prepare(query).get();
  database.close();
  return Number(Object.values(row!)[0]);
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

test('what could not be opened four times has failed; the user sends it again, and it arrives under its id', async () => {
  const relay = await openRelay();
  let [sender, recipient] = await acquainted(relay);
  // So that nothing but the one message comes for a key that is gone.
  await until(async () => (await stateOf(sender, 'bob', 'hello')) === 'delivered');
  await until(async () => (await stateOf(recipient, 'alice', 'hello yourself')) === 'delivered');
  await recipient.close();
  const { id, position } = await sender.send('bob', 'hard to open');
  await until(() => sender.drained(1000));
  await sender.close();
  /** Starts somebody, and ends them again, until they have done something. */
  const visit = async (person: Person, isDone: (person: Person) => boolean): Promise<Person> => {
    const again = await reopen(person);
    await bringOnline(again);
    // What waits at the relay is on its way now.
    await delay(100);
    await until(() => again.drained(1000));
    await again.close();
    return isDone(again) ? again : visit(again, isDone);
  };
  for (let times = 1; times <= 4; times++) {
    loseKeys(recipient.directory);
    // It asks for it to be sealed again, to a key that is lost before that comes.
    const asked = "SELECT count(*) FROM told WHERE kind = 'retryRequest'";
    recipient = await visit(recipient, (person) => numberIn(person, asked) === times);
    const sealed = `SELECT count(*) FROM envelopes WHERE message = ${position}`;
    const failed = `SELECT count(*) FROM deliveries WHERE message = ${position} AND state = 'failed'`;
    sender = await visit(sender, (person) =>
      times < 4 ? numberIn(person, sealed) === 1 + times : numberIn(person, failed) === 1,
    );
  }
  sender = await reopen(sender);
  recipient = await reopen(recipient);
  await Promise.all([bringOnline(sender), bringOnline(recipient)]);
  expect(await stateOf(sender, 'bob', 'hard to open')).toBe('failed');
  expect(texts(recipient)).toEqual([]);
  await sender.retry(id);
  await until(() => texts(recipient).includes('hard to open'));
  expect(recipient.heard.at(-1)!.id).toBe(id);
  await until(async () => (await stateOf(sender, 'bob', 'hard to open')) === 'delivered');
  await expect(sender.retry(id)).rejects.toMatchObject({ code: 'command-invalid' });
  expect((await recipient.history('alice', 10)).map(({ kind }) => kind)).not.toContain('gap');
});

test('what the relay has refused is sent again as it was: its number is no gap', async () => {
  const relay = await openRelay();
  const [alice, bob] = await acquainted(relay);
  const { data, port } = relay;
  await relay.close();
  await until(() => alice.state !== 'online');
  const { id, position } = await alice.send('bob', 'refused at first');
  await alice.close();
  // As a refusal leaves it.
  const database = new DatabaseSync(join(alice.directory, 'signet.sqlite'));
  const { hash } = database.prepare('DELETE FROM outbox WHERE message = ? RETURNING hash').get(position)!;
  database.exec(`UPDATE deliveries SET state = 'failed' WHERE message = ${position}`);
  database.close();
  await openRelay({ data, port });
  const again = await reopen(alice);
  await bringOnline(again);
  expect(await stateOf(again, 'bob', 'refused at first')).toBe('failed');
  await again.send('bob', 'later');
  await until(() => texts(bob).includes('later'));
  expect((await bob.history('alice', 10)).map(({ kind }) => kind)).toContain('gap');
  await again.retry(id);
  await until(() => texts(bob).includes('refused at first'));
  expect((await bob.history('alice', 10)).map(({ kind }) => kind)).not.toContain('gap');
  await until(async () => (await stateOf(again, 'bob', 'refused at first')) === 'delivered');
  await bob.close();
  const found = new DatabaseSync(join(bob.directory, 'signet.sqlite'), { readOnly: true });
  expect(found.prepare('SELECT 1 FROM taken WHERE hash = ?').get(hash!)).toBeDefined();
  found.close();
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
