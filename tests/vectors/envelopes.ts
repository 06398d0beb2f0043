// Envelopes from alice's device 1 to bob's: good ones as one chain, and every class of attack on them.
import { encrypt, sign, type OpeningKey, type SigningKey } from '../../main/messenger/rsa.ts';
import { seal } from '../../main/messenger/seal.ts';
import { hash } from 'node:crypto';
import {
  BLOCK_BYTES,
  blockLabels,
  decodeEnvelope,
  encodeEnvelope,
  encodeHeader,
  type Header,
  signedEnvelope,
} from '../../protocol/envelope.ts';
import { sha256 } from '../../protocol/key.ts';
import { encodePayload, type Payload, PIECE_BYTES } from '../../protocol/payload.ts';
import { SIGNATURE_BYTES } from '../../protocol/statement.ts';
import { goodContents } from './contents.ts';

export type Parties = {
  alice: SigningKey;
  mallory: SigningKey;
  bob: SigningKey;
  bobPrekey: OpeningKey;
  otherPrekey: OpeningKey;
  aliceRatchet: OpeningKey;
};
/** step: the one of PROTOCOL.md, "Receiving", that refuses it at the latest. */
export type Tampered = { name: string; step: number; envelope: Buffer };
export type Good = { name: string; envelope: Buffer; payload: Payload };

const CHAIN = Buffer.from('c0ffee0000000001', 'hex');
const TIME = Date.UTC(2026, 10, 17, 14, 33, 7);
const modulusIn = (key: OpeningKey): Buffer => key.publicKey.spki.subarray(33, 33 + 384);

const addresses = ({ alice, bob }: Parties): Pick<Header, 'sender' | 'recipient'> => ({
  sender: { identity: alice.publicKey.fingerprint, device: 1 },
  recipient: { identity: bob.publicKey.fingerprint, device: 1 },
});

/** Bob opens each with his prekey. */
export async function goodEnvelopes(parties: Parties): Promise<Good[]> {
  const good: Good[] = [];
  let previous: Buffer = Buffer.alloc(16);
  const text = (length: number): Buffer =>
    Buffer.concat([Buffer.of(1, 1, length >> 8, length & 255), Buffer.alloc(length, 'y')]);
  const contents: [name: string, content: Buffer][] = [
    ...goodContents,
    ['one block, full: a text of 256 bytes', text(256)],
    ['two blocks: a text of 257 bytes', text(257)],
    ['with a ratchet key', text(5)],
  ];
  for (const [name, content] of contents) {
    const sequence = good.length + 1;
    // Fixed, so that the vectors are easy to compare; a client draws chain and salt at random.
    const salt = hash('sha256', `salt ${sequence}`, 'buffer').subarray(0, 16);
    const payload: Payload = { chain: CHAIN, sequence, previous, timestamp: TIME + sequence, salt, content };
    const ratchetKey = name === 'with a ratchet key' ? { ratchetKey: modulusIn(parties.aliceRatchet) } : {};
    const envelope = await seal({
      ...addresses(parties),
      listVersion: 0,
      signer: parties.alice,
      encryptionKey: parties.bobPrekey.publicKey,
      payload,
      ...ratchetKey,
    });
    good.push({ name, envelope, payload });
    previous = sha256(envelope).subarray(0, 16);
  }
  return good;
}

const plus = (number: Buffer, modulus: Buffer): Buffer | undefined => {
  const sum = BigInt(`0x${number.toString('hex')}`) + BigInt(`0x${modulus.toString('hex')}`);
  const hex = sum.toString(16).padStart(768, '0');
  return hex.length === 768 ? Buffer.from(hex, 'hex') : undefined;
};

/** Draws until the sum fits into 384 bytes. */
async function plusModulus(draw: () => Promise<Buffer>, modulus: Buffer): Promise<[Buffer, Buffer]> {
  for (;;) {
    const drawn = await draw();
    const sum = plus(drawn, modulus);
    if (sum) return [drawn, sum];
  }
}

