// Reception keys with a moved clock: rotated, kept, destroyed with their traces, and messages to a destroyed one
// sealed again.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { MessageRow } from '../../main/messenger/messages.ts';
import type { Messenger } from '../../main/messenger/messenger.ts';
import { bob, Wire } from '../relay/wire.ts';
import { seal } from '../../main/messenger/seal.ts';
import { encodeBody } from '../../protocol/body.ts';
import { sha256 } from '../../protocol/envelope.ts';
import { importPublicKey } from '../../protocol/public-key.ts';
import { arrive, bringOnline, openPerson, openRelay, type TestRelay, until } from '../town.ts';
import { primesOfProfile, traces } from '../traces.ts';

const DAY = 24 * 60 * 60 * 1000;

/** The sealed private halves, and fingerprints, in a closed profile's database. */
function storedKeys(profile: string): { sealed: Buffer; fingerprint: Buffer }[] {
  const database = new DatabaseSync(join(profile, 'signet.sqlite'), { readOnly: true });
  const rows = database.prepare('SELECT sealed, fingerprint FROM reception_keys ORDER BY created').all();
  database.close();
  return rows.map((row) => ({
    sealed: Buffer.from(row['sealed'] as Uint8Array),
    fingerprint: Buffer.from(row['fingerprint'] as Uint8Array),
  }));
}

const receives = (messenger: Messenger): string[] => {
  const texts: string[] = [];
  messenger.on('message', ({ text }) => texts.push(text));
  return texts;
};

test('a key is replaced after 7 days, opens what is on its way until its expiry, and is then in no file', async () => {
  let time = Date.now();
  const now = (): number => time;
  const relay = await openRelay({ now });
  const alice = await arrive('alice', relay, { now });
  const bob = await arrive('bob', relay, { now });
  await alice.send('bob', 'to the first key');
  await until(async () => (await bob.history('alice', 1)).length === 1);
  const { directory } = bob;
  await bob.close();
  const [first] = storedKeys(directory);
  const primes = await primesOfProfile(directory);

  // Sealed to the first key on its last day as the newest, and fetched 29 days later.
  time += 7 * DAY - 1000;
  await alice.send('bob', 'late');
  time += 2000;
  const bobLater = await openPerson('bob', relay.invite, { now, directory });
  const texts = receives(bobLater);
  await bobLater.upkeep();
  await bobLater.close();
  expect(storedKeys(directory)).toHaveLength(2);
  time += 29 * DAY;
  const bobBack = await openPerson('bob', relay.invite, { now, directory });
  const later = receives(bobBack);
  await bringOnline(bobBack);
  await until(() => later.includes('late'));
  expect(texts).toEqual([]);

  // The first key's bytes are there until its 37 days are over; then its row, sealed and bare, is in no file.
  const wanted = [
    { name: 'sealed', bytes: first!.sealed },
    { name: 'p', bytes: primes[2]!.subarray(0, 192) },
    { name: 'q', bytes: primes[2]!.subarray(192) },
    { name: 'fingerprint', bytes: first!.fingerprint },
  ];
  time += DAY + 1000;
  await bobBack.upkeep();
  // The message's envelope, kept to show what the relay saw, names the key; the private half is gone.
  const found = traces([directory], wanted).map((trace) => trace.split(' ')[0]);
  expect(found).not.toContain('sealed');
  expect(found).not.toContain('p');
  expect(found).not.toContain('q');
  await bobBack.close();
  expect(storedKeys(directory).map(({ fingerprint }) => fingerprint)).not.toContainEqual(first!.fingerprint);
  expect(traces([directory], wanted.slice(0, 3))).toEqual([]);
  expect(
    (await (await openPerson('bob', relay.invite, { now, directory })).history('alice', 9)).map(
      ({ text }) => text,
    ),
  ).toEqual(['to the first key', 'late']);
});

test('the search for traces finds a key that was not destroyed', async () => {
  const relay = await openRelay();
  const bob = await openPerson('bob', relay.invite);
  await bob.close();
  const [key] = storedKeys(bob.directory);
  expect(traces([bob.directory], [{ name: 'sealed', bytes: key!.sealed }])).not.toEqual([]);
});

test('a message to a key that is gone is sealed again, under its id, and nothing is missing', async () => {
  let time = Date.now();
  const bobsClock = (): number => time;
  const relay = await openRelay({ now: bobsClock });
  const alice = await arrive('alice', relay, { now: bobsClock });
  const bob = await arrive('bob', relay, { now: bobsClock });
  await alice.send('bob', 'one');
  await until(async () => (await bob.history('alice', 1)).length === 1);
  const { directory } = bob;
  await bob.close();
  const { id } = await alice.send('bob', 'two');
  await alice.send('bob', 'three');
  await alice.drained(60_000);

  // Bob's profile loses the key, as a restored one would.
  const database = new DatabaseSync(join(directory, 'signet.sqlite'));
  database.exec('DELETE FROM reception_keys');
  database.close();
  time += 1000;
  const bobBack = await openPerson('bob', relay.invite, { now: bobsClock, directory });
  const texts = receives(bobBack);
  const notices: MessageRow[] = [];
  bobBack.on('messageChanged', (row) => row.state === 'noted' && notices.push(row));
  await bringOnline(bobBack);
  await until(() => texts.length === 2);
  await alice.send('bob', 'four');
  await until(() => texts.length === 3);
  expect([...texts].sort()).toEqual(['four', 'three', 'two']);
  expect(notices).toEqual([]);
  expect((await bobBack.history('alice', 9)).some((message) => message.id === id)).toBe(true);
  await until(async () => (await alice.history('bob', 9)).every(({ state }) => state === 'delivered'));
});

