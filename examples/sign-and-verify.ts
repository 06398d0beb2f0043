// Signs a statement with an identity key and verifies it, and shows that a signature of one kind is not valid as another.
import { randomBytes } from 'node:crypto';
import { generatePrimes, importOpeningKey, importSigningKey, sign } from '../main/messenger/rsa.ts';
import { verifySignature } from '../protocol/public-key.ts';
import { modulusOf } from '../protocol/key.ts';
import { encodePrekey, PREKEY_LIFETIME_MS, SIGNED_PREKEY } from '../protocol/prekey.ts';
import { loginStatement, registerStatement } from '../protocol/sign-in.ts';

console.log('Making an identity key and an encryption key for alice.');
const [alice, encryption] = await Promise.all([
  generatePrimes().then(importSigningKey),
  generatePrimes().then(importOpeningKey),
]);
const holds = async (signature: Buffer, statement: Buffer): Promise<string> =>
  (await verifySignature(alice.publicKey, signature, statement)) ? 'valid' : 'not valid';

// Others get alice's encryption key from the relay, which might hand out a key of its own. So she signs it: whoever
// has pinned her identity key needn't trust the relay. (The protocol calls it a signed prekey.)
const created = Date.now();
const statement = {
  user: 'alice',
  identity: alice.publicKey.fingerprint,
  device: 1,
  class: SIGNED_PREKEY,
  created,
  expires: created + PREKEY_LIFETIME_MS,
  key: modulusOf(encryption.publicKey.spki),
  knownKinds: [1],
};
const signed = encodePrekey(statement);
const signature = await sign(alice, signed);
console.log(
  `\nAlice signed: "this is my encryption key, until ${new Date(statement.expires).toDateString()}".`,
);
console.log(`  a statement of ${signed.length} bytes, a signature of ${signature.length} bytes`);
console.log(`  as alice signed it: ${await holds(signature, signed)}`);

// Every word of the statement counts: the name keeps it hers, the expiry keeps an old key from living on.
const asBob = encodePrekey({ ...statement, user: 'bob' });
const later = encodePrekey({ ...statement, expires: statement.expires + 1 });
console.log(`  said to be bob's key: ${await holds(signature, asBob)}`);
console.log(`  a millisecond longer: ${await holds(signature, later)}`);

// A registration has the fields of a login, and the name. Each kind begins with a text of its own (its label), so a relay
// that asks alice to log in can't use her signature for anything else.
const fields = {
  relayKey: randomBytes(32),
  identity: alice.publicKey.fingerprint,
  device: 1,
  serverNonce: randomBytes(32),
  clientNonce: randomBytes(32),
  time: created,
};
const login = await sign(alice, loginStatement(fields));
console.log('\nAlice signed a login.');
console.log(`  taken as a login: ${await holds(login, loginStatement(fields))}`);
console.log(`  taken as a registration: ${await holds(login, registerStatement('alice', fields))}`);
console.log(`  taken as her encryption key: ${await holds(login, signed)}`);