/** @param good one with two blocks or more, without a ratchet key @param other another one of two blocks */
export async function tamperings(parties: Parties, good: Buffer, other: Buffer): Promise<Tampered[]> {
  const { alice, mallory, bobPrekey, otherPrekey, aliceRatchet } = parties;
  const { header, headerBytes, blocks, signature } = decodeEnvelope(good);
  const foreign = decodeEnvelope(other);
  const stranger = mallory.publicKey.fingerprint;
  const withHeader = (change: Partial<Header>): Buffer => encodeHeader({ ...header, ...change });
  const unsigned = (changed: Buffer, pieces: Buffer[]): Buffer => encodeEnvelope(changed, pieces, signature);
  const signedBy = async (key: SigningKey, changed: Buffer, pieces: Buffer[]): Promise<Buffer> =>
    encodeEnvelope(changed, pieces, await sign(key, signedEnvelope(changed, pieces)));
  const byAlice = (changed: Buffer, pieces: Buffer[]): Promise<Buffer> => signedBy(alice, changed, pieces);
  const at = (offset: number, value: number): Buffer => {
    const changed = Buffer.from(good);
    changed[offset] = value;
    return changed;
  };
  const swapped = [blocks[1]!, blocks[0]!, ...blocks.slice(2)];
  const spliced = [foreign.blocks[0]!, ...blocks.slice(1)];
  const half = blocks.slice(0, blocks.length / 2);
  const twice = [...blocks, ...blocks];
  const toStranger = withHeader({ recipient: { identity: stranger, device: 1 } });
  const [, sumOfBlock] = await plusModulus(
    async () =>
      encrypt(bobPrekey.publicKey, blockLabels(headerBytes, blocks.length)[0]!, Buffer.alloc(PIECE_BYTES)),
    modulusIn(bobPrekey),
  );
  const [, sumOfSignature] = await plusModulus(
    () => sign(alice, signedEnvelope(headerBytes, blocks)),
    alice.publicKey.spki.subarray(33, 33 + 384),
  );
  const wrongLabel = async (label: (labels: Buffer[]) => Buffer[]): Promise<Buffer> => {
    const count = blocks.length;
    const pieces = Array.from({ length: count }, () => Buffer.alloc(PIECE_BYTES));
    const sealed = label(blockLabels(headerBytes, count)).map((value, i) =>
      encrypt(bobPrekey.publicKey, value, pieces[i]!),
    );
    return byAlice(headerBytes, await Promise.all(sealed));
  };
  const withKey = withHeader({ ratchetKey: modulusIn(aliceRatchet) });

  const attacks: [step: number, name: string, envelope: Buffer][] = [
    [1, 'no bytes', Buffer.alloc(0)],
    [1, 'a header alone', headerBytes],
    [1, 'version 0', at(0, 0)],
    [1, 'version 2', at(0, 2)],
    [1, 'suite 2', at(1, 2)],
    [1, "sender's device 0", at(34, 0)],
    [1, "recipient's device 0", at(71, 0)],
    [1, 'block count 0', unsigned(withHeader({ blockCount: 0 }), [])],
    [1, 'block count 3', unsigned(withHeader({ blockCount: 3 }), [...blocks, blocks[0]!])],
    [
      1,
      'block count 256',
      unsigned(
        withHeader({ blockCount: 256 }),
        Array.from({ length: 256 }, () => blocks[0]!),
      ),
    ],
    [1, 'two ratchet keys', at(106, 2)],
    [1, 'a ratchet key that is even', unsigned(withHeader({ ratchetKey: Buffer.alloc(384, 0xfe) }), blocks)],
    [1, 'a ratchet key of 3,071 bits', unsigned(withHeader({ ratchetKey: Buffer.alloc(384, 0x7f) }), blocks)],
    [1, 'cut by a byte', good.subarray(0, -1)],
    [1, 'longer by a byte', Buffer.concat([good, Buffer.alloc(1)])],
    [1, 'signature stripped', good.subarray(0, -SIGNATURE_BYTES)],
    [1, 're-addressed to another', unsigned(toStranger, blocks)],
    [
      1,
      're-addressed to another device',
      unsigned(withHeader({ recipient: { ...header.recipient, device: 2 } }), blocks),
    ],
    [
      1,
      'for another, signed by the sender, passed on unchanged (surreptitious forwarding)',
      await byAlice(toStranger, blocks),
    ],
    [
      3,
      're-signed by another in their own name (signature theft)',
      await signedBy(mallory, withHeader({ sender: { identity: stranger, device: 1 } }), blocks),
    ],
    [
      3,
      "a device that isn't in the sender's list",
      unsigned(withHeader({ sender: { ...header.sender, device: 2 } }), blocks),
    ],
    [4, 'signature of zeros', encodeEnvelope(headerBytes, blocks, Buffer.alloc(SIGNATURE_BYTES))],
    [4, 'signature of another envelope', encodeEnvelope(headerBytes, blocks, foreign.signature)],
    [4, 'signature plus the modulus', encodeEnvelope(headerBytes, blocks, sumOfSignature)],
    [4, 're-signed by another under the sender', await signedBy(mallory, headerBytes, blocks)],
    [
      4,
      'signed without the label',
      encodeEnvelope(headerBytes, blocks, await sign(alice, Buffer.concat([headerBytes, ...blocks]))),
    ],
    [4, 'blocks reordered', unsigned(headerBytes, swapped)],
    [4, 'truncated to half the blocks', unsigned(withHeader({ blockCount: half.length }), half)],
    [4, 'extended to twice the blocks', unsigned(withHeader({ blockCount: twice.length }), twice)],
    [4, 'a block of another message', unsigned(headerBytes, spliced)],
    [
      4,
      'another encryption key named',
      unsigned(withHeader({ encryptionKey: otherPrekey.publicKey.fingerprint }), blocks),
    ],
    [4, 'another list version', unsigned(withHeader({ listVersion: 7 }), blocks)],
    [4, 'a ratchet key added', unsigned(withKey, blocks)],
    [6, 'blocks reordered, signed again by the sender', await byAlice(headerBytes, swapped)],
    [
      6,
      'truncated, signed again by the sender',
      await byAlice(withHeader({ blockCount: half.length }), half),
    ],
    [
      6,
      'extended, signed again by the sender',
      await byAlice(withHeader({ blockCount: twice.length }), twice),
    ],
    [6, 'a block of another message, signed again by the sender', await byAlice(headerBytes, spliced)],
    [
      6,
      'blocks under another header (list version), signed again by the sender',
      await byAlice(withHeader({ listVersion: 7 }), blocks),
    ],
    [
      6,
      'blocks under another header (a ratchet key), signed again by the sender',
      await byAlice(withKey, blocks),
    ],
    [
      6,
      'sealed under the label of another header alone',
      await wrongLabel(() => blockLabels(withHeader({ listVersion: 7 }), blocks.length)),
    ],
    [6, 'sealed under no label', await wrongLabel((labels) => labels.map(() => Buffer.alloc(0)))],
    [
      6,
      'sealed under labels of another count',
      await wrongLabel((labels) => blockLabels(headerBytes, 2 * labels.length).slice(0, labels.length)),
    ],
    [
      6,
      'sealed to another key than the one named',
      await byAlice(
        headerBytes,
        await Promise.all(
          blocks.map((_, i) =>
            encrypt(
              otherPrekey.publicKey,
              blockLabels(headerBytes, blocks.length)[i]!,
              Buffer.alloc(PIECE_BYTES),
            ),
          ),
        ),
      ),
    ],
    [
      6,
      'a block plus the modulus, signed again by the sender',
      await byAlice(headerBytes, [sumOfBlock, ...blocks.slice(1)]),
    ],
    [6, 'a block of zeros', await byAlice(headerBytes, [Buffer.alloc(BLOCK_BYTES), ...blocks.slice(1)])],
  ];
  return attacks.map(([step, name, envelope]) => ({ step, name, envelope }));
}

