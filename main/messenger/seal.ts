// Seals and opens: envelopes for others, rows for one's own disk (PROTOCOL.md, "Envelope" and "Storage").
import { field, u16, u32 } from '../../protocol/bytes.ts';
import {
  BLOCK_BYTES,
  blockCountFor,
  blockLabels,
  decodeInner,
  encodeEnvelope,
  encodeHeader,
  encodeInner,
  type Envelope,
  type Inner,
  RSA_BYTES,
  sha256,
  signedEnvelope,
} from '../../protocol/envelope.ts';
import { Failure } from '../../protocol/failures.ts';
import { type PublicKey, verifySignature } from '../../protocol/public-key.ts';
import { decrypt, encrypt, type OpeningKey, sign, type SigningKey } from './rsa.ts';

export type Sealing = {
  /** Message id, 16 bytes. */
  id: Buffer;
  sender: SigningKey;
  /** Identity fingerprint of the recipient, 32 bytes. */
  recipient: Buffer;
  /** The recipient's reception key. */
  receptionKey: PublicKey;
  inner: Inner;
};

/** Encrypts, then signs. @returns the envelope: 116 + 384 * (blocks + 1) bytes */
export async function seal({ id, sender, recipient, receptionKey, inner }: Sealing): Promise<Buffer> {
  const blockCount = blockCountFor(inner.body.length);
  const header = encodeHeader({
    id,
    sender: sender.publicKey.fingerprint,
    recipient,
    receptionKey: receptionKey.fingerprint,
    blockCount,
  });
  const headerHash = sha256(header);
  const pieces = encodeInner(headerHash, inner, blockCount);
  const labels = blockLabels(headerHash, blockCount);
  const blocks = await Promise.all(pieces.map((piece, i) => encrypt(receptionKey, labels[i]!, piece)));
  return encodeEnvelope(header, blocks, await sign(sender, signedEnvelope(header, blocks)));
}

/** Verifies who wrote an envelope and to whom; to be called before any private key touches it.
 * @param sender the identity pinned for the contact @param recipient one's own identity fingerprint, 32 bytes
 * @throws Failure `message-refused` */
export async function authenticate(envelope: Envelope, sender: PublicKey, recipient: Buffer): Promise<void> {
  const { header, headerBytes, blocks, signature } = envelope;
  const authentic =
    header.recipient.equals(recipient) &&
    header.sender.equals(sender.fingerprint) &&
    (await verifySignature(sender, signature, signedEnvelope(headerBytes, blocks)));
  if (authentic) return;
  throw new Failure(
    'message-refused',
    'A message was refused: it is not from the one it claims to be from, not for you, or was changed on its way.',
  );
}

/** Decrypts an envelope that was authenticated. @throws Failure `message-refused` */
export async function open(envelope: Envelope, key: OpeningKey): Promise<Inner> {
  const { headerBytes, blocks } = envelope;
  const headerHash = sha256(headerBytes);
  const labels = blockLabels(headerHash, blocks.length);
  const pieces = await Promise.all(blocks.map((block, i) => decrypt(key, labels[i]!, block)));
  return decodeInner(headerHash, pieces);
}

/** The label binds a stored block to its row and place, so that rows can't be swapped. */
const storageLabel = (row: string, index: number, count: number): Buffer =>
  Buffer.concat([field('signet/v1/storage'), field(row), u16(index), u16(count)]);

/** Seals something for one's own disk: u32 length | content | zeros, in blocks of 318 bytes.
 * @param row names the row for good @returns 384 bytes a block */
export async function sealRow(storage: PublicKey, row: string, content: Buffer): Promise<Buffer> {
  const count = Math.ceil((4 + content.length) / BLOCK_BYTES);
  const padded = Buffer.alloc(count * BLOCK_BYTES);
  Buffer.concat([u32(content.length), content]).copy(padded);
  const blocks = Array.from({ length: count }, (_, i) =>
    encrypt(storage, storageLabel(row, i, count), padded.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)),
  );
  return Buffer.concat(await Promise.all(blocks));
}

/** @throws Failure `database-damaged` if the bytes were not sealed for this row by this storage key */
export async function openRow(storage: OpeningKey, row: string, sealed: Buffer): Promise<Buffer> {
  const damaged = new Failure('database-damaged', 'A stored entry is damaged and cannot be opened.');
  const count = sealed.length / RSA_BYTES;
  if (!Number.isInteger(count) || count === 0) throw damaged;
  const blocks = Array.from({ length: count }, (_, i) =>
    decrypt(storage, storageLabel(row, i, count), sealed.subarray(i * RSA_BYTES, (i + 1) * RSA_BYTES)),
  );
  const bytes = Buffer.concat(
    await Promise.all(blocks).catch(() => {
      throw damaged;
    }),
  );
  const length = bytes.readUInt32BE();
  if (length > bytes.length - 4) throw damaged;
  return bytes.subarray(4, 4 + length);
}
