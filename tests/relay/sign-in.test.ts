// Signing in at a real relay over TLS: what it takes, and every way to be refused.
import { randomBytes } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sha256 } from '../../protocol/key.ts';
import { openRelay, temporaryFolder } from '../harness.ts';
import { anyModulus } from '../vectors/keys.ts';
import { change, device, prekey, RawClient } from './raw-client.ts';

const [alice, alice2, alice3, bob, mallory] = [
  device('alice'),
  device('alice', 2),
  device('alice', 3),
  device('bob'),
  device('mallory'),
];
const HOUR_MS = 60 * 60 * 1000;
const first = (): ReturnType<typeof change> =>
  change(alice, {
    version: 1,
    previous: Buffer.alloc(32),
    change: { action: 'add', number: 2, key: alice2.modulus },
  });

test('a name is registered once, and logs in after; `done` tells the nonce of the login before', async () => {
  const relay = await openRelay();
  const client = await RawClient.open(relay);
  expect(await client.signIn('login', alice)).toMatchObject({ code: 'unknown-user', class: 'final' });
  const [one, two] = [randomBytes(32), randomBytes(32)];
  const registered = await client.signIn('register', alice, { clientNonce: one });
  expect(registered).toEqual({ type: 'done', request: registered.request });
  const again = await RawClient.open(relay);
  expect(await again.signIn('login', alice, { clientNonce: two })).toMatchObject({ previousNonce: one });
  const third = await RawClient.open(relay);
  expect(await third.signIn('register', alice)).toMatchObject({ type: 'done', previousNonce: two });
});

test('nobody takes the name of another, nor a second name', async () => {
  const relay = await openRelay();
  await RawClient.signedIn(relay, alice);
  const other = await RawClient.open(relay);
  const asAlice = { name: 'alice', prekey: prekey({ ...bob, name: 'alice' }) };
  expect(await other.signIn('register', bob, asAlice)).toMatchObject({ code: 'name-taken' });
  const second = { name: 'alicia', prekey: prekey({ ...alice, name: 'alicia' }) };
  expect(await other.signIn('register', alice, second)).toMatchObject({ code: 'identity-taken' });
});

test('a wrong signature, device, nonce, relay or clock is refused', async () => {
  const relay = await openRelay();
  await RawClient.signedIn(relay, alice);
  const refused = async (
    changes: Parameters<RawClient['signIn']>[2],
    code: string,
    who = alice,
  ): Promise<void> => {
    const client = await RawClient.open(relay);
    expect(await client.signIn('login', who, changes)).toMatchObject({ type: 'failure', code });
  };
  await refused({ signer: mallory }, 'login-refused');
  await refused({}, 'login-refused', alice2);
  await refused({ nonce: randomBytes(32) }, 'challenge-expired');
  await refused({ relayKey: randomBytes(32) }, 'login-refused');
  await refused({ time: Date.now() + 2 * HOUR_MS }, 'clock-wrong');
  const client = await RawClient.open(relay);
  const { nonce } = await client.hello();
  expect(await client.signIn('login', alice, { nonce, signer: mallory })).toMatchObject({
    code: 'login-refused',
  });
  expect(await client.signIn('login', alice, { nonce })).toMatchObject({ code: 'challenge-expired' });
});

test('a challenge of another connection is worth nothing here', async () => {
  const relay = await openRelay();
  await RawClient.signedIn(relay, alice);
  const [one, other] = await Promise.all([RawClient.open(relay), RawClient.open(relay)]);
  const { nonce } = await one.hello();
  await other.hello();
  expect(await other.signIn('login', alice, { nonce })).toMatchObject({ code: 'login-refused' });
});

test('after five failed attempts the relay closes; a second sign-in on a connection is malformed', async () => {
  const relay = await openRelay();
  const client = await RawClient.open(relay);
  for (let i = 0; i < 5; i++)
    expect(await client.signIn('login', alice)).toMatchObject({ code: 'unknown-user' });
  expect(await client.closed).toMatchObject({ code: 1008 });
  const good = await RawClient.signedIn(relay, alice);
  expect(await good.ask({ type: 'hello', lowest: 1, highest: 1 })).toMatchObject({
    code: 'malformed',
    class: 'protocol',
  });
  expect(await good.closed).toMatchObject({ code: 1008, reason: 'malformed' });
});