/** Sealed and signed as they should be, by a hostile contact, and still no message. All are refused in step 6. */
export async function malformedPayloads(
  parties: Parties,
  contents: readonly [string, Buffer][],
): Promise<Tampered[]> {
  const { alice, bobPrekey } = parties;
  const payload = (content: Buffer): Payload => ({
    chain: CHAIN,
    sequence: 1,
    previous: Buffer.alloc(16),
    timestamp: TIME,
    salt: Buffer.alloc(16, 9),
    content,
  });
  const sealPieces = async (pieces: Buffer[]): Promise<Buffer> => {
    const encryptionKey = bobPrekey.publicKey.fingerprint;
    const header = encodeHeader({
      ...addresses(parties),
      listVersion: 0,
      encryptionKey,
      blockCount: pieces.length,
    });
    const labels = blockLabels(header, pieces.length);
    const blocks = await Promise.all(
      pieces.map((piece, i) => encrypt(bobPrekey.publicKey, labels[i]!, piece)),
    );
    return encodeEnvelope(header, blocks, await sign(alice, signedEnvelope(header, blocks)));
  };
  const hello = goodContents[0]![1];
  const changed = (change: (bytes: Buffer) => unknown): Buffer[] => {
    const [piece] = encodePayload(payload(hello));
    change(piece!);
    return [piece!];
  };
  const cases: [name: string, pieces: Buffer[]][] = [
    ['chain zero', changed((bytes) => bytes.fill(0, 0, 8))],
    ['sequence 0', changed((bytes) => bytes.fill(0, 8, 16))],
    ['sequence 2^53', changed((bytes) => bytes.writeBigUInt64BE(1n << 53n, 8))],
    ['a time beyond any calendar', changed((bytes) => bytes.writeBigUInt64BE(8_640_000_000_000_001n, 32))],
    ['a content longer than the blocks', changed((bytes) => bytes.writeUInt16BE(PIECE_BYTES - 58 + 1, 56))],
    ['padding that is not zero', changed((bytes) => bytes.writeUInt8(1, PIECE_BYTES - 1))],
    ['a block a byte short', changed(() => undefined).map((piece) => piece.subarray(0, -1))],
    ...contents.map(([name, content]): [string, Buffer[]] => [
      `content: ${name}`,
      encodePayload(payload(content)),
    ]),
  ];
  return Promise.all(
    cases.map(async ([name, pieces]) => ({ name, step: 6, envelope: await sealPieces(pieces) })),
  );
}

/** One bit turned. @param bit 0 to 8 * length - 1 */
export function flipBit(bytes: Buffer, bit: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[bit >> 3]! ^= 1 << (bit & 7);
  return flipped;
}
