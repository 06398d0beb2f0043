// The sealed message's bytes: encode, decode, what is signed (PROTOCOL.md, "Envelope"). Values in, values out.
import { hash } from 'node:crypto';
import { field, u16, u8 } from './bytes.ts';
import { Failure } from './failures.ts';
import { MAX_TEXT_BYTES } from './fields.ts';

export const ENVELOPE_VERSION = 1;
export const SUITE = 1;
export const HEADER_BYTES = 116;
/** One RSA-3072 ciphertext or signature. */
export const RSA_BYTES = 384;
/** Plaintext of one block: 384 - 2 * 32 - 2 (RFC 8017, section 7.1.1). */
export const BLOCK_BYTES = 318;
export const MAX_BLOCKS = 128;
export const MAX_BODY_BYTES = MAX_TEXT_BYTES;
export const MIN_ENVELOPE_BYTES = HEADER_BYTES + 2 * RSA_BYTES;
export const MAX_ENVELOPE_BYTES = HEADER_BYTES + (MAX_BLOCKS + 1) * RSA_BYTES;
const INNER_BYTES = 93;

export type Header = {
  /** 16 random bytes; one for a message for good, also when it is sealed again. */
  id: Buffer;
  /** SHA-256 of the SPKI (32 bytes): sender's identity, recipient's identity, the key that it is sealed to. */
  sender: Buffer;
  recipient: Buffer;
  receptionKey: Buffer;
  /** 1, 2, 4, ... 128 */
  blockCount: number;
};

/** What only the recipient reads. */
export type Inner = {
  /** 8 random bytes, one value for an installation and recipient. */
  chain: Buffer;
  /** From 1 to 2^53 - 1, this sender's envelopes in this chain. */
  sequence: number;
  /** SHA-256 of the preceding envelope in the chain, zeros for the first (32 bytes). */
  previous: Buffer;
  /** Milliseconds since 1970. */
  sentAt: number;
  /** See messageTypes; other values are for newer versions. */
  type: number;
  body: Buffer;
};

export type Envelope = { header: Header; headerBytes: Buffer; blocks: Buffer[]; signature: Buffer };

const refuse = (why: string): Failure => new Failure('message-refused', `The envelope was refused: ${why}.`);

/** SHA-256, 32 bytes. */
export const sha256 = (bytes: Buffer): Buffer => hash('sha256', bytes, 'buffer');

/** @returns 116 bytes */
export function encodeHeader(header: Header): Buffer {
  return Buffer.concat([
    u8(ENVELOPE_VERSION),
    u8(SUITE),
    header.id,
    header.sender,
    header.recipient,
    header.receptionKey,
    u16(header.blockCount),
  ]);
}

/** @returns header | blocks of 384 bytes | signature of 384 bytes */
export function encodeEnvelope(headerBytes: Buffer, blocks: Buffer[], signature: Buffer): Buffer {
  return Buffer.concat([headerBytes, ...blocks, signature]);
}

/** Reads an envelope's shape; nothing in it is to be believed before its signature is verified.
 * @throws Failure `message-refused` on a wrong version, suite, block count or length */
export function decodeEnvelope(bytes: Buffer): Envelope {
  if (bytes.length < MIN_ENVELOPE_BYTES) throw refuse('it is too short');
  if (bytes[0] !== ENVELOPE_VERSION) throw refuse(`its version is ${bytes[0]}, not ${ENVELOPE_VERSION}`);
  if (bytes[1] !== SUITE) throw refuse(`its suite is ${bytes[1]}, not ${SUITE}`);
  const blockCount = bytes.readUInt16BE(114);
  const powerOfTwo = blockCount > 0 && (blockCount & (blockCount - 1)) === 0;
  if (!powerOfTwo || blockCount > MAX_BLOCKS) throw refuse('its block count is no power of two up to 128');
  if (bytes.length !== HEADER_BYTES + (blockCount + 1) * RSA_BYTES) throw refuse('its length is wrong');
  const blockAt = (i: number) =>
    bytes.subarray(HEADER_BYTES + i * RSA_BYTES, HEADER_BYTES + (i + 1) * RSA_BYTES);
  return {
    header: {
      id: bytes.subarray(2, 18),
      sender: bytes.subarray(18, 50),
      recipient: bytes.subarray(50, 82),
      receptionKey: bytes.subarray(82, 114),
      blockCount,
    },
    headerBytes: bytes.subarray(0, HEADER_BYTES),
    blocks: Array.from({ length: blockCount }, (_, i) => blockAt(i)),
    signature: blockAt(blockCount),
  };
}