test('the highest common version is chosen; without one the relay closes', async () => {
  const relay = await openRelay();
  const client = await RawClient.open(relay);
  expect(await client.ask({ type: 'hello', lowest: 1, highest: 9 })).toMatchObject({
    type: 'challenge',
    version: 1,
  });
  expect(await client.ask({ type: 'hello', lowest: 2, highest: 9 })).toMatchObject({
    code: 'version-unsupported',
    detail: '1',
  });
  expect(await client.closed).toMatchObject({ code: 1008, reason: 'version-unsupported' });
});

test('who is not signed in gets nothing else, and is closed', async () => {
  const relay = await openRelay();
  const client = await RawClient.open(relay);
  expect(await client.lookUp('alice')).toMatchObject({ code: 'not-signed-in' });
  expect(await client.closed).toMatchObject({ code: 1008 });
});

test('who takes too long to sign in is closed', async () => {
  const relay = await openRelay({ limits: { signInTime: 300 } });
  const client = await RawClient.open(relay);
  expect(await client.closed).toMatchObject({ code: 1008, reason: 'not-signed-in' });
});

test('of two connections of a device the newer counts; two devices of an account both count', async () => {
  const relay = await openRelay();
  const one = await RawClient.signedIn(relay, alice);
  expect(await one.publish(alice, [first(), prekey(alice2)])).toMatchObject({ type: 'done' });
  const other = await RawClient.signedIn(relay, alice2);
  const newer = await RawClient.signedIn(relay, alice);
  expect(await one.closed).toEqual({ code: 4001, reason: 'replaced' });
  expect(one.complaints).toEqual(['replaced']);
  expect(await other.lookUp('alice')).toMatchObject({ type: 'bundle', newestVersion: 1 });
  expect(await newer.lookUp('alice')).toMatchObject({ type: 'bundle', newestVersion: 1 });
});

test('any listed device repairs a relay that was emptied, before it signs in', async () => {
  const relay = await openRelay();
  const added = first();
  const client = await RawClient.open(relay);
  // The relay knows nothing: statements and identity key come first, then device 2 registers.
  expect(await client.publish(alice2, [added])).toMatchObject({ type: 'done' });
  expect(await client.signIn('register', alice2)).toMatchObject({ type: 'done' });
  expect(await client.lookUp('alice')).toMatchObject({ newestVersion: 1, deviceStatements: [added] });
});

test('what was published before a sign-in that fails is not kept', async () => {
  const relay = await openRelay();
  await RawClient.signedIn(relay, alice);
  const client = await RawClient.open(relay);
  expect(await client.publish(alice2, [first()])).toMatchObject({ type: 'done' });
  expect(await client.signIn('login', alice2, { signer: mallory })).toMatchObject({ code: 'login-refused' });
  const bobs = await RawClient.signedIn(relay, bob);
  expect(await bobs.lookUp('alice')).toMatchObject({ newestVersion: 0 });
  // The right signature on the same connection keeps it.
  expect(await client.signIn('login', alice2)).toMatchObject({ type: 'done' });
  expect(await bobs.lookUp('alice')).toMatchObject({ newestVersion: 1 });
});

test('statements that do not follow are refused before the sign-in, too', async () => {
  const relay = await openRelay();
  const client = await RawClient.open(relay);
  const wrong = change(alice, {
    version: 2,
    previous: Buffer.alloc(32),
    change: { action: 'remove', number: 1 },
  });
  expect(await client.publish(alice, [wrong])).toMatchObject({ code: 'statement-refused' });
  expect(await client.publish(alice, [prekey(alice)])).toMatchObject({ code: 'not-signed-in' });
});

