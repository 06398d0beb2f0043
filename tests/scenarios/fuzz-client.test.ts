// A hundred thousand hostile inputs at a client, from a relay that lies and a contact who means harm: it lives on,
// shows nothing that nobody wrote, and honest users of the true relay notice nothing.
import { randomBytes, randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { Connection } from '../../main/messenger/connection.ts';
import type { Messenger } from '../../main/messenger/messenger.ts';
import { encodeRelayFrame, parseRelayFrame, type RelayFrame } from '../../protocol/frames.ts';
import { decodeInvite } from '../../protocol/invite.ts';
import { forging, introducing, sealing } from '../forgery.ts';
import { base64, honestPair, malformed, mixed, pick } from '../fuzz.ts';
import { type LyingRelay, openLyingRelay } from '../lying-relay.ts';
import { alice, bob, letter, mallory, receptionKey } from '../relay/wire.ts';
import { afterwards, bringOnline, openPerson, openRelay, type TestRelay, until } from '../town.ts';

const ROUNDS = 205;
const ROUND = 500;
const MALFORMED = 500;
/** Numbers that the client has not asked under. */
const unasked = (): number => randomInt(1e9, 2 ** 47);

/** Has the lying relay say all of it to a victim. @returns how many inputs that were */
async function bombard(truth: TestRelay, relay: LyingRelay, victim: Messenger): Promise<number> {
  const [seal, introduce] = await Promise.all([sealing(truth, victim), introducing()]);
  const forge = forging(victim);
  let inputs = 0;
  let acknowledged = 0;
  const genuine = new Map<string, RelayFrame>();
  relay.lies = {
    toClient: (frame) => {
      if (frame.type === 'deliver') genuine.set(frame.envelope.toString('hex', 2, 18), frame);
      return [frame];
    },
    toRelay: (frame) => {
      if (frame.type === 'lookup' && /^(n\d+|stranger)$/.test(frame.user)) {
        inputs++;
        relay.say(introduce(frame.id, frame.user));
        return [];
      }
      if (frame.type !== 'acknowledge' || genuine.has(frame.message.toString('hex'))) return [frame];
      acknowledged++;
      return [];
    },
  };
  const failure = (): RelayFrame => ({
    type: 'failure',
    code: pick(['busy', 'malformed', 'replaced', 'unknown-user', 'challenge-expired']),
    detail: base64(100),
  });
  const identityKey = alice.identity.publicKey.spki;
  const key = await receptionKey(alice);
  const push = mixed<RelayFrame>([
    [12, () => ({ type: 'deliver', from: 'honest.bob', envelope: forge() })],
    [4, () => ({ type: 'deliver', from: mallory.name, envelope: forge() })],
    [3, () => ({ type: 'deliver', from: pick(['stranger', `n${randomInt(1e6)}`]), envelope: forge() })],
    [20, () => ({ type: pick(['done', 'accepted']), id: unasked() })],
    [20, () => ({ ...failure(), id: unasked() })],
    [20, failure],
    [20, () => ({ type: 'challenge', id: unasked(), nonce: randomBytes(32), time: 0 })],
    [1, () => ({ type: 'user', id: unasked(), user: 'honest.bob', identityKey, receptionKey: key })],
  ]);
  let delivered = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const sealed = await Promise.all(Array.from({ length: 5 }, seal));
    const frames = Array.from({ length: ROUND - 15 }, push);
    // The last is a delivery: once that is acknowledged, all before it has been read.
    frames.push(...sealed, ...sealed, ...Array.from({ length: 5 }, () => pick(sealed)));
    for (const frame of frames) relay.say(frame);
    inputs += frames.length;
    delivered += frames.filter(({ type }) => type === 'deliver').length;
    // Each envelope is acknowledged once, so that it doesn't come again.
    await until(() => acknowledged >= delivered);
  }
  expect(acknowledged).toBe(delivered);
  relay.lies = {};
  return inputs;
}

/** Says what is no frame to a client that signs in, or has signed in, again and again.
 * @returns how many inputs that were */
async function babble(truth: TestRelay): Promise<number> {
  const frames: RelayFrame[] = [
    { type: 'deliver', from: 'bob', envelope: letter(bob, alice).envelope },
    { type: 'done', id: 1 },
    { type: 'failure', code: 'busy', detail: '' },
    { type: 'challenge', id: 1, nonce: randomBytes(32), time: 0 },
  ];
  const samples = frames.map(encodeRelayFrame);
  let inputs = 0;
  const nonsense = (): string => {
    inputs++;
    return malformed(samples, parseRelayFrame);
  };
  const relay = await openLyingRelay(truth, {
    toClient: (frame) => [inputs % 2 ? frame : nonsense()],
  });
  const connection = new Connection({
    relays: decodeInvite(relay.invite).relays,
    relayKey: truth.key,
    signIn: async (ask) => void (await ask({ type: 'hello', version: 1 }, 'challenge')),
    final: () => false,
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
  const heard: string[] = [];
  const amiss: string[] = [];
  victim.on('message', ({ text }) => heard.push(text));
  victim.on('failure', ({ code }) => code === 'internal' && amiss.push(code));
  victim.on('connection', (state) => amiss.push(state));

  const inputs = (await bombard(truth, relay, victim)) + (await babble(truth));
  expect(inputs).toBeGreaterThan(100_000);
  expect([heard, amiss]).toEqual([[], []]);
  const known = victim.contacts().map(({ name, fingerprint }) => [name, fingerprint]);
  expect(known).toEqual([
    ['honest.bob', pair.bob.fingerprint],
    ['mallory', mallory.identity.publicKey.fingerprint.toString('hex')],
  ]);

  await pair.bob.send('victim', 'after all that');
  await until(() => heard.length > 0);
  expect(heard).toEqual(['after all that']);
  expect(await pair.stop()).toBeGreaterThan(100);
});
