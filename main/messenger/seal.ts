// Seals and opens envelopes (PROTOCOL.md, "Envelope"). Values in, values out.
import { Failure } from '../../protocol/failures.ts';
import { type PublicKey, verifySignature } from '../../protocol/public-key.ts';
import {
  type Address,
  blockLabels,
  encodeEnvelope,
  encodeHeader,
  type Envelope,
  signedEnvelope,
} from '../../protocol/envelope.ts';
import { blockCountFor, decodePayload, encodePayload, type Payload } from '../../protocol/payload.ts';
import { decrypt, encrypt, type OpeningKey, sign, type SigningKey } from './rsa.ts';

export type Sealing = {
  sender: Address;
  /** Version of the sender's device list. */
  listVersion: number;
  /** The sending device's key. */
  signer: SigningKey;
  recipient: Address;
  /** The recipient device's prekey or ratchet key. */
  encryptionKey: PublicKey;
  /** The modulus of a ratchet key to hand over, 384 bytes. */
  ratchetKey?: Buffer;
  payload: Payload;
};

/** Encrypts, then signs. @returns the envelope: 107 + 384 * (blocks + 1) bytes, 384 more with a ratchet key */
export async function seal({ signer, encryptionKey, payload, ...header }: Sealing): Promise<Buffer> {
  const blockCount = blockCountFor(payload.content.length);
  const headerBytes = encodeHeader({ ...header, blockCount, encryptionKey: encryptionKey.fingerprint });
  const labels = blockLabels(headerBytes, blockCount);
  const pieces = encodePayload(payload);
  const blocks = await Promise.all(pieces.map((piece, i) => encrypt(encryptionKey, labels[i]!, piece)));
  return encodeEnvelope(headerBytes, blocks, await sign(signer, signedEnvelope(headerBytes, blocks)));
}

/** Whether the sending device wrote this envelope; to be asked before any private key touches it. */
export const isAuthentic = (
  { headerBytes, blocks, signature }: Envelope,
  signer: PublicKey,
): Promise<boolean> => verifySignature(signer, signature, signedEnvelope(headerBytes, blocks));

/** Decrypts an envelope that is authentic. @throws Failure `message-refused`, the same whichever block or field is wrong */
export async function open({ headerBytes, blocks }: Envelope, key: OpeningKey): Promise<Payload> {
  const labels = blockLabels(headerBytes, blocks.length);
  const pieces = await Promise.all(blocks.map((block, i) => decrypt(key, labels[i]!, block)));
  try {
    return decodePayload(pieces);
  } catch (cause) {
    throw new Failure('message-refused', 'A message was refused: what is inside is not valid.', { cause });
  }
}
