// What is inside an envelope's blocks: the place in the chain, the time, a salt, and the content; then zeros.
import { MAX_BLOCKS } from './envelope.ts';
import { Reader } from './reader.ts';

/** Plaintext of one block: 384 - 2 * 32 - 2 (RFC 8017, section 7.1.1). */
export const PIECE_BYTES = 318;
/** In front of the content. */
export const PAYLOAD_BYTES = 58;
export const MAX_CONTENT_BYTES = MAX_BLOCKS * PIECE_BYTES - PAYLOAD_BYTES;

export type Payload = {
  /** Random, 8 bytes: one for a pair of devices and an installation. Zero is reserved for unnumbered envelopes. */
  chain: Buffer;
  /** From 1, this device's envelopes to that device in this chain. */
  sequence: number;
  /** The first half of SHA-256 of the preceding envelope in the chain, 16 bytes; zeros for the first. */
  previous: Buffer;
  /** The author's clock, milliseconds since 1970. */
  timestamp: number;
  /** Random, 16 bytes: without it, whoever guesses a content could confirm the guess by the message's id. */
  salt: Buffer;
  content: Buffer;
};

/** How many blocks hold a content: the smallest power of two that does. @param length bytes */
export function blockCountFor(length: number): number {
  let count = 1;
  while (count * PIECE_BYTES < PAYLOAD_BYTES + length) count *= 2;
  return count;
}

/** @returns blockCountFor(content) pieces of 318 bytes */
export function encodePayload({ chain, sequence, previous, timestamp, salt, content }: Payload): Buffer[] {
  const count = blockCountFor(content.length);
  const bytes = Buffer.alloc(count * PIECE_BYTES);
  chain.copy(bytes, 0);
  bytes.writeBigUInt64BE(BigInt(sequence), 8);
  previous.copy(bytes, 16);
  bytes.writeBigUInt64BE(BigInt(timestamp), 32);
  salt.copy(bytes, 40);
  bytes.writeUInt16BE(content.length, 56);
  content.copy(bytes, PAYLOAD_BYTES);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES));
}

/** @param pieces the decrypted blocks @throws Malformed on a wrong length, chain zero, sequence 0, a time out of range,
 * or padding that isn't zero. More blocks than the content needs are taken: they hide its size. */
export function decodePayload(pieces: readonly Buffer[]): Payload {
  const reader = new Reader(Buffer.concat(pieces), 'payload');
  if (pieces.some((piece) => piece.length !== PIECE_BYTES)) throw reader.malformed();
  const chain = reader.bytes(8);
  const sequence = reader.u64();
  const previous = reader.bytes(16);
  const timestamp = reader.time();
  const salt = reader.bytes(16);
  const content = reader.field();
  const isPadded = reader.bytes(reader.left).every((byte) => byte === 0);
  const isNumbered = sequence > 0 && chain.some((byte) => byte !== 0);
  if (!isPadded || !isNumbered) throw reader.malformed();
  return { chain, sequence, previous, timestamp, salt, content };
}
