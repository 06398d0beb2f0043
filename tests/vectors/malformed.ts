// What a malicious contact can put inside: rightly sealed and signed, and still no message.
import { encrypt, sign, type SigningKey } from '../../main/messenger/rsa.ts';
import {
  BLOCK_BYTES,
  blockLabels,
  encodeEnvelope,
  encodeHeader,
  encodeInner,
  sha256,
  signedEnvelope,
} from '../../protocol/envelope.ts';
import type { PublicKey } from '../../protocol/public-key.ts';
import type { Tampered } from './tampering.ts';

type Parties = { alice: SigningKey; bob: PublicKey; bobReception: PublicKey };

/** @param make the pieces to be sealed, out of the header's hash */
async function sealPieces(
  { alice, bob, bobReception }: Parties,
  id: Buffer,
  blockCount: number,
  make: (headerHash: Buffer) => Buffer[],
): Promise<Buffer> {
  const header = encodeHeader({
    id,
    sender: alice.publicKey.fingerprint,
    recipient: bob.fingerprint,
    receptionKey: bobReception.fingerprint,
    blockCount,
  });
  const headerHash = sha256(header);
  const blocks = await Promise.all(
    make(headerHash).map((piece, i) => encrypt(bobReception, blockLabels(headerHash, blockCount)[i]!, piece)),
  );
  return encodeEnvelope(header, blocks, await sign(alice, signedEnvelope(header, blocks)));
}

/** All have to be refused by bob in step 8, at the latest. `Hello`, untouched, is a good one. */
export async function malformed(parties: Parties): Promise<Tampered[]> {
  const inner = (type: number, body: Buffer) => ({
    chain: Buffer.alloc(8, 1),
    sequence: 1,
    previous: Buffer.alloc(32),
    sentAt: 1_794_925_987_000,
    type,
    body,
  });
  const hello = inner(1, Buffer.from('Hello'));
  const changed = (change: (bytes: Buffer) => unknown) => (headerHash: Buffer) => {
    const [piece] = encodeInner(headerHash, hello, 1);
    change(piece!);
    return [piece!];
  };
  const saying = (type: number, body: Buffer, blockCount: number) => (headerHash: Buffer) =>
    encodeInner(headerHash, inner(type, body), blockCount);
  const ids = (count: number): Buffer => Buffer.alloc(count * 16, 1);
  const receipt = (kind: number, rest: Buffer): Buffer => Buffer.concat([Buffer.of(kind), rest]);

  const cases: [name: string, blockCount: number, make: (headerHash: Buffer) => Buffer[]][] = [
    ['another header hash inside', 1, changed((bytes) => bytes.fill(0, 0, 32))],
    ['sequence 0', 1, changed((bytes) => bytes.writeBigUInt64BE(0n, 40))],
    ['sequence 2^53', 1, changed((bytes) => bytes.writeBigUInt64BE(1n << 53n, 40))],
    ['a time beyond any calendar', 1, changed((bytes) => bytes.writeBigUInt64BE(8_640_000_000_000_001n, 80))],
    ['a body longer than the blocks', 1, changed((bytes) => bytes.writeUInt32BE(BLOCK_BYTES - 93 + 1, 89))],
    ['a body length of 2^32 - 1', 1, changed((bytes) => bytes.writeUInt32BE(0xffffffff, 89))],
    ['a padding that is not zero', 1, changed((bytes) => bytes.writeUInt8(1, BLOCK_BYTES - 1))],
    ['a block a byte short', 1, (headerHash) => [encodeInner(headerHash, hello, 1)[0]!.subarray(0, -1)]],
    ['a body of 32,769 bytes', 128, saying(1, Buffer.alloc(32_769, 'a'), 128)],
    ['a text without bytes', 1, saying(1, Buffer.alloc(0), 1)],
    ['a text that is not UTF-8', 1, saying(1, Buffer.from('c328', 'hex'), 1)],
    ['a text with a surrogate in UTF-8', 1, saying(1, Buffer.from('eda080', 'hex'), 1)],
    ['a receipt of kind 3', 1, saying(2, receipt(3, ids(1)), 1)],
    ['a receipt without ids', 1, saying(2, receipt(1, ids(0)), 1)],
    ['a receipt with half an id', 1, saying(2, receipt(1, Buffer.alloc(24)), 1)],
    ['a receipt with 257 ids', 16, saying(2, receipt(1, ids(257)), 16)],
    ['an unopenable without ids', 1, saying(3, ids(0), 1)],
    ['an unopenable with half an id', 1, saying(3, Buffer.alloc(8), 1)],
  ];
  return Promise.all(
    cases.map(async ([name, blockCount, make], i) => ({
      name,
      step: 8,
      envelope: await sealPieces(parties, Buffer.alloc(16, 0x40 + i), blockCount, make),
    })),
  );
}
