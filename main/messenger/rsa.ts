// RSA-3072 with the private half: make, rebuild from primes, sign, encrypt and decrypt one block. All of it runs in
// webcrypto's own threads; the public half's checks are in protocol/public-key.ts.
import { createPublicKey, generateKeyPair, webcrypto } from 'node:crypto';
import { promisify } from 'node:util';
import { Failure } from '../../protocol/failures.ts';
import {
  importCopies,
  importPublicKey,
  type KeyCopies,
  MODULUS_BITS,
  OAEP,
  PSS,
  type PublicKey,
} from '../../protocol/public-key.ts';

const { subtle } = webcrypto;
const PRIME_BYTES = MODULUS_BITS / 16;
/** p and q, 192 bytes each: all that has to be kept of a private key. */
export const PRIMES_BYTES = 2 * PRIME_BYTES;
const EXPONENT = 65537n;

/** Signs only: the identity key. */
export type SigningKey = { publicKey: PublicKey; signing: KeyCopies };
/** Decrypts only: the storage key and prekeys. */
export type OpeningKey = { publicKey: PublicKey; opening: KeyCopies };

/** Makes an RSA-3072 key with e = 65537, off the main thread, in about 0.3 s on one core.
 * @returns p | q, 384 bytes */
export async function generatePrimes(): Promise<Buffer> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: MODULUS_BITS,
    publicExponent: Number(EXPONENT),
  });
  const { p = '', q = '' } = privateKey.export({ format: 'jwk' });
  return Buffer.concat([Buffer.from(p, 'base64url'), Buffer.from(q, 'base64url')]);
}

/** The inverse of a modulo m by the extended Euclidean algorithm (Knuth, TAOCP 2, 4.5.2, algorithm X). */
function inverse(a: bigint, m: bigint): bigint {
  let [r, next, x, y] = [m, a % m, 0n, 1n];
  while (next !== 0n) [r, next, x, y] = [next, r % next, y, x - (r / next) * y];
  return x < 0n ? x + m : x;
}

const toInteger = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`);
const toBase64url = (value: bigint, length: number): string =>
  Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex').toString('base64url');

/** The whole private key out of its primes (RFC 8017, section 3.2), as a JWK; about 3 ms.
 * @param primes p | q, 384 bytes @throws Failure `key-refused` if they make no RSA-3072 key */
function rebuild(primes: Buffer): webcrypto.JsonWebKey {
  const p = toInteger(primes.subarray(0, PRIME_BYTES));
  const q = toInteger(primes.subarray(PRIME_BYTES));
  const n = p * q;
  const phi = (p - 1n) * (q - 1n);
  if (
    primes.length !== PRIMES_BYTES ||
    p === q ||
    n.toString(2).length !== MODULUS_BITS ||
    phi % EXPONENT === 0n
  ) {
    throw new Failure('key-refused', 'A stored private key is damaged: its primes make no RSA-3072 key.');
  }
  const d = inverse(EXPONENT, phi);
  return {
    kty: 'RSA',
    n: toBase64url(n, 384),
    e: 'AQAB',
    d: toBase64url(d, 384),
    p: toBase64url(p, PRIME_BYTES),
    q: toBase64url(q, PRIME_BYTES),
    dp: toBase64url(d % (p - 1n), PRIME_BYTES),
    dq: toBase64url(d % (q - 1n), PRIME_BYTES),
    qi: toBase64url(inverse(q, p), PRIME_BYTES),
  };
}

const publicHalf = ({ n = '', e = '' }: webcrypto.JsonWebKey): Promise<PublicKey> => {
  const key = createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
  return importPublicKey(key.export({ type: 'spki', format: 'der' }));
};

/** @param primes p | q, 384 bytes @throws Failure `key-refused` */
export async function importSigningKey(primes: Buffer): Promise<SigningKey> {
  const jwk = rebuild(primes);
  const [publicKey, signing] = await Promise.all([
    publicHalf(jwk),
    importCopies(() => subtle.importKey('jwk', jwk, PSS, false, ['sign'])),
  ]);
  return { publicKey, signing };
}

/** @param primes p | q, 384 bytes @throws Failure `key-refused` */
export async function importOpeningKey(primes: Buffer): Promise<OpeningKey> {
  const jwk = rebuild(primes);
  const [publicKey, opening] = await Promise.all([
    publicHalf(jwk),
    importCopies(() => subtle.importKey('jwk', jwk, OAEP, false, ['decrypt'])),
  ]);
  return { publicKey, opening };
}

/** RSASSA-PSS-SIGN, SHA-256, MGF1-SHA-256, salt of 32 bytes (RFC 8017, section 8.1.1). @returns 384 bytes */
export async function sign(key: SigningKey, message: Buffer): Promise<Buffer> {
  return Buffer.from(await subtle.sign(PSS, key.signing(), message));
}

/** RSAES-OAEP-ENCRYPT, SHA-256, MGF1-SHA-256 (RFC 8017, section 7.1.1).
 * @param block at most 318 bytes @returns 384 bytes */
export async function encrypt(key: PublicKey, label: Buffer, block: Buffer): Promise<Buffer> {
  return Buffer.from(await subtle.encrypt({ ...OAEP, label }, key.sealing(), block));
}

/** RSAES-OAEP-DECRYPT (RFC 8017, section 7.1.2). @param block 384 bytes
 * @throws Failure `message-refused`, the same whatever is wrong */
export async function decrypt(key: OpeningKey, label: Buffer, block: Buffer): Promise<Buffer> {
  try {
    return Buffer.from(await subtle.decrypt({ ...OAEP, label }, key.opening(), block));
  } catch {
    // The reason stays untold, here and to the peer: it would be an oracle.
    throw new Failure(
      'message-refused',
      'A block could not be opened: it was not sealed for this key and place.',
    );
  }
}
