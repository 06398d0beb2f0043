// A hundred thousand hostile inputs at a relay: each is answered, the relay lives on, honest users notice nothing.
import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { u32, u8 } from '../../protocol/bytes.ts';
import { encodeFrame, type Frame } from '../../protocol/frames.ts';
import { decodeInvite } from '../../protocol/links.ts';
import { honestPair, malformed, mixed, pick } from '../fuzz.ts';
import { spawnRelay } from '../processes.ts';
import { change, device, type Device, envelope, prekey, RawClient } from '../relay/raw-client.ts';
import { temporaryFolder, until } from '../harness.ts';
import { frames, fromHex } from '../vectors/vectors.ts';

type Address = { port: number; key: Buffer };

const STRANGERS = 300;
const SAVAGES = 500;
const INSIDERS = 33;
const FIRST_REQUEST = 1_000_000;
const [alice, bob, mallory] = [device('alice'), device('bob'), device('mallory')];
const insiders = [alice, bob, mallory];
const someone = (): string =>
  pick(['alice', 'bob', 'mallory', 'honest.bob', 'constructor', `n${randomInt(1e9)}`]);
const anyone = () => ({
  identity: pick([...insiders.map(({ address }) => address.identity), randomBytes(32)]),
  device: pick([1, 1, randomInt(1, 256)]),
});

/** Envelopes of which the relay takes some: of others, to others, of devices and versions that there are none of. */
const envelopes = (who: Device): (() => Buffer) => {
  const repeated = envelope(who, bob.address);
  const blocks = () => pick([1, 1, 2, 4]);
  return mixed([
    [3, () => envelope(who, anyone(), { blocks: blocks() })],
    [3, () => envelope(who, bob.address, { blocks: blocks() })],
    [1, () => envelope({ ...who, address: anyone() }, bob.address)],
    [1, () => envelope(who, who.address)],
    [1, () => envelope(who, bob.address, { listVersion: randomInt(1, 2 ** 32) })],
    [1, () => repeated],
  ]);
};

/** What somebody who is signed in may say in bad faith: 1,000 of these are within what a connection may cost. */
function hostile(client: RawClient, who: Device): () => Frame | Buffer {
  const posted = envelopes(who);
  let last = FIRST_REQUEST;
  const request = (): number => ++last;
  const { identityKey } = who;
  const statements = () => [
    pick([
      () => ({ bytes: prekey(who).bytes, signature: randomBytes(384) }),
      () => prekey(who, { created: randomInt(1, 2 ** 40) }),
      () => prekey(who, { key: who.modulus }),
      () => prekey({ ...who, name: 'somebody' }),
      () =>
        change(who, {
          version: randomInt(2, 9),
          previous: randomBytes(32),
          change: { action: 'remove', number: 1 },
        }),
      () => ({ bytes: randomBytes(randomInt(1, 400)), signature: randomBytes(384) }),
    ])(),
  ];
  const known = () => (client.delivered.length > 0 ? pick(client.delivered).position : randomInt(1, 2 ** 40));
  return mixed<Frame | Buffer>([
    [
      8,
      () => ({
        type: 'lookup',
        request: request(),
        of: { user: someone() },
        knownVersion: randomInt(2 ** 32),
      }),
    ],
    [2, () => ({ type: 'lookup', request: request(), of: { identity: anyone().identity }, knownVersion: 0 })],
    [1, () => ({ type: 'publish', request: request(), identityKey, statements: statements() })],
    [60, () => ({ type: 'send', request: request(), envelope: posted() })],
    [27, () => ({ type: 'acknowledge', request: 0, positions: [known(), randomInt(1, 2 ** 40)] })],
    // Of a newer version: a request is answered, a push is not.
    [2, () => Buffer.concat([u8(randomInt(14, 256)), u32(request()), randomBytes(randomInt(100))])],
  ]);
}

/** What a stranger may say; all of it is answered with a failure or a challenge, and ends nothing. */
const strange = mixed<Frame>([
  [3, () => ({ type: 'hello', request: 1, lowest: 1, highest: pick([1, 9]) })],
  [
    2,
    () => ({
      type: 'login',
      request: 2,
      identity: anyone().identity,
      device: pick([1, 255]),
      clientNonce: randomBytes(32),
      time: pick([0, Date.now(), 253_402_300_799_999]),
      signature: randomBytes(384),
    }),
  ],
]);
const samples = frames.good.map(({ bytes }) => fromHex(bytes));

/** Says a few things before signing in, waits for their answers, and then says what is no frame.
 * @returns how many inputs that were */
