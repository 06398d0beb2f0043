// Signs a statement with an identity key and verifies it, and shows that a signature of one kind is not valid as another.
import { randomBytes } from 'node:crypto';
import { generatePrimes, importOpeningKey, importSigningKey, sign } from '../main/messenger/rsa.ts';
import { verifySignature } from '../protocol/public-key.ts';
import {
  RECEPTION_KEY_LIFETIME_MS,
  type ReceptionKeyStatement,
  receptionKeyStatement,
  signInStatement,
} from '../protocol/statements.ts';

console.log('Making an identity key and an encryption key for alice.');
const [alice, reception] = await Promise.all([
  generatePrimes().then(importSigningKey),
  generatePrimes().then(importOpeningKey),
]);
const holds = async (signature: Buffer, statement: Buffer): Promise<string> =>
  (await verifySignature(alice.publicKey, signature, statement)) ? 'valid' : 'not valid';

// Others get alice's encryption key from the relay, which might hand out a key of its own. So she signs it: whoever
// has pinned her identity key needn't trust the relay. (The code and the protocol call it her reception key.)
const created = Date.now();
const statement: ReceptionKeyStatement = {
  class: 'rotating',
  created,
  expires: created + RECEPTION_KEY_LIFETIME_MS,
  key: reception.publicKey.spki,
};
const signed = receptionKeyStatement('alice', statement);
const signature = await sign(alice, signed);
console.log(
  `\nAlice signed: "this is my encryption key, until ${new Date(statement.expires).toDateString()}".`,
);
console.log(`  a statement of ${signed.length} bytes, a signature of ${signature.length} bytes`);
console.log(`  as alice signed it: ${await holds(signature, signed)}`);

// Every word of the statement counts: the name keeps it hers, the expiry keeps an old key from living on.
const asBob = receptionKeyStatement('bob', statement);
const later = receptionKeyStatement('alice', { ...statement, expires: statement.expires + 1 });
console.log(`  said to be bob's key: ${await holds(signature, asBob)}`);
console.log(`  a millisecond longer: ${await holds(signature, later)}`);

// A login and a registration have the same fields. Each kind begins with a text of its own (its "domain"), so a relay
// that asks alice to log in can't use her signature for anything else.
const fields = {
  relayKey: randomBytes(32),
  user: 'alice',
  identity: alice.publicKey.fingerprint,
  serverNonce: randomBytes(32),
  clientNonce: randomBytes(32),
  time: created,
};
const login = await sign(alice, signInStatement('login', fields));
console.log('\nAlice signed a login.');
console.log(`  taken as a login: ${await holds(login, signInStatement('login', fields))}`);
console.log(`  taken as a registration: ${await holds(login, signInStatement('register', fields))}`);
console.log(`  taken as her encryption key: ${await holds(login, signed)}`);
