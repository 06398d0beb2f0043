// Makes RSA-3072 key pairs out of their primes: every identity, storage and encryption key of Signet is one.
import { webcrypto } from 'node:crypto';
import { encrypt, generatePrimes, importOpeningKey, importSigningKey } from '../main/messenger/rsa.ts';
import { OAEP } from '../protocol/public-key.ts';

const inGroups = (bytes: Buffer): string => bytes.toString('hex').replace(/(.{4})(?=.)/g, '$1 ');

// Two primes are all there is to an RSA key: the modulus is their product, and the exponents follow from them.
// So these 384 bytes are all that has to be kept secret, and all that the keychain has to hold for a key.
console.log('Looking for four large primes. This takes a moment.');
const [identityPrimes, encryptionPrimes] = await Promise.all([generatePrimes(), generatePrimes()]);
console.log(`Found them. The primes p and q of one key have ${identityPrimes.length} bytes together.`);

// One key signs, another one opens, and neither does both: whoever gets the owner to use one of them in an unintended
// way gains nothing against the other. So there are two functions to import a key, and two types.
const identity = await importSigningKey(identityPrimes);
const encryption = await importOpeningKey(encryptionPrimes);

// The public half is what others get. Its encoding (SPKI) always has the same length, so any other is refused.
const { spki, fingerprint, verifying } = identity.publicKey;
const { modulusLength } = verifying.algorithm as webcrypto.RsaHashedKeyAlgorithm;
console.log(`\nThe public half has a modulus of ${modulusLength} bits, and an SPKI of ${spki.length} bytes.`);

// A fingerprint is the SHA-256 of that encoding. It names the key everywhere, since nobody compares 422 bytes.
console.log('Its fingerprint, by which everybody knows this key:');
console.log(`  ${inGroups(fingerprint)}`);

// The same primes give the same key again: this is how Signet gets its keys back at every start.
const again = await importSigningKey(identityPrimes);
const same = again.publicKey.fingerprint.equals(fingerprint);
console.log(`Rebuilt from its primes, the key is ${same ? 'the same' : 'another one'}.`);

// The crypto library itself guards what a key is for, and gives no private half out again. (Signet imports every
// key a few times, so that all cores can work with it at once: the brackets ask for one of these copies.)
const [signing, opening] = [identity.signing(), encryption.opening()];
console.log('\nWhat the private halves are for:');
console.log(`  the identity key may only: ${signing.usages.join(', ')}`);
console.log(`  the encryption key may only: ${opening.usages.join(', ')}`);
console.log(`  they can be taken out again: ${signing.extractable || opening.extractable}`);

// So a mistake in the program doesn't turn one key into the other.
const sealed = await encrypt(identity.publicKey, Buffer.alloc(0), Buffer.from('hello'));
const opened = await webcrypto.subtle.decrypt(OAEP, signing, sealed).then(
  () => 'opened it, which should never happen',
  () => 'was refused, as it should be',
);
console.log(`Asked to open something, the identity key ${opened}.`);
