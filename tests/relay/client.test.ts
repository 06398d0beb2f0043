// What one connection may say, and what it is told: malformed traffic ends it, mere mistakes don't.
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { MAX_FRAME_BYTES } from '../../protocol/fields.ts';
import { afterwards, openRelay, until } from '../town.ts';
import { alice, bob, letter, mallory, receptionKey, Wire } from './wire.ts';

const hello = { type: 'hello', id: 1, version: 1 };
const malformed: Record<string, string | Buffer> = {
  'not JSON': '{"type":"hello"',
  'an empty frame': '',
  'no object': '[]',
  null: 'null',
  'an unknown type': JSON.stringify({ type: 'shutdown', id: 1 }),
  'the name of an inherited property as type': JSON.stringify({ type: 'constructor', id: 1 }),
  'an unknown field': JSON.stringify({ ...hello, extra: true }),
  'a __proto__ field': '{"type":"hello","id":1,"version":1,"__proto__":{"admin":true}}',
  'a missing field': JSON.stringify({ type: 'hello', id: 1 }),
  'a wrong type': JSON.stringify({ ...hello, id: '1' }),
  'an id of zero': JSON.stringify({ ...hello, id: 0 }),
  'a frame of the other side': JSON.stringify({ type: 'done', id: 1 }),
  'a name out of its alphabet': JSON.stringify({ type: 'lookup', id: 1, user: "x' OR 1=1" }),
  'padded base64': JSON.stringify({ type: 'acknowledge', from: 'bob', message: 'AAAAAAAAAAAAAAAAAAAAAA==' }),
  'deeply nested JSON': '['.repeat(20_000) + ']'.repeat(20_000),
  'a binary frame': Buffer.from(JSON.stringify(hello)),
};

test.for(Object.entries(malformed))(
  '%s is answered with malformed and ends the connection',
  async ([, raw]) => {
    const relay = await openRelay();
    const wire = await Wire.open(relay);
    wire.socket.send(raw);
    expect(await wire.closed).toEqual({ code: 1008, reason: 'malformed' });
    expect(wire.complaints).toEqual(['malformed']);
  },
);

test('malformed traffic of a signed-in user ends that connection and disturbs nobody else', async () => {
  const relay = await openRelay();
  const [one, other] = [await Wire.signedIn(relay, alice), await Wire.signedIn(relay, bob)];
  const attacker = await Wire.signedIn(relay, mallory);
  attacker.socket.send('{');
  // What comes behind malformed traffic is not read any more.
  const late = letter(mallory, bob);
  attacker.tell({ type: 'send', id: 99, to: 'bob', envelope: late.envelope });
  expect(await attacker.closed).toEqual({ code: 1008, reason: 'malformed' });

  const { id, envelope } = letter(alice, bob);
  expect(await one.post(bob, envelope)).toMatchObject({ type: 'accepted' });
  await until(() => other.delivered.length > 0);
  expect(other.delivered).toEqual([{ type: 'deliver', from: 'alice', id: id.toString('hex'), envelope }]);
});

test('a frame that is too long ends the connection with 1009, and nobody else', async () => {
  const relay = await openRelay();
  const [one, attacker] = [await Wire.signedIn(relay, alice), await Wire.signedIn(relay, mallory)];
  attacker.socket.send('x'.repeat(MAX_FRAME_BYTES + 1));
  expect(await attacker.closed).toMatchObject({ code: 1009 });
  expect(await one.ask({ type: 'lookup', user: 'mallory' })).toMatchObject({ type: 'user', user: 'mallory' });
});

test('the largest envelope passes, and comes out as it went in', async () => {
  const relay = await openRelay();
  const [one, other] = [await Wire.signedIn(relay, alice), await Wire.signedIn(relay, bob)];
  const { envelope } = letter(alice, bob, { blocks: 128 });
  expect(await one.post(bob, envelope)).toMatchObject({ type: 'accepted' });
  await until(() => other.delivered.length > 0);
  expect(other.delivered[0]?.envelope.equals(envelope)).toBe(true);
});

