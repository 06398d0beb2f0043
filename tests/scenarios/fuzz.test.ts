// A hundred thousand hostile inputs at the relay, and as many at a client: neither ends, and honest users notice
// nothing.
import { randomBytes, randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { Connection } from '../../main/messenger/connection.ts';
import type { Messenger } from '../../main/messenger/messenger.ts';
import { decodeInvite } from '../../protocol/invite.ts';
import { encodeRelayFrame, type RelayFrame } from '../../protocol/frames.ts';
import { openLyingRelay } from '../lying-relay.ts';
import { spawnRelay } from '../processes.ts';
import { alice as wireAlice, bob as wireBob, letter, mallory, receptionKey, Wire } from '../relay/wire.ts';
import { afterwards, bringOnline, openPerson, openRelay, temporaryFolder, until } from '../town.ts';

const pick = <T>(choices: readonly T[]): T => choices[randomInt(choices.length)]!;
const base64 = (length: number): string => randomBytes(length).toString('base64url');

/** Text that is near a frame, and none. */
function malformed(frames: string[]): string | Buffer {
  const frame = pick(frames);
  const at = randomInt(frame.length);
  const broken = JSON.parse(frame) as Record<string, unknown>;
  const field = pick(Object.keys(broken));
  return pick<() => string | Buffer>([
    () => frame.slice(0, at),
    () => `${frame.slice(0, at)}\u0000${frame.slice(at)}`,
    () => frame + frame,
    () => randomBytes(randomInt(1, 200)).toString('latin1'),
    () => randomBytes(randomInt(1, 200)),
    () =>
      JSON.stringify({
        ...broken,
        [field]: pick<unknown>([null, -1, 1e308, '', [], {}, true, 'x'.repeat(5000)]),
      }),
    () => JSON.stringify({ ...broken, [base64(4)]: base64(8) }),
    () => `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
    () => `{"type":"${pick(['constructor', '__proto__', 'toString', 'hello\u0000'])}","id":1}`,
    () => JSON.stringify([broken]),
    () => frame.replace('"id":', '"id":-'),
  ])();
}

/** Two who chat all the while, and what they have said. */
async function honestPair(
  invite: string,
): Promise<{ stop: () => Promise<number>; alice: Messenger; bob: Messenger }> {
  const [alice, bob] = await Promise.all([
    openPerson('honest.alice', invite),
    openPerson('honest.bob', invite),
  ]);
  await Promise.all([bringOnline(alice), bringOnline(bob)]);
  const failures: string[] = [];
  for (const person of [alice, bob]) {
    person.on('failure', ({ message }) => failures.push(message));
    person.on('connection', (state) => failures.push(state));
  }
  const heard: string[] = [];
  bob.on('message', ({ text }) => heard.push(text));
  const said: string[] = [];
  let talking = true;
  const talk = (async () => {
    while (talking) {
      said.push(`message ${said.length}`);
      await alice.send('honest.bob', said.at(-1)!);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  const stop = async (): Promise<number> => {
    talking = false;
    await talk;
    await until(() => heard.length === said.length);
    expect(heard).toEqual(said);
    expect(failures).toEqual([]);
    return said.length;
  };
  return { stop, alice, bob };
}

test('100,000 inputs at the relay', async () => {
  const relay = spawnRelay(temporaryFolder(), 0, { log: `${temporaryFolder()}/relay.log` });
  const listening = await relay.wait(({ event }) => event === 'listening');
  const invite = String(listening['invite']);
  const address = { port: Number(listening['port']), key: decodeInvite(invite).key };
  const pair = await honestPair(invite);
  for (const who of [wireAlice, wireBob, mallory]) (await Wire.signedIn(address, who)).socket.close();

  const key = await receptionKey(mallory);
  const someone = (): string => pick(['alice', 'bob', 'honest.bob', 'nobody', `n${randomInt(1e9)}`]);
  const wellFormed = (id: number): Record<string, unknown> =>
    pick<() => Record<string, unknown>>([
      () => ({ type: 'hello', id, version: randomInt(1, 3) === 1 ? 1 : 1 }),
      () => ({ type: 'lookup', id, user: someone() }),
      () => ({ type: 'send', id, to: someone(), envelope: base64(884) }),
      () => ({ type: 'send', id, to: 'bob', envelope: letter(mallory, wireBob).envelope }),
      () => ({ type: 'send', id, to: 'honest.bob', envelope: letter(mallory, wireBob).envelope }),
      () => ({ type: 'acknowledge', from: someone(), message: base64(16) }),
      () => ({ type: 'publish', id, receptionKey: { ...key, signature: randomBytes(384) } }),
      () => ({ type: 'publish', id, receptionKey: { ...key, created: randomInt(2 ** 40) } }),
    ])();
  const samples = Array.from({ length: 200 }, (_, i) =>
    JSON.stringify(wellFormed(i + 1), (_name, value: unknown) =>
      (value as { type?: string } | null)?.type === 'Buffer' ? base64(32) : value,
    ),
  );

  let inputs = 0;
  const stranger = async (): Promise<void> => {
    const wire = await Wire.open(address);
    wire.socket.send(malformed(samples));
    inputs++;
    const { code } = await wire.closed;
    expect([1007, 1008]).toContain(code);
  };
  const member = async (): Promise<void> => {
    const wire = await Wire.open(address);
    await wire.signIn('login', mallory);
    for (let i = 0; i < 40; i++, inputs++) wire.tell(wellFormed(1000 + i));
    wire.socket.send(malformed(samples));
    inputs++;
    await wire.closed;
  };
  const worker = async (attack: () => Promise<void>, times: number): Promise<void> => {
    for (let i = 0; i < times; i++) await attack();
  };
  await Promise.all([
    ...Array.from({ length: 6 }, () => worker(stranger, 3400)),
    // One at a time: a user's newer connection replaces the one before.
    worker(member, 2000),
  ]);
  expect(inputs).toBeGreaterThan(100_000);
  expect(await pair.stop()).toBeGreaterThan(10);
  expect(await relay.kill('SIGTERM')).toBe(0);
}, 300_000);

test('100,000 inputs at a client', async () => {
  const truth = await openRelay();
  const relay = await openLyingRelay(truth);
  const pair = await honestPair(truth.invite);
  const victim = await openPerson('victim', relay.invite);
  await bringOnline(victim);
  await victim.send('honest.bob', 'so that bob is known');
  const heard: string[] = [];
  victim.on('message', ({ text }) => heard.push(text));

  let answered = 0;
  relay.lies = {
    toClient: (frame) => {
      if (frame.type === 'user' || frame.type === 'failure') answered++;
      return [frame];
    },
    toRelay: (frame) => {
      if (frame.type !== 'acknowledge') return [frame];
      answered++;
      return [];
    },
  };
  const envelope = (): Buffer => {
    const { envelope: bytes } = letter(wireBob, wireAlice, { blocks: pick([1, 1, 1, 2, 4]) });
    const change = randomInt(4);
    if (change === 0) bytes[0] = randomInt(256);
    if (change === 1) Buffer.from(victim.fingerprint, 'hex').copy(bytes, 50);
    if (change === 2) bytes.writeUInt16BE(randomInt(65536), 114);
    return bytes;
  };
  const pushes: (() => RelayFrame)[] = [
    () => ({ type: 'deliver', from: 'honest.bob', envelope: envelope() }),
    () => ({ type: 'deliver', from: 'honest.bob', envelope: randomBytes(884 + randomInt(2000)) }),
    () => ({ type: 'deliver', from: pick(['nobody', 'honest.alice', 'victim']), envelope: envelope() }),
    () => ({ type: 'done', id: randomInt(1, 1000) + 1e9 }),
    () => ({ type: 'accepted', id: randomInt(1, 1000) + 1e9 }),
    () => ({ type: 'failure', id: 1e9, code: 'unknown-user', detail: base64(100) }),
    () => ({ type: 'failure', code: pick(['busy', 'malformed', 'replaced']), detail: base64(100) }),
    () => ({ type: 'challenge', id: 1e9, nonce: randomBytes(32), time: 0 }),
  ];
  let inputs = 0;
  for (let round = 0; round < 950; round++) {
    let deliveries = 0;
    const before = answered;
    for (let i = 0; i < 100; i++, inputs++) {
      const frame = pick(pushes)();
      if (frame.type === 'deliver') deliveries++;
      relay.say(frame);
    }
    // Every envelope is acknowledged, so that it doesn't come again; some are looked up before.
    await until(() => answered >= before + deliveries);
  }

  // What is no frame ends the connection; this one connects anew at once, again and again.
  const connection = new Connection({
    relays: [decodeInvite(relay.invite).relays[0]!],
    relayKey: truth.key,
    signIn: async (ask) => void (await ask({ type: 'lookup', user: 'nobody' }, 'user').catch(() => {})),
    final: () => false,
    random: () => 0,
  });
  const samples = pushes.map((push) => encodeRelayFrame(push()));
  relay.lies = {
    toClient: () => {
      inputs++;
      const text = malformed(samples);
      return [typeof text === 'string' ? text : text.toString('latin1')];
    },
  };
  connection.start();
  afterwards(() => connection.stop());
  await until(() => inputs > 100_000);
  relay.lies = {};
  expect(heard).toEqual([]);
  connection.stop();

  await pair.bob.send('victim', 'after all that');
  await until(() => heard.length === 1);
  expect(await pair.stop()).toBeGreaterThan(10);
}, 300_000);
