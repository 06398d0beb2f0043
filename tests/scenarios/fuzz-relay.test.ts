// A hundred thousand hostile inputs at a relay: each is answered, the relay lives on, honest users notice nothing.
import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { parseClientFrame } from '../../protocol/frames.ts';
import { decodeInvite } from '../../protocol/invite.ts';
import { base64, honestPair, malformed, mixed, pick } from '../fuzz.ts';
import { spawnRelay } from '../processes.ts';
import { alice, bob, letter, mallory, type Person, receptionKey, Wire } from '../relay/wire.ts';
import { temporaryFolder, until } from '../town.ts';

type Address = { port: number; key: Buffer };

const STRANGERS = 300;
const SAVAGES = 500;
const INSIDERS = 33;
const FIRST_ID = 1_000_000;
const insiders = [alice, bob, mallory];
const someone = (): string =>
  pick(['alice', 'bob', 'mallory', 'honest.bob', 'constructor', `n${randomInt(1e9)}`]);

/** Envelopes of which the relay takes some: whole, cut, of others, to others, under ids that were there before. */
function envelopes(who: Person): () => { to: string; envelope: Buffer } {
  const repeated = randomBytes(16);
  const broken = (): Buffer => {
    const { envelope } = letter(who, bob, { blocks: pick([1, 1, 2, 4]) });
    const at = pick([0, 1, randomInt(18, 114), 114, 115]);
    envelope[at] = (envelope[at] ?? 0) ^ randomInt(1, 256);
    return envelope;
  };
  return mixed([
    [3, () => ({ to: someone(), envelope: randomBytes(randomInt(884, 3000)) })],
    [3, () => ({ to: pick(['bob', 'honest.bob']), envelope: broken() })],
    [1, () => ({ to: 'honest.bob', envelope: letter(who, bob).envelope })],
    [1, () => ({ to: 'bob', envelope: letter(pick(insiders), bob).envelope })],
    [1, () => ({ to: who.name, envelope: letter(who, who).envelope })],
    [1, () => ({ to: 'bob', envelope: letter(who, bob, { id: repeated }).envelope })],
  ]);
}

/** What somebody who is signed in may say in bad faith: 1,000 of these are within what a connection may cost. */
function hostile(wire: Wire, who: Person, key: object): () => { type: string; id?: number } {
  const posted = envelopes(who);
  let last = FIRST_ID;
  const id = (): number => pick([++last, last, Number.MAX_SAFE_INTEGER]);
  const message = (): Buffer =>
    randomInt(2) && wire.delivered.length > 0 ? Buffer.from(pick(wire.delivered).id, 'hex') : randomBytes(16);
  const wrong = (): object =>
    pick([
      { signature: randomBytes(384) },
      { created: randomInt(2 ** 40) },
      { expires: Number.MAX_SAFE_INTEGER },
      { key: who.identity.publicKey.spki },
      {},
    ]);
  return mixed<{ type: string; id?: number }>([
    [2, () => ({ type: 'hello', id: id(), version: 1 })],
    [8, () => ({ type: 'lookup', id: id(), user: someone() })],
    [1, () => ({ type: 'publish', id: id(), receptionKey: { ...key, ...wrong() } })],
    [60, () => ({ type: 'send', id: id(), ...posted() })],
    [29, () => ({ type: 'acknowledge', from: someone(), message: message() })],
  ]);
}

/** What a stranger may say; all of it is answered with a failure or a challenge. */
const strange = mixed<object>([
  [3, () => ({ type: 'hello', id: 1, version: 1 })],
  [2, () => ({ type: 'lookup', id: Number.MAX_SAFE_INTEGER, user: someone() })],
  [2, () => ({ type: 'send', id: 1, to: someone(), envelope: base64(884) })],
  [2, () => ({ type: 'acknowledge', from: someone(), message: base64(16) })],
  [
    2,
    () => ({
      type: 'login',
      id: 1,
      user: someone(),
      clientNonce: base64(32),
      time: pick([0, Date.now(), Number.MAX_SAFE_INTEGER]),
      signature: base64(384),
      identity: pick([base64(32), bob.identity.publicKey.fingerprint.toString('base64url')]),
    }),
  ],
]);
const samples = Array.from({ length: 500 }, () => JSON.stringify(strange()));

/** Says a few things before signing in, waits for their answers, and then says what is no frame.
 * @returns how many inputs that were */
async function stranger({ port }: Address): Promise<number> {
  const said = Array.from({ length: randomInt(5) }, () => JSON.stringify(strange()));
  const socket = new WebSocket(`wss://127.0.0.1:${port}`, { rejectUnauthorized: false });
  let answers = 0;
  const code = await new Promise<number>((resolve, reject) => {
    const proceed = (): void => {
      if (answers === said.length)
        socket.send(malformed(samples, parseClientFrame), { binary: pick([false, false, true]) });
    };
    socket.on('open', () => {
      for (const frame of said) socket.send(frame);
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
      () => Buffer.concat([Buffer.from(KEYED), Buffer.of(0x81, 0x05), randomBytes(5)]),
      () => Buffer.concat([Buffer.from(KEYED), Buffer.from('81ff7fffffffffffffff', 'hex'), randomBytes(50)]),
      () => Buffer.concat([Buffer.from(KEYED), Buffer.from('818100000000ff', 'hex')]),
    ])(),
  );
  socket.resume();
  await new Promise((resolve) => socket.on('close', resolve));
  return 1;
}

/** Signs in, says much in bad faith, and waits for every answer. @returns how many inputs that were */
async function insider(address: Address, who: Person, count: number): Promise<number> {
  const wire = await Wire.signedIn(address, who);
  wire.acknowledging = pick([true, false]);
  let answers = 0;
  wire.socket.on('message', (data: Buffer) => {
    if (Number((JSON.parse(data.toString()) as { id?: number }).id) >= FIRST_ID) answers++;
  });
  const key = await receptionKey(who);
  const make = hostile(wire, who, key);
  let asked = 0;
  for (let i = 0; i < count; i++) {
    const frame = make();
    if (frame.id !== undefined) asked++;
    wire.tell(frame);
    if (i % 100 === 99) await until(() => answers === asked || wire.socket.readyState !== WebSocket.OPEN);
  }
  await wire.settle();
  expect(answers).toBe(asked);
  // Any of these ends the connection.
  pick([
    () => wire.socket.send(malformed(samples, parseClientFrame)),
    () => wire.tell({ type: 'publish', id: 1, receptionKey: { ...key, key: randomBytes(422) } }),
    () => wire.tell({ type: 'hello', id: 1, version: randomInt(2, 2 ** 40) }),
  ])();
  expect((await wire.closed).code).toBe(1008);
  return count + 1;
}

test('100,000 inputs at the relay', async () => {
  const log = `${temporaryFolder()}/relay.log`;
  const relay = spawnRelay(temporaryFolder(), 0, { log });
  const listening = await relay.wait(({ event }) => event === 'listening');
  const invite = String(listening['invite']);
  const address = { port: Number(listening['port']), key: decodeInvite(invite).key };
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
    // One at a time for each: a user's newer connection replaces the one before.
    ...insiders.map((who) => again(INSIDERS, () => insider(address, who, 1000))),
  ]);
  expect(inputs).toBeGreaterThan(100_000);
  expect(await pair.stop()).toBeGreaterThan(100);
  expect(await relay.kill('SIGTERM')).toBe(0);
  expect(readFileSync(log, 'utf8')).not.toMatch(/"level":[56]0/);
});
