// Public RSA keys: import with every check, fingerprint, verification. Clients and relay share it.
import { createPublicKey, webcrypto } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Failure } from './failures.ts';
import { sha256 } from './key.ts';
import { SIGNATURE_BYTES } from './statement.ts';

export const MODULUS_BITS = 3072;
/** DER of a SubjectPublicKeyInfo with a 3,072-bit modulus and e = 65537: always this long. */
export const SPKI_BYTES = 422;
export const OAEP = { name: 'RSA-OAEP', hash: 'SHA-256' } as const;
export const PSS = { name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 } as const;

/** A checked public key. What it may be used for is told by where it came from, never by the key. */
export type PublicKey = {
  /** SubjectPublicKeyInfo, DER, 422 bytes. */
  spki: Buffer;
  /** SHA-256 of spki, 32 bytes. */
  fingerprint: Buffer;
  verifying: webcrypto.CryptoKey;
  sealing: KeyCopies;
};

/** Copies of one key, taken in turn. Node.js holds a lock on a key during each operation with it: with a single copy
 * the blocks of a long message would wait for each other, and one core would do the work of all. */
export type KeyCopies = () => webcrypto.CryptoKey;

/** @param importOne imports the key once */
export async function importCopies(importOne: () => Promise<webcrypto.CryptoKey>): Promise<KeyCopies> {
  const copies = await Promise.all(Array.from({ length: 2 * availableParallelism() }, importOne));
  let turn = 0;
  return () => copies[turn++ % copies.length]!;
}

const refuse = (why: string): Failure => new Failure('key-refused', `A public key was refused: ${why}.`);

/** Imports an RSA-3072 public key with exponent 65537 in canonical DER.
 * @param spki SubjectPublicKeyInfo, DER, 422 bytes
 * @throws Failure `key-refused` on any other type, size, exponent or encoding */
export async function importPublicKey(spki: Buffer): Promise<PublicKey> {
  let key;
  try {
    key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch (cause) {
    throw new Failure('key-refused', 'A public key was refused: it is not a key in DER.', { cause });
  }
  if (key.asymmetricKeyType !== 'rsa') throw refuse('it is not of type rsa');
  const { modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {};
  if (modulusLength !== MODULUS_BITS) throw refuse(`it has ${modulusLength} bits, not ${MODULUS_BITS}`);
  if (publicExponent !== 65537n) throw refuse(`its exponent is ${publicExponent}, not 65537`);
  if (!key.export({ format: 'der', type: 'spki' }).equals(spki)) throw refuse('its DER is not canonical');
  const [verifying, sealing] = await Promise.all([
    webcrypto.subtle.importKey('spki', spki, PSS, true, ['verify']),
    importCopies(() => webcrypto.subtle.importKey('spki', spki, OAEP, true, ['encrypt'])),
  ]);
  return { spki, fingerprint: sha256(spki), verifying, sealing };
}

/** RSASSA-PSS-VERIFY with SHA-256, MGF1-SHA-256 and a salt of 32 bytes (RFC 8017, section 8.1.2), off the main
 * thread. @param signature 384 bytes; any other length does not verify */
export async function verifySignature(key: PublicKey, signature: Buffer, message: Buffer): Promise<boolean> {
  if (signature.length !== SIGNATURE_BYTES) return false;
  return webcrypto.subtle.verify(PSS, key.verifying, signature, message);
}
