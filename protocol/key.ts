// Public keys on the wire: u8 suite | field(modulus). Suite 1 is RSA with 3,072 bits and the exponent 65537.
import { constants, createPublicKey, hash, verify } from 'node:crypto';
import { field, u8 } from './bytes.ts';
import type { Reader } from './reader.ts';

export const SUITE = 1;
export const MODULUS_BYTES = 384;
/** Bytes of a key on the wire. */
export const KEY_BYTES = 1 + 2 + MODULUS_BYTES;
/** What stands around a modulus of 384 bytes in a SubjectPublicKeyInfo with the exponent 65537 (RFC 8017, A.1.1;
 * RFC 5280, 4.1): the beginning, and the exponent as the end. */
const SPKI_BEGINNING = Buffer.from(
  '308201a2300d06092a864886f70d01010105000382018f003082018a0282018100',
  'hex',
);
const SPKI_END = Buffer.from('0203010001', 'hex');

/** SHA-256, 32 bytes. */
export const sha256 = (bytes: Buffer): Buffer => hash('sha256', bytes, 'buffer');

/** @returns SubjectPublicKeyInfo in DER, 422 bytes */
export const spkiOf = (modulus: Buffer): Buffer => Buffer.concat([SPKI_BEGINNING, modulus, SPKI_END]);

/** @param spki as spkiOf gave it @returns the modulus, 384 bytes */
export const modulusOf = (spki: Buffer): Buffer =>
  spki.subarray(SPKI_BEGINNING.length, SPKI_BEGINNING.length + MODULUS_BYTES);

/** What names a key: SHA-256 of its SubjectPublicKeyInfo, 32 bytes. */
export const fingerprintOf = (modulus: Buffer): Buffer => sha256(spkiOf(modulus));

/** Both OpenSSL and BoringSSL take a modulus of 3,071 bits, or an even one. A bad modulus harms its owner alone; an
 * importer checks it all the same. @param modulus 384 bytes */
export const isModulus = (modulus: Buffer): boolean =>
  modulus.length === MODULUS_BYTES && modulus[0]! >= 0x80 && (modulus.at(-1)! & 1) === 1;

/** @param modulus 384 bytes @returns 387 bytes */
export const encodeKey = (modulus: Buffer): Buffer => Buffer.concat([u8(SUITE), field(modulus)]);

/** @returns the modulus, 384 bytes @throws Malformed on another suite, length, a top bit of 0 or an even number */
export function readKey(reader: Reader): Buffer {
  if (reader.u8() !== SUITE) throw reader.malformed();
  const modulus = reader.field(MODULUS_BYTES);
  if (!isModulus(modulus)) throw reader.malformed();
  return modulus;
}

/** RSASSA-PSS-VERIFY with SHA-256, MGF1-SHA-256 and a salt of 32 bytes (RFC 8017, section 8.1.2), about 0.1 ms: for what is
 * verified once. Envelopes are verified off the main thread, with a key that is kept.
 * @param modulus 384 bytes @param signature 384 bytes; any other length does not verify */
export function verifyOnce(modulus: Buffer, signature: Buffer, bytes: Buffer): boolean {
  const key = createPublicKey({ key: spkiOf(modulus), format: 'der', type: 'spki' });
  return verify(
    'sha256',
    bytes,
    { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
    signature,
  );
}
