// The keys of the vectors: made once, kept in keys.json. They protect nothing.
import { createPrivateKey, generateKeyPairSync, hash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import {
  importOpeningKey,
  importSigningKey,
  type OpeningKey,
  type SigningKey,
} from '../../main/messenger/rsa.ts';
import { fingerprintOf } from '../../protocol/key.ts';

/** alice and bob are identity keys, and so their first devices; alice2 to alice4 are further devices of hers. */
const names = [
  ...['alice', 'alice2', 'alice3', 'alice4', 'bob', 'mallory'],
  ...['alicePrekey', 'bobPrekey', 'otherPrekey', 'aliceRatchet'],
] as const;
export type KeyName = (typeof names)[number];
type StoredKey = { pem: string; modulus: string; fingerprint: string };
type Stored = { keys: Record<KeyName, StoredKey>; short: { pem: string; modulus: string } };

const file = new URL('keys.json', import.meta.url);

export function makeKeys(): void {
  const make = (modulusLength: number): StoredKey => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent: 65537 });
    const modulus = Buffer.from(privateKey.export({ format: 'jwk' }).n!, 'base64url');
    return {
      pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      modulus: modulus.toString('hex'),
      fingerprint: fingerprintOf(modulus).toString('hex'),
    };
  };
  const { pem, modulus } = make(3071);
  const stored = {
    comment:
      'PKCS#8 in PEM, the modulus in hex, SHA-256 of the SPKI in hex. `short` has 3,071 bits and must be refused.',
    keys: Object.fromEntries(names.map((name) => [name, make(3072)])),
    short: { pem, modulus },
  };
  writeFileSync(file, `${JSON.stringify(stored, null, 1)}\n`);
}

const stored = (): Stored => JSON.parse(readFileSync(file, 'utf8')) as Stored;
export const modulusOf = (name: KeyName): Buffer => Buffer.from(stored().keys[name].modulus, 'hex');
export const identityOf = (name: KeyName): Buffer => Buffer.from(stored().keys[name].fingerprint, 'hex');
/** 3,071 bits in 384 bytes. */
export const shortModulus = (): Buffer => Buffer.from(stored().short.modulus, 'hex');
export const storedKeys = (): Stored => stored();

/** p | q, 384 bytes. */
export function primesOf(name: KeyName): Buffer {
  const { p = '', q = '' } = createPrivateKey(stored().keys[name].pem).export({ format: 'jwk' });
  return Buffer.concat([Buffer.from(p, 'base64url'), Buffer.from(q, 'base64url')]);
}
export const signingKey = (name: KeyName): Promise<SigningKey> => importSigningKey(primesOf(name));
export const openingKey = (name: KeyName): Promise<OpeningKey> => importOpeningKey(primesOf(name));

/** 384 bytes that pass for a modulus, whose private half nobody has. */
export function anyModulus(name: string): Buffer {
  const bytes = Buffer.concat(Array.from({ length: 12 }, (_, i) => hash('sha256', `${name} ${i}`, 'buffer')));
  bytes[0]! |= 0x80;
  bytes[383]! |= 1;
  return bytes;
}

if (import.meta.main) makeKeys();
