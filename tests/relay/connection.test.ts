// What one connection may say, and what it is told: malformed traffic ends it, mere mistakes don't.
import { expect, test } from 'vitest';
import { type Frame, MAX_FRAME_BYTES } from '../../protocol/frames.ts';
import { MAX_BLOCKS } from '../../protocol/envelope.ts';
import type { Signed } from '../../protocol/statement.ts';
import { afterwards, openRelay, until } from '../harness.ts';
import { change, type Device, device, envelope, prekey, RawClient } from './raw-client.ts';

const [alice, alice2, bob, mallory] = [device('alice'), device('alice', 2), device('bob'), device('mallory')];
const first = (who: Device): Signed =>
  change(who, {
    version: 1,
    previous: Buffer.alloc(32),
    change: { action: 'add', number: 2, key: alice2.modulus },
  });
const added = first(alice);

const malformed: Record<string, Buffer | string> = {
  'a text frame': '{"type":"hello","id":1,"version":1}',
  'an empty text frame': '',
  'an empty frame': Buffer.alloc(0),
  'half a header': Buffer.of(1, 0, 0),
};

test.for(Object.entries(malformed))(
  '%s is answered with malformed and ends the connection',
  async ([, raw]) => {
    const relay = await openRelay();
    const client = await RawClient.open(relay);
    client.socket.send(raw);
    expect(await client.closed).toEqual({ code: 1008, reason: 'malformed' });
    expect(client.complaints).toEqual(['malformed']);
  },
);

test("a frame of the relay's is malformed when a client sends it", async () => {
  const relay = await openRelay();
  const frames: Frame[] = [
    { type: 'done', request: 0 },
    { type: 'accepted', request: 0, requests: [1] },
    { type: 'deliver', request: 0, position: 1, envelope: envelope(mallory, alice.address) },
  ];
  for (const frame of frames) {
    for (const open of [RawClient.open(relay), RawClient.signedIn(relay, mallory)]) {
      const client = await open;
      client.tell(frame);
      expect(await client.closed).toEqual({ code: 1008, reason: 'malformed' });
      expect(client.complaints).toEqual(['malformed']);
    }
  }
});

test('who is not signed in may not keep more than a few frames waiting', async () => {
  const relay = await openRelay();
  const client = await RawClient.open(relay);
  for (let i = 0; i < 100; i++) client.tell({ type: 'hello', request: 0, lowest: 1, highest: 1 });
  expect(await client.closed).toEqual({ code: 1008, reason: 'malformed' });
  // Somebody who waits for each answer says hello as often as the token bucket allows.
  const patient = await RawClient.open(relay);
  for (let i = 0; i < 20; i++) await patient.hello();
  expect(await patient.signIn('register', alice)).toMatchObject({ type: 'done' });
});

test('malformed traffic of a signed-in user ends that connection and disturbs nobody else', async () => {
  const relay = await openRelay();
  const [one, other] = [await RawClient.signedIn(relay, alice), await RawClient.signedIn(relay, bob)];
  const attacker = await RawClient.signedIn(relay, mallory);
  attacker.tell(Buffer.of(1));
  // What comes behind malformed traffic is not read any more.
  attacker.tell({ type: 'send', request: 99, envelope: envelope(mallory, bob.address) });
  expect(await attacker.closed).toEqual({ code: 1008, reason: 'malformed' });

  const good = envelope(alice, bob.address);
  expect(await one.send(good)).toMatchObject({ type: 'accepted' });
  await until(() => other.delivered.length > 0);
  expect(other.delivered.map((delivered) => delivered.envelope)).toEqual([good]);
});

test('a frame that is too long ends the connection with 1009, and nobody else', async () => {
  const relay = await openRelay();
  const [one, attacker] = [await RawClient.signedIn(relay, alice), await RawClient.signedIn(relay, mallory)];
  attacker.tell(Buffer.alloc(MAX_FRAME_BYTES + 1));
  expect(await attacker.closed).toMatchObject({ code: 1009 });
  expect(await one.lookUp('mallory')).toMatchObject({ type: 'bundle', user: 'mallory' });
});