test('whoever is away for over 37 days is not written to, and the sentence says why', async () => {
  let time = Date.now();
  const now = (): number => time;
  const relay = await openRelay({ now });
  const alice = await arrive('alice', relay, { now });
  const bob = await arrive('bob', relay, { now });
  await bob.close();
  time += 38 * DAY;
  await expect(alice.send('bob', 'Hello?')).rejects.toMatchObject({
    code: 'reception-key-expired',
    message: expect.stringContaining('online for over 30 days') as string,
  });
});

/** A client of bob's whose reception keys are always gone. */
async function openForgetfulBob(relay: TestRelay): Promise<{
  wire: Wire;
  /** Says something to alice, sealed and in its place in the chain. */
  say: (body: Parameters<typeof encodeBody>[0]) => Promise<void>;
  /** Answers an envelope with `unopenable`. */
  answer: (id: string) => Promise<void>;
}> {
  const wire = await Wire.signedIn(relay, bob);
  const chain = randomBytes(8);
  let sequence = 0;
  let previous: Buffer = Buffer.alloc(32);
  const say = async (said: Parameters<typeof encodeBody>[0]): Promise<void> => {
    const found = await wire.ask({ type: 'lookup', user: 'alice' });
    if (found.type !== 'user') throw new Error('alice is not there');
    const envelope = await seal({
      id: randomBytes(16),
      sender: bob.identity,
      recipient: (await importPublicKey(found.identityKey)).fingerprint,
      receptionKey: await importPublicKey(found.receptionKey.key),
      inner: { chain, sequence: ++sequence, previous, sentAt: Date.now(), ...encodeBody(said) },
    });
    previous = sha256(envelope);
    await wire.ask({ type: 'send', to: 'alice', envelope });
  };
  const answer = (id: string): Promise<void> => say({ type: 'unopenable', ids: [Buffer.from(id, 'hex')] });
  return { wire, say, answer };
}

test('a message is sealed again three times, each time anew; then it has failed', async () => {
  const relay = await openRelay();
  const alice = await arrive('alice', relay);
  const { wire, answer } = await openForgetfulBob(relay);
  const states: string[] = [];
  alice.on('messageChanged', ({ mine, state }) => mine && states.push(state));
  const { id } = await alice.send('bob', 'never to be opened');
  for (let times = 1; times <= 4; times++) {
    await until(() => wire.delivered.filter((delivery) => delivery.id === id).length === times);
    await answer(id);
  }
  await until(() => states.includes('failed'));
  const copies = wire.delivered.filter((delivery) => delivery.id === id);
  expect(new Set(copies.map(({ envelope }) => envelope.toString('hex'))).size).toBe(4);
});

test('what a contact has confirmed, or is not his, is not sealed again', async () => {
  const relay = await openRelay();
  const [alice, carol] = await Promise.all([arrive('alice', relay), arrive('carol', relay)]);
  const { wire, say, answer } = await openForgetfulBob(relay);
  const toCarol = await alice.send('carol', 'for carol');
  const toBob = await alice.send('bob', 'for bob');
  await until(() => wire.delivered.length === 1);
  await say({ type: 'receipt', kind: 'delivered', ids: [Buffer.from(toBob.id, 'hex')] });
  await answer(toBob.id);
  await answer(toCarol.id);
  // Alice takes them in order: when this receipt has taken effect, she is through with all of them.
  await say({ type: 'receipt', kind: 'read', ids: [Buffer.from(toBob.id, 'hex')] });
  await until(async () => (await alice.history('bob', 1))[0]?.state === 'read');
  await alice.drained(60_000);
  expect(wire.delivered.map(({ id }) => id)).toEqual([toBob.id]);
  expect((await carol.history('alice', 9)).map(({ text }) => text)).toEqual(['for carol']);
});

test('a receipt that could not be opened is told again in another envelope, three times', async () => {
  const relay = await openRelay();
  const alice = await arrive('alice', relay);
  const { wire, say, answer } = await openForgetfulBob(relay);
  await say({ type: 'text', text: 'please confirm' });
  for (let times = 1; times <= 4; times++) {
    await until(() => wire.delivered.length === times);
    await answer(wire.delivered.at(-1)!.id);
  }
  // Alice takes them in order: the receipt for this one comes after any fifth telling.
  await say({ type: 'text', text: 'and this' });
  await until(() => wire.delivered.length === 5);
  await alice.drained(60_000);
  expect(new Set(wire.delivered.map(({ id }) => id)).size).toBe(5);
  expect(await alice.history('bob', 9)).toHaveLength(2);
});

test('a start with a clock that is years ahead destroys nothing, and leaves nothing behind', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  const { directory } = bob;
  await bob.close();
  await alice.send('bob', 'on its way');
  const ahead = (): number => Date.now() + 4 * 365 * DAY;
  const early = await openPerson('bob', relay.invite, { directory, now: ahead });
  const failure = new Promise((resolve) => early.on('failure', resolve));
  early.start();
  expect(await failure).toMatchObject({ code: 'clock-wrong' });
  await early.upkeep();
  await early.close();
  expect(storedKeys(directory)).toHaveLength(2);

  const right = await openPerson('bob', relay.invite, { directory });
  const texts = receives(right);
  await bringOnline(right);
  await until(() => texts.includes('on its way'));
  await right.close();
  expect(storedKeys(directory)).toHaveLength(1);
});
