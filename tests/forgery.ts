// What a lying relay and a contact who means harm can make: envelopes that look right.
import { randomBytes, randomInt } from 'node:crypto';
import type { Messenger } from '../main/messenger/messenger.ts';
import { seal } from '../main/messenger/seal.ts';
import { u16, u8 } from '../protocol/bytes.ts';
import type { FrameOf } from '../protocol/frames.ts';
import { spkiOf } from '../protocol/key.ts';
import { decodePrekey } from '../protocol/prekey.ts';
import { importPublicKey } from '../protocol/public-key.ts';
import { mutate, pick } from './fuzz.ts';
import type { TestRelay } from './harness.ts';
import { device, envelope, RawClient } from './relay/raw-client.ts';
import { modulusOf, signingKey } from './vectors/keys.ts';
import { contents, fromHex } from './vectors/vectors.ts';

const addressOf = (person: Messenger) => ({ identity: Buffer.from(person.fingerprint, 'hex'), device: 1 });
const tlv = (tag: number, value: Buffer): Buffer => Buffer.concat([u8(tag), u16(value.length), value]);

/** Any content but a text that can be read. */
function content(): Buffer {
  const noText = tlv(1, Buffer.concat([Buffer.of(0xff), randomBytes(randomInt(200))]));
  return pick<() => Buffer>([
    () => Buffer.concat([u8(1), noText]),
    () => Buffer.concat([u8(1), tlv(pick([2, 6, 12, 99]), randomBytes(randomInt(100)))]),
    () => Buffer.concat([u8(randomInt(2, 128)), tlv(1, randomBytes(17))]),
    () => Buffer.concat([u8(pick([128, 129, 131])), tlv(6, randomBytes(pick([32, 31, 64, 32 * 40])))]),
    () => Buffer.concat([u8(134), tlv(12, randomBytes(pick([58, 120])))]),
    () => Buffer.concat([u8(randomInt(136, 256)), randomBytes(randomInt(40))]),
    () => randomBytes(randomInt(60)),
    () => fromHex(pick(contents.bad).bytes),
    () => {
      const [first, ...rest] = mutate(fromHex(pick(contents.good.slice(0, 2)).bytes));
      // A text that is still one would be shown.
      return Buffer.from([first === 1 ? 2 : (first ?? 0), ...rest]);
    },
  ])();
}

/** Envelopes from mallory, signed and sealed as they have to be; what is inside is made up. */
export async function sealing(truth: TestRelay, victim: Messenger): Promise<() => Promise<Buffer>> {
  const mallory = device('mallory');
  const client = await RawClient.signedIn(truth, mallory);
  const found = (await client.ask({
    type: 'lookup',
    of: { user: victim.name },
    knownVersion: 0,
  })) as FrameOf<'bundle'>;
  client.socket.close();
  const signer = await signingKey('mallory');
  const [key, other] = await Promise.all([
    importPublicKey(spkiOf(decodePrekey(found.prekeys[0]!.bytes).key)),
    importPublicKey(spkiOf(modulusOf('otherPrekey'))),
  ]);
  const chains = [randomBytes(8), randomBytes(8)];
  return () =>
    seal({
      sender: mallory.address,
      listVersion: pick([0, 0, 0, randomInt(1, 9)]),
      signer,
      recipient: addressOf(victim),
      encryptionKey: pick([key, key, key, other]),
      payload: {
        chain: pick([...chains, randomBytes(8)]),
        sequence: pick([1, randomInt(1, 50), Number.MAX_SAFE_INTEGER]),
        previous: pick([Buffer.alloc(16), randomBytes(16)]),
        timestamp: pick([0, Date.now(), 253_402_300_799_999]),
        salt: randomBytes(16),
        content: content(),
      },
    });
}

/** Envelopes in shape, of which none is authentic, for as many reasons as there are. */
export function forging(victim: Messenger): () => Buffer {
  const honest = {
    ...device('bob'),
    address: { identity: victim.trust.known('honest.bob').identity, device: 1 },
  };
  const stranger = () => ({ ...honest, address: { identity: randomBytes(32), device: randomInt(1, 256) } });
  return pickOf([
    () => envelope(honest, addressOf(victim), { blocks: pick([1, 1, 1, 2, 4]) }),
    () => envelope(honest, { identity: randomBytes(32), device: 1 }),
    () => envelope(honest, { ...addressOf(victim), device: randomInt(2, 256) }),
    () => envelope(honest, addressOf(victim), { listVersion: randomInt(1, 2 ** 32) }),
    () => envelope(stranger(), addressOf(victim)),
  ]);
}

const pickOf =
  <T>(makers: readonly (() => T)[]): (() => T) =>
  () =>
    pick(makers)();
