// What an attacker can make of envelopes: each class of attack, as bytes. For the vectors, and for many random tries.
import { sign, type SigningKey } from '../../main/messenger/rsa.ts';
import {
  decodeEnvelope,
  encodeEnvelope,
  encodeHeader,
  type Header,
  RSA_BYTES,
  signedEnvelope,
} from '../../protocol/envelope.ts';
import type { PublicKey } from '../../protocol/public-key.ts';

export type Material = {
  /** From alice to bob with two blocks or more; another one of the same sender, recipient and reception key. */
  good: Buffer;
  other: Buffer;
  /** Who signs again; alice herself, for attacks by a malicious contact that only the seal itself can stop. */
  mallory: SigningKey;
  alice: SigningKey;
  bob: PublicKey;
  bobReception: PublicKey;
  otherReception: PublicKey;
};

/** step: the one of PROTOCOL.md, "Receiving", that has to refuse it at the latest. */
export type Tampered = { name: string; step: number; envelope: Buffer };

/** Every class of attack on one envelope. All have to be refused by bob, who pins alice. */
export async function tamperings(material: Material): Promise<Tampered[]> {
  const { good, other, mallory, alice, otherReception } = material;
  const { header, headerBytes, blocks, signature } = decodeEnvelope(good);
  const foreign = decodeEnvelope(other);
  const stranger = mallory.publicKey.fingerprint;

  const withHeader = (change: Partial<Header>): Buffer => encodeHeader({ ...header, ...change });
  const unsigned = (changed: Buffer, pieces: Buffer[]): Buffer => encodeEnvelope(changed, pieces, signature);
  const signedBy = async (key: SigningKey, changed: Buffer, pieces: Buffer[]): Promise<Buffer> =>
    encodeEnvelope(changed, pieces, await sign(key, signedEnvelope(changed, pieces)));
  const version = Buffer.from(good).fill(2, 0, 1);
  const suite = Buffer.from(good).fill(2, 1, 2);
  const swapped = [blocks[1]!, blocks[0]!, ...blocks.slice(2)];
  const spliced = [foreign.blocks[0]!, ...blocks.slice(1)];
  const half = blocks.slice(0, blocks.length / 2);
  const twice = [...blocks, ...blocks];

  const attacks: [step: number, name: string, envelope: Buffer][] = [
    [1, 'unknown version', version],
    [1, 'unknown suite', suite],
    [1, 'cut by a byte', good.subarray(0, -1)],
    [1, 'longer by a byte', Buffer.concat([good, Buffer.alloc(1)])],
    [1, 'signature stripped', good.subarray(0, -RSA_BYTES)],
    [1, 'block count 3', unsigned(withHeader({ blockCount: 3 }), [...blocks, blocks[0]!])],
    [1, 'block count 0', unsigned(withHeader({ blockCount: 0 }), [])],
    [2, 're-addressed to a third', unsigned(withHeader({ recipient: stranger }), blocks)],
    [
      2,
      'for a third, signed by the sender, passed on to bob unchanged (surreptitious forwarding)',
      await signedBy(alice, withHeader({ recipient: stranger }), blocks),
    ],
    [
      3,
      're-signed by another in his own name (signature theft)',
      await signedBy(mallory, withHeader({ sender: stranger }), blocks),
    ],
    [4, 'signature of zeros', encodeEnvelope(headerBytes, blocks, Buffer.alloc(RSA_BYTES))],
    [4, 'signature of another envelope', encodeEnvelope(headerBytes, blocks, foreign.signature)],
    [4, 're-signed by another under the sender', await signedBy(mallory, headerBytes, blocks)],
    [4, 'blocks reordered', unsigned(headerBytes, swapped)],
    [4, 'truncated to half the blocks', unsigned(withHeader({ blockCount: half.length }), half)],
    [4, 'extended to twice the blocks', unsigned(withHeader({ blockCount: twice.length }), twice)],
    [4, 'a block of another message', unsigned(headerBytes, spliced)],
    [
      4,
      'another reception key named',
      unsigned(withHeader({ receptionKey: otherReception.fingerprint }), blocks),
    ],
    [4, 'another message id', unsigned(withHeader({ id: Buffer.alloc(16, 9) }), blocks)],
    [7, 'blocks reordered, signed again by the sender', await signedBy(alice, headerBytes, swapped)],
    [
      7,
      'truncated, signed again by the sender',
      await signedBy(alice, withHeader({ blockCount: half.length }), half),
    ],
    [
      7,
      'extended, signed again by the sender',
      await signedBy(alice, withHeader({ blockCount: twice.length }), twice),
    ],
    [
      7,
      'a block of another message, signed again by the sender',
      await signedBy(alice, headerBytes, spliced),
    ],
    [
      7,
      'blocks under another header, signed again by the sender',
      await signedBy(alice, withHeader({ id: Buffer.alloc(16, 7) }), blocks),
    ],
  ];
  return attacks.map(([step, name, envelope]) => ({ step, name, envelope }));
}

/** One bit turned. @param bit 0 to 8 * length - 1 */
export function flipBit(envelope: Buffer, bit: number): Buffer {
  const flipped = Buffer.from(envelope);
  flipped[bit >> 3]! ^= 1 << (bit & 7);
  return flipped;
}