/** How many blocks a body of that many bytes takes: the smallest power of two that holds it. */
export function blockCountFor(bodyBytes: number): number {
  let count = 1;
  while (count * BLOCK_BYTES < INNER_BYTES + bodyBytes) count *= 2;
  return count;
}

/** Cuts bytes into pieces of 318. */
const cut = (bytes: Buffer): Buffer[] =>
  Array.from({ length: bytes.length / BLOCK_BYTES }, (_, i) =>
    bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES),
  );

/** @returns blockCount pieces of 318 bytes, zero-padded at the end */
export function encodeInner(headerHash: Buffer, inner: Inner, blockCount: number): Buffer[] {
  // Written in place, field by field: every message passes here.
  const bytes = Buffer.alloc(blockCount * BLOCK_BYTES);
  headerHash.copy(bytes, 0);
  inner.chain.copy(bytes, 32);
  bytes.writeBigUInt64BE(BigInt(inner.sequence), 40);
  inner.previous.copy(bytes, 48);
  bytes.writeBigUInt64BE(BigInt(inner.sentAt), 80);
  bytes.writeUInt8(inner.type, 88);
  bytes.writeUInt32BE(inner.body.length, 89);
  inner.body.copy(bytes, INNER_BYTES);
  return cut(bytes);
}

/** @param pieces the decrypted blocks, each of which must have 318 bytes
 * @throws Failure `message-refused` on a wrong header hash, length, time, sequence or padding */
export function decodeInner(headerHash: Buffer, pieces: Buffer[]): Inner {
  if (pieces.some((piece) => piece.length !== BLOCK_BYTES)) throw refuse('a block has a wrong length');
  const bytes = Buffer.concat(pieces);
  if (!bytes.subarray(0, 32).equals(headerHash)) throw refuse('it was sealed under another header');
  const sequence = bytes.readBigUInt64BE(40);
  const sentAt = bytes.readBigUInt64BE(80);
  const length = bytes.readUInt32BE(89);
  if (length > MAX_BODY_BYTES || INNER_BYTES + length > bytes.length)
    throw refuse('its body length is wrong');
  if (sequence === 0n || sequence > BigInt(Number.MAX_SAFE_INTEGER))
    throw refuse('its sequence is out of range');
  if (sentAt > 8_640_000_000_000_000n) throw refuse('its time is out of range');
  if (bytes.subarray(INNER_BYTES + length).some((byte) => byte !== 0))
    throw refuse('its padding is not zero');
  return {
    chain: bytes.subarray(32, 40),
    sequence: Number(sequence),
    previous: bytes.subarray(48, 80),
    sentAt: Number(sentAt),
    type: bytes.readUInt8(88),
    body: bytes.subarray(INNER_BYTES, INNER_BYTES + length),
  };
}

const blockDomain = field('signet/v1/block');
const envelopeDomain = field('signet/v1/envelope');

/** The OAEP labels of an envelope's blocks, in their order (RFC 8017, section 7.1: L). */
export function blockLabels(headerHash: Buffer, count: number): Buffer[] {
  const first = Buffer.concat([blockDomain, headerHash, u16(0), u16(count)]);
  return Array.from({ length: count }, (_, i) => {
    const label = Buffer.from(first);
    label.writeUInt16BE(i, first.length - 4);
    return label;
  });
}

/** What the sender's identity key signs. */
export function signedEnvelope(headerBytes: Buffer, blocks: Buffer[]): Buffer {
  return Buffer.concat([envelopeDomain, headerBytes, ...blocks]);
}
