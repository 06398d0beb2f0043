// Public keys: what is refused at import, and what verifies.
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { importPublicKey, verifySignature } from '../../protocol/public-key.ts';
import { spkiOf } from '../../protocol/key.ts';
import { identityOf, modulusOf, storedKeys } from '../vectors/keys.ts';
import { fromHex, signIn } from '../vectors/vectors.ts';

const spki = spkiOf(modulusOf('bob'));
const rsa = (modulusLength: number, publicExponent = 65537): Buffer =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey.export({
    type: 'spki',
    format: 'der',
  });

test('the fingerprint is SHA-256 of the SPKI', async () => {
  expect((await importPublicKey(spki)).fingerprint).toEqual(identityOf('bob'));
});

test.each<[string, () => Buffer, RegExp]>([
  ['2,048 bits', () => rsa(2048), /2048 bits/],
  ['3,200 bits', () => rsa(3200), /3200 bits/],
  ['4,096 bits', () => rsa(4096), /4096 bits/],
  ['exponent 3', () => rsa(3072, 3), /exponent is 3/],
  [
    'an elliptic curve',
    () =>
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' }),
    /type rsa/,
  ],
  [
    'a private key',
    () => createPrivateKey(storedKeys().keys.bob.pem).export({ type: 'pkcs8', format: 'der' }),
    /./,
  ],
  ['nothing', () => Buffer.alloc(0), /not a key/],
  ['zeros', () => Buffer.alloc(422), /not a key/],
  ['bytes after the key', () => Buffer.concat([spki, Buffer.alloc(1)]), /not (a key|canonical)/],
  ['a length in a longer form', () => longForm(spki), /not (a key|canonical)/],
])('refused: %s', async (_name, make, why) => {
  const refusal: unknown = await importPublicKey(make()).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: 'key-refused', message: expect.stringMatching(why) as string });
});

/** The same key with the outer length in three bytes in place of two: BER, but not DER. */
function longForm(der: Buffer): Buffer {
  expect(der.subarray(0, 2)).toEqual(Buffer.from([0x30, 0x82]));
  return Buffer.concat([Buffer.from([0x30, 0x83, 0x00]), der.subarray(2)]);
}

test('a signature verifies with its key, its bytes and its length only', async () => {
  const signer = await importPublicKey(spki);
  const other = await importPublicKey(spkiOf(modulusOf('alice')));
  const message = fromHex(signIn.login.bytes);
  const signature = fromHex(signIn.login.signature);
  expect(await verifySignature(signer, signature, message)).toBe(true);
  expect(await verifySignature(other, signature, message)).toBe(false);
  expect(await verifySignature(signer, signature, message.subarray(1))).toBe(false);
  expect(await verifySignature(signer, signature.subarray(1), message)).toBe(false);
  expect(await verifySignature(signer, Buffer.concat([Buffer.alloc(1), signature]), message)).toBe(false);
  expect(await verifySignature(signer, Buffer.alloc(0), message)).toBe(false);
});
