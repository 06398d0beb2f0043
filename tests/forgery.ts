// What a lying relay and a contact who means harm can make: envelopes and introductions that look right.
import { randomBytes, randomInt } from 'node:crypto';
import type { Messenger } from '../main/messenger/messenger.ts';
import { seal } from '../main/messenger/seal.ts';
import type { RelayFrame } from '../protocol/frames.ts';
import { importPublicKey } from '../protocol/public-key.ts';
import { base64, pick } from './fuzz.ts';
import { alice, bob, letter, mallory, receptionKey, Wire } from './relay/wire.ts';
import type { TestRelay } from './town.ts';

type UserFrame = Extract<RelayFrame, { type: 'user' }>;

/** Envelopes from mallory, signed and sealed as they have to be; what is inside is made up. */
export async function sealing(truth: TestRelay, victim: Messenger): Promise<() => Promise<RelayFrame>> {
  const wire = await Wire.signedIn(truth, mallory);
  const found = (await wire.ask({ type: 'lookup', user: victim.name })) as UserFrame;
  wire.socket.close();
  const key = await importPublicKey(found.receptionKey.key);
  const chains = [randomBytes(8), randomBytes(8)];
  const ids = [randomBytes(16), randomBytes(16)];
  return async () => {
    const type = pick([1, 2, 3, randomInt(4, 256)]);
    const body = randomBytes(pick([0, 1, 17, 16 * randomInt(1, 40)]));
    const envelope = await seal({
      id: pick([...ids, randomBytes(16), randomBytes(16)]),
      sender: mallory.identity,
      recipient: Buffer.from(victim.fingerprint, 'hex'),
      receptionKey: pick([key, key, key, bob.identity.publicKey]),
      inner: {
        chain: pick([...chains, randomBytes(8)]),
        sequence: pick([1, randomInt(1, 50), Number.MAX_SAFE_INTEGER]),
        previous: pick([Buffer.alloc(32), randomBytes(32)]),
        sentAt: pick([0, Date.now(), 8.64e15]),
        type,
        // No text: not even UTF-8.
        body: type === 1 ? Buffer.concat([Buffer.of(0xff), body]) : body,
      },
    });
    return { type: 'deliver', from: mallory.name, envelope };
  };
}

/** Envelopes that are not authentic, for as many reasons as there are. */
export function forging(victim: Messenger): () => Buffer {
  const honest = victim.contacts().find(({ name }) => name === 'honest.bob')!;
  return () => {
    const { envelope } = letter(bob, alice, { blocks: pick([1, 1, 1, 2, 4]) });
    const change = randomInt(5);
    if (change === 0) return randomBytes(884 + randomInt(2000));
    if (change === 1) envelope[randomInt(2)] = randomInt(256);
    if (change === 2) envelope.writeUInt16BE(randomInt(65536), 114);
    if (change === 3) return envelope;
    // Right but for the signature.
    envelope.write(honest.fingerprint, 18, 'hex');
    envelope.write(victim.fingerprint, 50, 'hex');
    return envelope;
  };
}

/** Lies about whoever is looked up. */
export async function introducing(): Promise<(id: number, user: string) => RelayFrame> {
  const receptionKeyOfBob = await receptionKey(bob);
  const strangers = await receptionKey({ ...bob, name: 'stranger' });
  const identityKey = bob.identity.publicKey.spki;
  return (id, user) => {
    const truth: UserFrame = { type: 'user', id, user, identityKey, receptionKey: strangers };
    return pick<RelayFrame>([
      truth,
      { ...truth, user: 'bob', receptionKey: receptionKeyOfBob },
      { ...truth, receptionKey: receptionKeyOfBob },
      { ...truth, identityKey: alice.identity.publicKey.spki },
      { ...truth, identityKey: randomBytes(422) },
      { ...truth, receptionKey: { ...strangers, key: identityKey } },
      { ...truth, receptionKey: { ...strangers, created: 0, signature: randomBytes(384) } },
      { type: 'failure', id, code: 'unknown-user', detail: base64(100) },
    ]);
  };
}