test('a closed relay takes no new names; one with tokens counts their uses', async () => {
  const closed = await openRelay({ registration: 'closed' });
  const refused = await RawClient.open(closed);
  expect(await refused.signIn('register', alice)).toMatchObject({ code: 'registration-closed' });

  const data = temporaryFolder();
  const relay = await openRelay({ registration: 'token', data });
  const token = randomBytes(16);
  const database = new DatabaseSync(join(data, 'relay.sqlite'));
  const insert = database.prepare('INSERT INTO tokens (hash, uses, expires) VALUES (?, ?, ?)');
  insert.run(sha256(token), 1, Date.now() + HOUR_MS);
  const old = randomBytes(16);
  insert.run(sha256(old), 1, Date.now() - 1);
  database.close();
  const client = await RawClient.open(relay);
  expect(await client.signIn('register', alice)).toMatchObject({ code: 'token-refused' });
  expect(await client.signIn('register', alice, { token: randomBytes(16) })).toMatchObject({
    code: 'token-refused',
  });
  expect(await client.signIn('register', alice, { token: old })).toMatchObject({ code: 'token-refused' });
  expect(await client.signIn('register', alice, { token })).toMatchObject({ type: 'done' });
  const other = await RawClient.open(relay);
  expect(await other.signIn('register', bob, { token })).toMatchObject({ code: 'token-refused' });
  // Who is registered needs none.
  const again = await RawClient.open(relay);
  expect(await again.signIn('register', alice)).toMatchObject({ type: 'done' });
});

test('registrations from one address are limited, logins are not', async () => {
  const relay = await openRelay({ limits: { registrationBurst: 1, registrationsPerMinute: 0.001 } });
  await RawClient.signedIn(relay, alice);
  const other = await RawClient.open(relay);
  expect(await other.signIn('register', bob)).toMatchObject({ code: 'busy', class: 'later' });
  await RawClient.signedIn(relay, alice);
});

test('a prekey must be the own one, in time, not a signing key, and not older', async () => {
  const relay = await openRelay();
  const client = await RawClient.signedIn(relay, alice);
  const refused = async (signed: ReturnType<typeof prekey>, detail: string): Promise<void> =>
    expect(await client.publish(alice, [signed])).toMatchObject({
      code: 'prekey-refused',
      detail: expect.stringContaining(detail) as string,
    });
  await refused(prekey({ ...alice, name: 'bob' }), 'it is of another user');
  await refused(prekey(alice, { identity: bob.address.identity }), 'it is of another user');
  await refused(prekey(alice, { device: 2 }), 'it is of another device');
  await refused(prekey(alice, { class: 2 }), 'it is of an unknown class');
  await refused(prekey(alice, { created: Date.now() + 2 * HOUR_MS }), 'its dates are wrong');
  await refused(prekey(alice, { created: Date.now() - 38 * 24 * HOUR_MS }), 'it has expired');
  await refused(prekey(alice, { expires: Date.now() + HOUR_MS }), 'its dates are wrong');
  await refused(prekey(alice, { key: alice.modulus }), 'it is a signing key');
  await refused(
    prekey({ ...mallory, name: 'alice', address: alice.address }),
    'its signature does not verify',
  );
  const { bytes, signature } = prekey(alice);
  await refused({ bytes: bytes.subarray(0, -1), signature }, 'not a valid signet/v1/prekey');
  const newer = prekey(alice, { created: Date.now() + 1000, key: anyModulus('newer') });
  expect(await client.publish(alice, [newer])).toMatchObject({ type: 'done' });
  expect(await client.publish(alice, [newer])).toMatchObject({ type: 'done' });
  await refused(prekey(alice, { created: Date.now() - 1000 }), 'a newer one is published');
  expect(await client.lookUp('alice')).toMatchObject({ prekeys: [newer] });
});

test('an addition comes with the new device’s prekey; all of a publish is taken, or nothing', async () => {
  const relay = await openRelay();
  const client = await RawClient.signedIn(relay, alice);
  const added = first();
  const wrong = prekey({ ...alice2, key: mallory.key });
  expect(await client.publish(alice, [added, wrong])).toMatchObject({ code: 'prekey-refused' });
  expect(await client.lookUp('alice')).toMatchObject({ newestVersion: 0, deviceStatements: [] });
  const right = prekey(alice2);
  expect(await client.publish(alice, [added, right])).toMatchObject({ type: 'done' });
  expect(await client.lookUp('alice', 1)).toMatchObject({ newestVersion: 1, deviceStatements: [] });
  const bundle = await client.lookUp('alice');
  expect(bundle).toMatchObject({ type: 'bundle', deviceStatements: [added] });
  expect(bundle.type === 'bundle' && bundle.prekeys).toContainEqual(right);
});

