// Prekeys with a moved clock: replaced, kept, and destroyed with all their traces.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { arrive, bringOnline, openPerson, openRelay, type Person, reopen, texts, until } from '../harness.ts';
import { primesOfProfile, traces } from '../traces.ts';

const DAY = 24 * 60 * 60 * 1000;

/** The sealed private halves, and fingerprints, in a closed profile's database. */
function storedKeys(profile: string): { sealed: Buffer; fingerprint: Buffer }[] {
  const database = new DatabaseSync(join(profile, 'signet.sqlite'), { readOnly: true });
  const rows = database.prepare('SELECT sealed, fingerprint FROM prekeys ORDER BY created').all();
  database.close();
  return rows.map((row) => ({
    sealed: Buffer.from(row['sealed'] as Uint8Array),
    fingerprint: Buffer.from(row['fingerprint'] as Uint8Array),
  }));
}

test('a key is replaced after 7 days, opens what is on its way until its expiry, and is then in no file', async () => {
  let time = Date.now();
  const now = (): number => time;
  const relay = await openRelay({ now });
  const alice = await arrive('alice', relay, { now });
  const bob = await arrive('bob', relay, { now });
  await alice.send('bob', 'to the first key');
  await until(() => texts(bob).length === 1);
  const { directory } = bob;
  await bob.close();
  const [first] = storedKeys(directory);
  const primes = await primesOfProfile(directory);

  // Sealed to the first key on its last day as the newest, and fetched 29 days later.
  time += 7 * DAY - 1000;
  await alice.send('bob', 'late');
  await until(() => alice.drained(1000));
  time += 2000;
  // It isn't started: it makes its second key, and fetches nothing.
  const second = await reopen(bob, { now });
  await second.close();
  expect(storedKeys(directory)).toHaveLength(2);
  time += 29 * DAY;
  const back = await reopen(second, { now });
  await bringOnline(back);
  await until(() => texts(back).includes('late'));

  // The first key's bytes are there until its 37 days are over; then its row, sealed and bare, is in no file.
  const wanted = [
    { name: 'sealed', bytes: first!.sealed },
    { name: 'p', bytes: primes[2]!.subarray(0, 192) },
    { name: 'q', bytes: primes[2]!.subarray(192) },
  ];
  await back.close();
  expect(traces([directory], wanted)).not.toEqual([]);
  time += DAY + 1000;
  const last: Person = await reopen(back, { now });
  await bringOnline(last);
  await until(() => traces([directory], wanted).length === 0);
  await last.close();
  expect(storedKeys(directory).map(({ fingerprint }) => fingerprint)).not.toContainEqual(first!.fingerprint);
  expect(traces([directory], wanted)).toEqual([]);
  const history = await (await reopen(last, { now })).history('alice', 9);
  expect(history.map(({ text }) => text)).toEqual(['to the first key', 'late']);
});

test('the search for traces finds a key that was not destroyed', async () => {
  const relay = await openRelay();
  const bob = await openPerson('bob', relay.invite);
  await bob.close();
  const [key] = storedKeys(bob.directory);
  expect(traces([bob.directory], [{ name: 'sealed', bytes: key!.sealed }])).not.toEqual([]);
});

test('a start with a clock that is years ahead destroys nothing, and leaves nothing behind', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  const { directory } = bob;
  await bob.close();
  await alice.send('bob', 'on its way');
  const ahead = (): number => Date.now() + 4 * 365 * DAY;
  const early = await reopen(bob, { now: ahead });
  early.start();
  await until(() => early.failures.length > 0);
  expect(early.failures).toEqual(['clock-wrong']);
  await early.close();
  expect(storedKeys(directory)).toHaveLength(2);

  const right = await reopen(early);
  await bringOnline(right);
  await until(() => texts(right).includes('on its way'));
  await right.close();
  expect(storedKeys(directory)).toHaveLength(1);
});
