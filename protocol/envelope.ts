// The envelope: header | n blocks of 384 bytes | signature of 384 bytes. From one device to one device.
import { field, u16 } from './bytes.ts';
import { isModulus, MODULUS_BYTES, sha256, SUITE } from './key.ts';
import { Reader } from './reader.ts';
import { labels, SIGNATURE_BYTES } from './statement.ts';

export const VERSION = 1;
/** Without a ratchet key. */
export const HEADER_BYTES = 107;
/** One RSA-3072 ciphertext. */
export const BLOCK_BYTES = 384;
export const MAX_BLOCKS = 128;
export const MIN_ENVELOPE_BYTES = HEADER_BYTES + BLOCK_BYTES + SIGNATURE_BYTES;
export const MAX_ENVELOPE_BYTES = HEADER_BYTES + MODULUS_BYTES + MAX_BLOCKS * BLOCK_BYTES + SIGNATURE_BYTES;

export type Address = {
  /** SHA-256 of the SPKI of the identity key, 32 bytes. */
  identity: Buffer;
  /** 1 to 255. */
  device: number;
};

export type Header = {
  sender: Address;
  /** Version of the sender's device list, 0 for the implied one. */
  listVersion: number;
  recipient: Address;
  /** SHA-256 of the SPKI of the key that it is sealed to, 32 bytes. */
  encryptionKey: Buffer;
  /** 1, 2, 4, ... 128 */
  blockCount: number;
  /** The modulus of the sender's next ratchet key for this recipient device, 384 bytes. */
  ratchetKey?: Buffer;
};

export type Envelope = { header: Header; headerBytes: Buffer; blocks: Buffer[]; signature: Buffer };

/** What an acknowledged envelope is known by: SHA-256 of all of it, 32 bytes. */
export const envelopeHash = sha256;

/** @returns 107 bytes, 491 with a ratchet key */
export function encodeHeader(header: Header): Buffer {
  const { sender, listVersion, recipient, encryptionKey, blockCount, ratchetKey } = header;
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt8(VERSION, 0);
  bytes.writeUInt8(SUITE, 1);
  sender.identity.copy(bytes, 2);
  bytes.writeUInt8(sender.device, 34);
  bytes.writeUInt32BE(listVersion, 35);
  recipient.identity.copy(bytes, 39);
  bytes.writeUInt8(recipient.device, 71);
  encryptionKey.copy(bytes, 72);
  bytes.writeUInt16BE(blockCount, 104);
  bytes.writeUInt8(ratchetKey ? 1 : 0, 106);
  return ratchetKey ? Buffer.concat([bytes, ratchetKey]) : bytes;
}

const isBlockCount = (count: number): boolean =>
  count >= 1 && count <= MAX_BLOCKS && (count & (count - 1)) === 0;

function readHeader(reader: Reader): Header {
  if (reader.u8() !== VERSION || reader.u8() !== SUITE) throw reader.malformed();
  const sender = { identity: reader.bytes(32), device: reader.u8() };
  const listVersion = reader.u32();
  const recipient = { identity: reader.bytes(32), device: reader.u8() };
  const encryptionKey = reader.bytes(32);
  const blockCount = reader.u16();
  const ratchetKeys = reader.u8();
  if (sender.device === 0 || recipient.device === 0) throw reader.malformed();
  if (!isBlockCount(blockCount) || ratchetKeys > 1) throw reader.malformed();
  const header: Header = { sender, listVersion, recipient, encryptionKey, blockCount };
  if (ratchetKeys === 0) return header;
  const ratchetKey = reader.bytes(MODULUS_BYTES);
  if (!isModulus(ratchetKey)) throw reader.malformed();
  return { ...header, ratchetKey };
}

export const encodeEnvelope = (headerBytes: Buffer, blocks: readonly Buffer[], signature: Buffer): Buffer =>
  Buffer.concat([headerBytes, ...blocks, signature]);

/** Reads an envelope's shape. Nothing in it is to be believed before its signature is verified.
 * @throws Malformed on another version or suite, a device 0, a wrong block count or length */
export function decodeEnvelope(bytes: Buffer): Envelope {
  const reader = new Reader(bytes, 'envelope');
  const header = readHeader(reader);
  const headerBytes = bytes.subarray(0, reader.position);
  const blocks = Array.from({ length: header.blockCount }, () => reader.bytes(BLOCK_BYTES));
  const signature = reader.bytes(SIGNATURE_BYTES);
  reader.end();
  return { header, headerBytes, blocks, signature };
}

/** What a relay reads of an envelope: the first 107 bytes. */
export type Route = Pick<Header, 'sender' | 'listVersion' | 'recipient'>;

/** Takes the bytes of one envelope, whose length its header tells. @throws Malformed on another version or suite, a wrong
 * block count, or too few bytes */
export function takeEnvelope(reader: Reader): Buffer {
  const head = reader.peek(HEADER_BYTES);
  const [blocks, ratchetKeys] = [head.readUInt16BE(104), head.readUInt8(106)];
  if (head[0] !== VERSION || head[1] !== SUITE || !isBlockCount(blocks) || ratchetKeys > 1) {
    throw reader.malformed();
  }
  return reader.bytes(HEADER_BYTES + ratchetKeys * MODULUS_BYTES + blocks * BLOCK_BYTES + SIGNATURE_BYTES);
}

/** @param envelope as takeEnvelope gave it @throws Malformed on a device 0 */
export function routeOf(envelope: Buffer): Route {
  const reader = new Reader(envelope.subarray(2, 72), 'envelope');
  const sender = { identity: reader.bytes(32), device: reader.u8() };
  const listVersion = reader.u32();
  const recipient = { identity: reader.bytes(32), device: reader.u8() };
  if (sender.device === 0 || recipient.device === 0) throw reader.malformed();
  return { sender, listVersion, recipient };
}

/** The OAEP labels of the blocks, in their order (RFC 8017, section 7.1: L). They hold the header's hash, so that a block
 * opens under its own header alone. */
export function blockLabels(headerBytes: Buffer, count: number): Buffer[] {
  const beginning = Buffer.concat([field(labels.block), sha256(headerBytes)]);
  return Array.from({ length: count }, (_, index) => Buffer.concat([beginning, u16(index), u16(count)]));
}

/** What the sending device's key signs. */
export const signedEnvelope = (headerBytes: Buffer, blocks: readonly Buffer[]): Buffer =>
  Buffer.concat([field(labels.envelope), headerBytes, ...blocks]);
