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

export type Tampered = { name: string; envelope: Buffer };

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

  return [
    { name: 'unknown version', envelope: version },
    { name: 'unknown suite', envelope: suite },
    { name: 'cut by a byte', envelope: good.subarray(0, -1) },
    { name: 'longer by a byte', envelope: Buffer.concat([good, Buffer.alloc(1)]) },
    { name: 'signature stripped', envelope: good.subarray(0, -RSA_BYTES) },
    { name: 'signature of zeros', envelope: encodeEnvelope(headerBytes, blocks, Buffer.alloc(RSA_BYTES)) },
    {
      name: 'signature of another envelope',
      envelope: encodeEnvelope(headerBytes, blocks, foreign.signature),
    },
    { name: 'blocks reordered', envelope: unsigned(headerBytes, swapped) },
    {
      name: 'blocks reordered, signed again by the sender',
      envelope: await signedBy(alice, headerBytes, swapped),
    },
    {
      name: 'truncated to half the blocks',
      envelope: unsigned(withHeader({ blockCount: half.length }), half),
    },
    {
      name: 'truncated, signed again by the sender',
      envelope: await signedBy(alice, withHeader({ blockCount: half.length }), half),
    },
    {
      name: 'extended to twice the blocks',
      envelope: unsigned(withHeader({ blockCount: twice.length }), twice),
    },
    {
      name: 'extended, signed again by the sender',
      envelope: await signedBy(alice, withHeader({ blockCount: twice.length }), twice),
    },
    { name: 'a block of another message', envelope: unsigned(headerBytes, spliced) },
    {
      name: 'a block of another message, signed again by the sender',
      envelope: await signedBy(alice, headerBytes, spliced),
    },
    { name: 're-addressed to a third', envelope: unsigned(withHeader({ recipient: stranger }), blocks) },
    {
      name: 'blocks for somebody else, re-addressed to bob by the sender (surreptitious forwarding)',
      envelope: await signedBy(alice, withHeader({ id: Buffer.alloc(16, 7) }), blocks),
    },
    { name: 're-signed by another under the sender', envelope: await signedBy(mallory, headerBytes, blocks) },
    {
      name: 're-signed by another in his own name (signature theft)',
      envelope: await signedBy(mallory, withHeader({ sender: stranger }), blocks),
    },
    {
      name: 'another reception key named',
      envelope: unsigned(withHeader({ receptionKey: otherReception.fingerprint }), blocks),
    },
    { name: 'another message id', envelope: unsigned(withHeader({ id: Buffer.alloc(16, 9) }), blocks) },
    { name: 'block count 3', envelope: unsigned(withHeader({ blockCount: 3 }), [...blocks, blocks[0]!]) },
    { name: 'block count 0', envelope: unsigned(withHeader({ blockCount: 0 }), []) },
  ];
}

/** One bit turned. @param bit 0 to 8 * length - 1 */
export function flipBit(envelope: Buffer, bit: number): Buffer {
  const flipped = Buffer.from(envelope);
  flipped[bit >> 3]! ^= 1 << (bit & 7);
  return flipped;
}
