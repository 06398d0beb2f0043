// Keys on the wire: what stands around a modulus, and which ones are refused.
import { expect, test } from 'vitest';
import { encodeKey, fingerprintOf, isModulus, KEY_BYTES, readKey, spkiOf } from '../../protocol/key.ts';
import { importPublicKey } from '../../protocol/public-key.ts';
import { Malformed, Reader } from '../../protocol/reader.ts';
import { identityOf, modulusOf, shortModulus } from '../vectors/keys.ts';

const read = (bytes: Buffer): Buffer => {
  const reader = new Reader(bytes, 'key');
  const modulus = readKey(reader);
  reader.end();
  return modulus;
};

test('a modulus makes the SPKI that OpenSSL takes, of 422 bytes, and the fingerprint', async () => {
  const modulus = modulusOf('alice');
  const key = await importPublicKey(spkiOf(modulus));
  expect(key.spki).toHaveLength(422);
  expect(key.fingerprint).toEqual(identityOf('alice'));
  expect(fingerprintOf(modulus)).toEqual(identityOf('alice'));
});

test('a key is read as it was written', () => {
  expect(encodeKey(modulusOf('bob'))).toHaveLength(KEY_BYTES);
  expect(read(encodeKey(modulusOf('bob')))).toEqual(modulusOf('bob'));
});

test('3,071 bits, an even number, another suite, another length: refused', () => {
  const good = modulusOf('bob');
  expect(shortModulus()).toHaveLength(384);
  expect(isModulus(shortModulus())).toBe(false);
  const even = Buffer.from(good);
  even[383]! &= 0xfe;
  for (const modulus of [shortModulus(), even, good.subarray(1), Buffer.concat([good, Buffer.of(1)])]) {
    expect(() => read(encodeKey(modulus))).toThrow(Malformed);
  }
  expect(() => read(Buffer.concat([Buffer.of(2), encodeKey(good).subarray(1)]))).toThrow(Malformed);
  expect(() => read(Buffer.concat([encodeKey(good), Buffer.of(0)]))).toThrow(Malformed);
});