test('mistakes are answered with their code, and the connection stays open', async () => {
  const relay = await openRelay();
  await Wire.signedIn(relay, mallory);
  const [wire, recipient] = [await Wire.signedIn(relay, alice), await Wire.signedIn(relay, bob)];
  const good = letter(alice, bob).envelope;
  const wrongCount = Buffer.from(good);
  wrongCount.writeUInt16BE(3, 114);
  const wrongVersion = Buffer.from(good);
  wrongVersion[0] = 2;

  const asked: [object, string][] = [
    [{ type: 'lookup', user: 'nobody' }, 'unknown-user'],
    [{ type: 'send', to: 'nobody', envelope: good }, 'unknown-user'],
    [{ type: 'send', to: 'bob', envelope: letter(mallory, bob).envelope }, 'envelope-refused'],
    [{ type: 'send', to: 'bob', envelope: letter(alice, mallory).envelope }, 'envelope-refused'],
    [{ type: 'send', to: 'bob', envelope: wrongCount }, 'envelope-refused'],
    [{ type: 'send', to: 'bob', envelope: wrongVersion }, 'envelope-refused'],
    [{ type: 'publish', receptionKey: await receptionKey(mallory) }, 'reception-key-refused'],
    [{ type: 'publish', receptionKey: await receptionKey(alice, { created: 1 }) }, 'reception-key-refused'],
  ];
  for (const [frame, code] of asked) expect(await wire.ask(frame)).toMatchObject({ type: 'failure', code });

  expect(await wire.post(bob, good)).toMatchObject({ type: 'accepted' });
  await until(() => recipient.delivered.length > 0);
  expect(recipient.delivered).toHaveLength(1);
  expect(wire.complaints).toEqual([]);
});

test('a published reception key is what a lookup brings from then on', async () => {
  const relay = await openRelay();
  const [wire, asking] = [await Wire.signedIn(relay, alice), await Wire.signedIn(relay, bob)];
  const newer = await receptionKey(alice, { created: Date.now() + 1000, key: bob.identity.publicKey.spki });
  expect(await wire.ask({ type: 'publish', receptionKey: newer })).toMatchObject({ type: 'done' });
  expect(await asking.ask({ type: 'lookup', user: 'alice' })).toEqual({
    type: 'user',
    id: expect.any(Number) as number,
    user: 'alice',
    identityKey: alice.identity.publicKey.spki,
    receptionKey: newer,
  });
});

test('a public key that is no RSA-3072 key is malformed', async () => {
  const relay = await openRelay();
  const wire = await Wire.signedIn(relay, alice);
  const key = await receptionKey(alice, { created: Date.now() + 1000, key: randomBytes(422) });
  expect(await wire.ask({ type: 'publish', receptionKey: key })).toMatchObject({ code: 'malformed' });
  expect(await wire.closed).toEqual({ code: 1008, reason: 'malformed' });
});

test('who asks and never reads is cut off before the answers fill the memory', async () => {
  // The budget would keep the test waiting, not the attacker from succeeding.
  const relay = await openRelay({ limits: { burst: 1e9 } });
  const [wire, other] = [await Wire.signedIn(relay, alice), await Wire.signedIn(relay, bob)];
  wire.socket.pause();
  let over = false;
  void wire.closed.then(() => (over = true));
  // As long as the relay takes them; each answer is thirty times as long as its question.
  const asking = setInterval(() => {
    for (let i = 0; i < 1000; i++) wire.tell({ type: 'lookup', id: 1, user: 'bob' });
  }, 1);
  afterwards(() => clearInterval(asking));
  await until(() => over);
  expect((await wire.closed).code).toBe(1006);
  expect(await other.ask({ type: 'lookup', user: 'alice' })).toMatchObject({ type: 'user' });
});