test('the largest envelope passes, and comes out as it went in', async () => {
  const relay = await openRelay();
  const [one, other] = [await RawClient.signedIn(relay, alice), await RawClient.signedIn(relay, bob)];
  const largest = envelope(alice, bob.address, { blocks: MAX_BLOCKS });
  expect(await one.send(largest)).toMatchObject({ type: 'accepted' });
  await until(() => other.delivered.length > 0);
  expect(other.delivered[0]?.envelope.equals(largest)).toBe(true);
});

test('mistakes are answered with their code, and the connection stays open', async () => {
  const relay = await openRelay();
  await RawClient.signedIn(relay, mallory);
  const client = await RawClient.signedIn(relay, alice);
  expect(await client.lookUp('nobody')).toMatchObject({ code: 'unknown-user', class: 'final' });
  const unknown = { identity: Buffer.alloc(32) };
  expect(await client.ask({ type: 'lookup', of: unknown, knownVersion: 0 })).toMatchObject({
    code: 'unknown-user',
  });
  const foreign = { code: 'statement-refused', class: 'final' };
  expect(await client.publish(mallory, [prekey(mallory)])).toMatchObject(foreign);
  expect(await client.publish(mallory, [first(mallory)])).toMatchObject(foreign);
  const gap = change(alice, {
    ...{ version: 2, previous: Buffer.alloc(32) },
    change: { action: 'remove', number: 1 },
  });
  expect(await client.publish(alice, [gap])).toMatchObject(foreign);
  expect(await client.publish(alice, [added, prekey(alice2)])).toMatchObject({ type: 'done' });
  const other = change(alice, {
    version: 1,
    previous: Buffer.alloc(32),
    change: { action: 'add', number: 2, key: mallory.modulus },
  });
  expect(await client.publish(alice, [other])).toMatchObject({ code: 'statement-conflict', class: 'lookUp' });
  expect(client.complaints).toEqual([]);
  const { identity } = alice.address;
  expect(await client.ask({ type: 'lookup', of: { identity }, knownVersion: 1 })).toMatchObject({
    ...{ type: 'bundle', user: 'alice', identityKey: alice.identityKey },
    ...{ newestVersion: 1, deviceStatements: [] },
  });
});

test('before the sign-in a connection publishes the statements of one identity only', async () => {
  const relay = await openRelay();
  const client = await RawClient.open(relay);
  expect(await client.publish(alice, [added])).toMatchObject({ type: 'done' });
  expect(await client.publish(mallory, [first(mallory)])).toMatchObject({
    code: 'malformed',
    class: 'protocol',
  });
  expect(await client.closed).toEqual({ code: 1008, reason: 'malformed' });
});

test("the end of a connection that was replaced doesn't take the newer one's place", async () => {
  const relay = await openRelay();
  const sender = await RawClient.signedIn(relay, alice);
  const older = await RawClient.signedIn(relay, bob);
  const newer = await RawClient.signedIn(relay, bob);
  expect(await older.closed).toEqual({ code: 4001, reason: 'replaced' });
  const one = envelope(alice, bob.address);
  await sender.send(one);
  await until(() => newer.delivered.length > 0);
  expect(newer.delivered[0]!.envelope).toEqual(one);
  expect(older.delivered).toEqual([]);
});

test('who asks and never reads is cut off before the answers fill the memory', async () => {
  // The token bucket would keep the test waiting, not the attacker from succeeding.
  const relay = await openRelay({ limits: { burst: 1e9 } });
  const [client, other] = [await RawClient.signedIn(relay, alice), await RawClient.signedIn(relay, bob)];
  client.socket.pause();
  let over = false;
  void client.closed.then(() => (over = true));
  // As long as the relay takes them; each answer is fifty times as long as its question.
  const asking = setInterval(() => {
    for (let i = 0; i < 1000; i++) {
      client.tell({ type: 'lookup', request: 1, of: { user: 'bob' }, knownVersion: 0 });
    }
  }, 1);
  afterwards(() => clearInterval(asking));
  await until(() => over);
  expect((await client.closed).code).toBe(1006);
  expect(await other.lookUp('alice')).toMatchObject({ type: 'bundle' });
});
