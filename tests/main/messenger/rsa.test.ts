// RSA with the private half: keys out of their primes, standard padding, and nothing taken that is no key.
import { constants, generateKeyPairSync, privateDecrypt, randomBytes, verify } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  decrypt,
  encrypt,
  generatePrimes,
  importOpeningKey,
  importSigningKey,
  PRIMES_BYTES,
  sign,
} from '../../../main/messenger/rsa.ts';
import { spkiOf } from '../../../protocol/key.ts';
import { modulusOf, openingKey, primesOf, signingKey, storedKeys } from '../../vectors/keys.ts';

const { keys } = storedKeys();

test('a key is rebuilt from its primes, in either order', async () => {
  const primes = primesOf('bob');
  const swapped = Buffer.concat([primes.subarray(192), primes.subarray(0, 192)]);
  for (const half of [primes, swapped]) {
    expect((await importSigningKey(half)).publicKey.spki).toEqual(spkiOf(modulusOf('bob')));
    const key = await importOpeningKey(half);
    const label = randomBytes(40);
    const block = randomBytes(318);
    expect(await decrypt(key, label, await encrypt(key.publicKey, label, block))).toEqual(block);
  }
});

test('generated keys have 3,072 bits, e = 65537, and two primes of 1,536 bits', async () => {
  const primes = await generatePrimes();
  expect(primes).toHaveLength(PRIMES_BYTES);
  expect(primes[0]! & 0x80 && primes[192]! & 0x80).toBeTruthy();
  const { publicKey } = await importSigningKey(primes);
  expect(publicKey.spki).toHaveLength(422);
  expect(publicKey.verifying.algorithm).toMatchObject({ modulusLength: 3072 });
});

describe('refused as a private key:', () => {
  const primes = primesOf('bob');
  const p = primes.subarray(0, 192);
  const small = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  const pad = (text = ''): Buffer => Buffer.concat([Buffer.alloc(64), Buffer.from(text, 'base64url')]);
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['one prime', p],
    ['a prime twice', Buffer.concat([p, p])],
    ['zeros', Buffer.alloc(384)],
    ['the primes of a smaller key', Buffer.concat([pad(small.p), pad(small.q)])],
    ['a byte too many', Buffer.concat([primes, Buffer.alloc(1)])],
    ['a number that is no prime', Buffer.concat([p, Buffer.alloc(192, 0xff)])],
  ])('%s', async (_name, bytes) => {
    // Composite "primes" may pass as numbers; a key made of them must then fail to undo its own work.
    const works = async (): Promise<boolean> => {
      const key = await importOpeningKey(bytes);
      const block = randomBytes(32);
      return (
        await decrypt(key, Buffer.alloc(0), await encrypt(key.publicKey, Buffer.alloc(0), block))
      ).equals(block);
    };
    await expect(works()).rejects.toThrow();
  });
});

test('OAEP is the standard one, with SHA-256 and the label', async () => {
  const { publicKey } = await openingKey('bobPrekey');
  const label = Buffer.from('a label');
  const block = randomBytes(318);
  const sealed = await encrypt(publicKey, label, block);
  const options = {
    key: keys.bobPrekey.pem,
    oaepHash: 'sha256',
    padding: constants.RSA_PKCS1_OAEP_PADDING,
  };
  expect(privateDecrypt({ ...options, oaepLabel: label }, sealed)).toEqual(block);
  expect(() => privateDecrypt({ ...options, oaepLabel: Buffer.from('b label') }, sealed)).toThrow();
});

test('PSS is the standard one, with SHA-256 and a salt of 32 bytes', async () => {
  const key = await signingKey('alice');
  const message = randomBytes(1000);
  const signature = await sign(key, message);
  const options = { key: keys.alice.pem, padding: constants.RSA_PKCS1_PSS_PADDING };
  expect(signature).toHaveLength(384);
  expect(verify('sha256', message, { ...options, saltLength: 32 }, signature)).toBe(true);
  expect(verify('sha256', message, { ...options, saltLength: 20 }, signature)).toBe(false);
  expect(await sign(key, message)).not.toEqual(signature);
});

test('a wrong label, key or block fails in one and the same way', async () => {
  const key = await openingKey('bobPrekey');
  const other = await openingKey('otherPrekey');
  const label = Buffer.from('label');
  const sealed = await encrypt(key.publicKey, label, randomBytes(318));
  const attempts = [
    decrypt(key, Buffer.from('other'), sealed),
    decrypt(other, label, sealed),
    decrypt(key, label, Buffer.alloc(384)),
    decrypt(key, label, Buffer.alloc(384, 0xff)),
    decrypt(key, label, sealed.subarray(1)),
  ];
  const failures = (await Promise.allSettled(attempts)).map((result) =>
    result.status === 'rejected' ? String(result.reason) : 'opened',
  );
  expect(new Set(failures).size).toBe(1);
  expect(failures[0]).toMatch(/could not be opened/);
});
