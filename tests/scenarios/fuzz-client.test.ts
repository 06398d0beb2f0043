// A hundred thousand hostile inputs at a client, from a relay that lies and a contact who means harm: it lives on,
// shows nothing that nobody wrote, and honest users of the true relay notice nothing.
import { randomBytes, randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { Connection } from '../../main/messenger/connection.ts';
import type { Messenger } from '../../main/messenger/messenger.ts';
import { type Content, decodeContent, encodeContent } from '../../protocol/content.ts';
import { encodeFrame, type Frame } from '../../protocol/frames.ts';
import { decodeInvite } from '../../protocol/links.ts';
import { Malformed } from '../../protocol/reader.ts';
import { forging, sealing } from '../forgery.ts';
import { honestPair, malformed, mixed, mutate, pick } from '../fuzz.ts';
import { type LyingRelay, openLyingRelay } from '../lying-relay.ts';
import { device, envelope, prekey } from '../relay/raw-client.ts';
import { afterwards, bringOnline, openPerson, openRelay, type TestRelay, until } from '../harness.ts';
import { contents, fromHex } from '../vectors/vectors.ts';

const ROUNDS = 205;
const ROUND = 500;
const MALFORMED = 500;
/** Above all that a relay names by then. */
const FIRST_POSITION = 2 ** 40;
/** Numbers that the client has not asked under. */
const unasked = (): number => randomInt(2 ** 30, 2 ** 32);

const failure = (request: number): Frame => ({
  type: 'failure',
  request,
  class: pick(['final', 'later', 'lookUp']),
  code: pick(['busy', 'unknown-user', 'challenge-expired', 'some-day']),
  detail: randomBytes(50).toString('hex'),
});

/** Has the lying relay say all of it to a victim. @returns how many inputs that were */
async function bombard(truth: TestRelay, relay: LyingRelay, victim: Messenger): Promise<number> {
  const seal = await sealing(truth, victim);
  const forge = forging(victim);
  let position = FIRST_POSITION;
  let inputs = 0;
  const acknowledged: number[] = [];
  relay.lies = {
    toRelay: (frame) => {
      if (frame.type === 'lookup' && 'identity' in frame.of) {
        const { request } = frame;
        if (frame.of.identity.equals(device('mallory').address.identity)) return [frame];
        inputs++;
        relay.say({
          type: 'failure',
          request,
          class: 'final',
          code: pick(['unknown-user', 'some-day']),
          detail: '',
        });
        return [];
      }
      if (frame.type !== 'acknowledge') return [frame];
      acknowledged.push(...frame.positions.filter((one) => one >= FIRST_POSITION));
      const positions = frame.positions.filter((one) => one < FIRST_POSITION);
      return positions.length > 0 ? [{ ...frame, positions }] : [];
    },
  };
  const deliver = (bytes: Buffer): Frame => ({
    type: 'deliver',
    request: 0,
    position: position++,
    envelope: bytes,
  });
  const { identityKey, ...bob } = device('bob');
  const bundle = { newestVersion: 0, deviceStatements: [], prekeys: [prekey({ identityKey, ...bob })] };
  const push = mixed<Frame>([
    [19, () => deliver(forge())],
    [20, () => ({ type: 'done', request: unasked() })],
    [20, () => ({ type: 'accepted', request: 0, requests: [unasked(), unasked()] })],
    [20, () => failure(unasked())],
    [20, () => failure(0)],
    [
      20,
      () => ({
        type: 'challenge',
        request: unasked(),
        version: 1,
        nonce: randomBytes(32),
        time: 0,
        features: [],
      }),
    ],
    [1, () => ({ type: 'bundle', request: unasked(), user: 'honest.bob', identityKey, ...bundle })],
  ]);
  for (let round = 0; round < ROUNDS; round++) {
    const sealed = await Promise.all(Array.from({ length: 5 }, seal));
    const frames = Array.from({ length: ROUND - 15 }, push);
    // The last is a delivery: once that is acknowledged, all before it has been read.
    for (const one of [...sealed, ...sealed, ...Array.from({ length: 5 }, () => pick(sealed))]) {
      frames.push(deliver(one));
    }
    for (const frame of frames) relay.say(frame);
    inputs += frames.length;
    await until(() => acknowledged.length >= position - FIRST_POSITION);
  }
  // Each is acknowledged once, so that it doesn't come again.
  expect(acknowledged).toHaveLength(position - FIRST_POSITION);
  expect(new Set(acknowledged).size).toBe(acknowledged.length);
  relay.lies = {};
  return inputs;
}

/** Says what is no frame to a client that signs in, or has signed in, again and again.
 * @returns how many inputs that were */
async function babble(truth: TestRelay): Promise<number> {
  const [bob, alice] = [device('bob'), device('alice')];
  const samples = (
    [
      { type: 'deliver', request: 0, position: 1, envelope: envelope(bob, alice.address) },
      { type: 'done', request: 1 },
      { type: 'failure', request: 0, class: 'later', code: 'busy', detail: '' },
      { type: 'challenge', request: 1, version: 1, nonce: randomBytes(32), time: 0, features: [] },
    ] satisfies Frame[]
  ).map(encodeFrame);
  let inputs = 0;
  const nonsense = (): Buffer => {
    inputs++;
    return malformed(samples);
  };
  const relay = await openLyingRelay(truth, { toClient: (frame) => [inputs % 2 ? frame : nonsense()] });
  const connection = new Connection({
    relays: decodeInvite(relay.invite).relays,
    relayKey: truth.key,
    signIn: async (ask) => void (await ask('hello', { lowest: 1, highest: 1 })),
    isFinal: () => false,
    random: () => 0,
  });
  let attempts = 0;
  connection.on('state', (state) => {
    if (state === 'connecting') attempts++;
    if (state === 'online') relay.say(nonsense());
  });
  afterwards(() => connection.stop());
  connection.start();
  // Each ends a connection, and another is made at once.
  await until(() => attempts > MALFORMED);
  connection.stop();
  expect(inputs).toBeGreaterThanOrEqual(MALFORMED);
  return inputs;
}

test('100,000 inputs at a client', async () => {
  const truth = await openRelay();
  const relay = await openLyingRelay(truth);
  const pair = await honestPair(truth.invite);
  const victim = await openPerson('victim', relay.invite);
  await bringOnline(victim);
  await victim.send('honest.bob', 'so that bob is known');
  const amiss: string[] = [];
  victim.on('failure', ({ code }) => code === 'internal' && amiss.push(code));
  victim.on('connection', (state) => amiss.push(state));

  const inputs = (await bombard(truth, relay, victim)) + (await babble(truth));
  expect(inputs).toBeGreaterThan(100_000);
  expect([victim.heard, amiss]).toEqual([[], []]);
  expect(
    victim.contacts().map(({ name, status, identity }) => [name, status, identity.toString('hex')]),
  ).toEqual([
    ['honest.bob', 'accepted', pair.bob.fingerprint],
    ['mallory', 'request', device('mallory').address.identity.toString('hex')],
  ]);

  await pair.bob.send('victim', 'after all that');
  await until(() => victim.heard.length > 0);
  expect(victim.heard.map(({ text }) => text)).toEqual(['after all that']);
  expect(await pair.stop()).toBeGreaterThan(100);
});

test('100,000 contents that were changed: each is refused, or says what its bytes say', () => {
  const samples = [...contents.good, ...contents.unknown, ...contents.silent, ...contents.bad]
    .map(({ bytes }) => fromHex(bytes))
    .filter(({ length }) => length > 1);
  const outcomes = new Map<string, number>();
  for (let i = 0; i < 100_000; i++) {
    const bytes = mutate(pick(samples));
    let content: Content | undefined;
    try {
      content = decodeContent(bytes);
    } catch (error) {
      // Nothing else may be thrown, whatever the bytes are.
      expect(error).toBeInstanceOf(Malformed);
    }
    const outcome = content?.kind ?? 'malformed';
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    if (!content || content.kind === 'unknown' || content.kind === 'silent') continue;
    // It says no more than a content that we would write ourselves.
    expect(decodeContent(encodeContent(content))).toEqual(content);
  }
  for (const outcome of ['malformed', 'text', 'unknown', 'silent']) {
    expect(outcomes.get(outcome), outcome).toBeGreaterThan(100);
  }
});
