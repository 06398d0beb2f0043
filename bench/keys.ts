// RSA keys for the benchmarks, in the two forms that are compared: the messenger's, and plain node:crypto's.
import { constants, createPublicKey, privateDecrypt, publicEncrypt, randomBytes } from 'node:crypto';
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import {
  importOpeningKey,
  importSigningKey,
  type OpeningKey,
  type SigningKey,
} from '../main/messenger/rsa.ts';
import { MODULUS_BITS } from '../protocol/public-key.ts';

export type KeyPair = { private: KeyObject; public: KeyObject; primes: Buffer };

export function makeKeyPair(): KeyPair {
  const pair = generateKeyPairSync('rsa', { modulusLength: MODULUS_BITS, publicExponent: 65537 });
  const { p = '', q = '' } = pair.privateKey.export({ format: 'jwk' });
  const primes = Buffer.concat([Buffer.from(p, 'base64url'), Buffer.from(q, 'base64url')]);
  return { private: pair.privateKey, public: pair.publicKey, primes };
}

export type RawRsa = {
  encrypt(): void;
  decrypt(): void;
  sign(): void;
  verify(): void;
};

/** The bare RSA operations by node:crypto's synchronous calls, the fastest it has: on inputs of the sizes that sealing
 * has. @param der private key, PKCS#8 @param signedBytes length of what is signed */
export function rawRsa(der: Buffer, signedBytes: number): RawRsa {
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(key);
  const message = randomBytes(signedBytes);
  const oaep = {
    padding: constants.RSA_PKCS1_OAEP_PADDING,
    oaepHash: 'sha256',
    // As long as a block's label.
    oaepLabel: randomBytes(53),
  };
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  const block = randomBytes(318);
  const sealed = publicEncrypt({ key: publicKey, ...oaep }, block);
  const signature = sign('sha256', message, { key, ...pss });
  return {
    encrypt: () => void publicEncrypt({ key: publicKey, ...oaep }, block),
    decrypt: () => void privateDecrypt({ key, ...oaep }, sealed),
    sign: () => void sign('sha256', message, { key, ...pss }),
    verify: () => void verify('sha256', message, { key: publicKey, ...pss }, signature),
  };
}

export type Correspondents = {
  /** Signs. */
  sender: SigningKey;
  /** The recipient's encryption key. */
  encryption: OpeningKey;
  /** The recipient's identity fingerprint: any will do. */
  recipient: Buffer;
  /** For rawRsa. */
  der: Buffer;
};

/** Two people with keys of their own. */
export async function makeCorrespondents(): Promise<Correspondents> {
  const [identity, encryption] = [makeKeyPair(), makeKeyPair()];
  return {
    sender: await importSigningKey(identity.primes),
    encryption: await importOpeningKey(encryption.primes),
    recipient: randomBytes(32),
    der: encryption.private.export({ format: 'der', type: 'pkcs8' }),
  };
}