async function stranger({ port }: Address): Promise<number> {
  const said = Array.from({ length: randomInt(5) }, strange);
  const socket = new WebSocket(`wss://127.0.0.1:${port}`, { rejectUnauthorized: false });
  let answers = 0;
  const code = await new Promise<number>((resolve, reject) => {
    const proceed = (): void => {
      if (answers !== said.length) return;
      if (pick([false, false, true])) socket.send('{"type":"hello"}');
      else socket.send(malformed(samples));
    };
    socket.on('open', () => {
      for (const frame of said) socket.send(encodeFrame(frame));
      proceed();
    });
    socket.on('message', () => {
      answers++;
      proceed();
    });
    socket.on('close', resolve);
    socket.on('error', reject);
  });
  // One failure more answers what was malformed.
  expect([code, answers]).toEqual([1008, said.length + 1]);
  return answers;
}

const UPGRADE =
  'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n';
const KEYED = `${UPGRADE}Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\n\r\n`;

/** Says over TLS what is no HTTP, or no WebSocket frame, until it is hung up on. @returns how many inputs that were */
async function savage({ port }: Address): Promise<number> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  socket.on('error', () => {});
  socket.write(
    pick<() => Buffer | string>([
      () => Buffer.concat([Buffer.of(randomInt(128, 256)), randomBytes(randomInt(200))]),
      () => `${UPGRADE}Sec-WebSocket-Key: short\r\n\r\n`,
      () => `GET /${'x'.repeat(randomInt(20_000, 60_000))} HTTP/1.1\r\n\r\n`,
      // Reserved bits; not masked; too long; a text that is not UTF-8.
      () => Buffer.concat([Buffer.from(KEYED), Buffer.of(0xf1), randomBytes(randomInt(1, 200))]),
      () => Buffer.concat([Buffer.from(KEYED), Buffer.of(0x82, 0x05), randomBytes(5)]),
      () => Buffer.concat([Buffer.from(KEYED), Buffer.from('82ff7fffffffffffffff', 'hex'), randomBytes(50)]),
      () => Buffer.concat([Buffer.from(KEYED), Buffer.from('818100000000ff', 'hex')]),
    ])(),
  );
  socket.resume();
  await new Promise((resolve) => socket.on('close', resolve));
  return 1;
}

/** Signs in, says much in bad faith, and waits for every answer. @returns how many inputs that were */
async function insider(address: Address, who: Device, count: number): Promise<number> {
  const client = await RawClient.signedIn(address, who, { acknowledging: pick([true, false]) });
  const { socket } = client;
  const answered = new Set<number>();
  const asked = new Set<number>();
  client.onAnswer = (request) => {
    if (request >= FIRST_REQUEST) answered.add(request);
  };
  const make = hostile(client, who);
  for (let i = 0; i < count; i++) {
    const frame = make();
    const request = Buffer.isBuffer(frame) ? frame.readUInt32BE(1) : frame.request;
    if (request > 0) asked.add(request);
    client.tell(frame);
    if (i % 100 === 99)
      await until(() => answered.size === asked.size || socket.readyState !== WebSocket.OPEN);
  }
  await until(() => answered.size === asked.size || socket.readyState !== WebSocket.OPEN);
  expect(answered).toEqual(asked);
  // Any of these ends the connection.
  client.tell(
    pick<() => Frame | Buffer>([
      () => malformed(samples),
      () => ({ type: 'hello', request: 1, lowest: 1, highest: 1 }),
      () => ({ type: 'done', request: 1 }),
    ])(),
  );
  expect((await client.closed).code).toBe(1008);
  return count + 1;
}

test('100,000 inputs at the relay', async () => {
  const log = `${temporaryFolder()}/relay.log`;
  const relay = spawnRelay(temporaryFolder(), 0, { log });
  const listening = await relay.wait(({ event }) => event === 'listening');
  const invite = String(listening['invite']);
  const address = { port: Number(listening['port']), key: decodeInvite(invite).relayKey };
  const pair = await honestPair(invite);

  let inputs = 0;
  const again = async (times: number, attack: () => Promise<number>): Promise<void> => {
    for (let i = 0; i < times; i++) {
      const said = await attack();
      inputs += said;
    }
  };
  await Promise.all([
    ...Array.from({ length: 4 }, () => again(STRANGERS, () => stranger(address))),
    again(SAVAGES, () => savage(address)),
    // One at a time for each: a device's newer connection replaces the one before.
    ...insiders.map((who) => again(INSIDERS, () => insider(address, who, 1000))),
  ]);
  expect(inputs).toBeGreaterThan(100_000);
  expect(await pair.stop()).toBeGreaterThan(100);
  expect(await relay.kill('SIGTERM')).toBe(0);
  expect(readFileSync(log, 'utf8')).not.toMatch(/"level":[56]0/);
});