test('two devices change the list at once: one wins, the other starts over', async () => {
  const relay = await openRelay();
  const one = await RawClient.signedIn(relay, alice);
  const added = first();
  await one.publish(alice, [added]);
  const newest = sha256(added.bytes);
  const two = await RawClient.signedIn(relay, alice2);
  const removing = change(alice, { version: 2, previous: newest, change: { action: 'remove', number: 2 } });
  const adding = change(alice2, {
    version: 2,
    previous: newest,
    change: { action: 'add', number: 3, key: alice3.modulus },
  });
  const codeOf = (answer: Promise<{ type: string; code?: string }>): Promise<string> =>
    answer.then(
      ({ type, code }) => code ?? type,
      () => 'closed',
    );
  const codes = await Promise.all([
    codeOf(one.publish(alice, [removing])),
    codeOf(two.publish(alice2, [adding])),
  ]);
  // Who was removed first has no connection any more.
  expect([
    ['done', 'closed'],
    ['done', 'not-signed-in'],
    ['statement-conflict', 'done'],
  ]).toContainEqual(codes);
  expect(await one.lookUp('alice')).toMatchObject({ newestVersion: 2 });
});

test('a device that was removed gets nothing more, and its mailbox takes nothing more', async () => {
  const relay = await openRelay();
  const one = await RawClient.signedIn(relay, alice);
  const added = first();
  await one.publish(alice, [added, prekey(alice2)]);
  const two = await RawClient.signedIn(relay, alice2);
  const removing = change(alice, {
    version: 2,
    previous: sha256(added.bytes),
    change: { action: 'remove', number: 2 },
  });
  expect(await one.publish(alice, [removing])).toMatchObject({ type: 'done' });
  const bobs = await RawClient.signedIn(relay, bob);
  const bundle = await bobs.lookUp('alice');
  expect(bundle.type === 'bundle' && bundle.prekeys).toHaveLength(1);
  expect(await two.closed).toMatchObject({ code: 1008 });
  const back = await RawClient.open(relay);
  expect(await back.signIn('login', alice2)).toMatchObject({ code: 'login-refused' });
});

test('a long list comes in parts, and the prekeys with the newest', async () => {
  const relay = await openRelay();
  const client = await RawClient.signedIn(relay, alice);
  const all = [first()];
  for (let version = 2; version <= 150; version++) {
    const previous = sha256(all.at(-1)!.bytes);
    // In turn one comes and goes; device 2 stays.
    const number = 2 + Math.ceil((version - 1) / 2);
    const what =
      version % 2 === 0
        ? { action: 'add' as const, number, key: anyModulus(`device ${number}`) }
        : { action: 'remove' as const, number };
    all.push(change(alice, { version, previous, change: what }));
  }
  for (let i = 0; i < all.length; i += 50) {
    expect(await client.publish(alice, all.slice(i, i + 50))).toMatchObject({ type: 'done' });
  }
  const got: unknown[] = [];
  for (let looked = 0; got.length < 150; looked++) {
    const bundle = await client.lookUp('alice', got.length);
    if (bundle.type !== 'bundle') throw new Error(bundle.type);
    got.push(...bundle.deviceStatements);
    expect(bundle.newestVersion).toBe(150);
    expect(bundle.prekeys).toHaveLength(got.length === 150 ? 1 : 0);
    expect(looked).toBeLessThan(5);
  }
  expect(got).toEqual(all);
});

test('a restarted relay knows what it knew', async () => {
  const relay = await openRelay();
  const client = await RawClient.signedIn(relay, alice);
  await client.publish(alice, [first(), prekey(alice2)]);
  const before = await client.lookUp('alice');
  await relay.close();
  const again = await openRelay({ data: relay.data });
  expect(again.key).toEqual(relay.key);
  const back = await RawClient.signedIn(again, alice2);
  const after = await back.lookUp('alice');
  expect({ ...after, request: 0 }).toEqual({ ...before, request: 0 });
});
