// Computes the safety number of alice and bob, and shows that another key gives another number.
import { createPublicKey, hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { field, u16 } from '../protocol/bytes.ts';
import { safetyNumber } from '../protocol/safety-number.ts';

// The keys of tests/vectors/ are public: the numbers are the same on every computer.
type Keys = Record<'alice' | 'bob' | 'mallory', { pem: string }>;
const file = new URL('../tests/vectors/keys.json', import.meta.url);
const { keys } = JSON.parse(readFileSync(file, 'utf8')) as { keys: Keys };
const partyOf = (user: string, key: keyof Keys): { user: string; spki: Buffer } => ({
  user,
  spki: createPublicKey(keys[key].pem).export({ type: 'spki', format: 'der' }),
});
const [alice, bob] = [partyOf('alice', 'alice'), partyOf('bob', 'bob')];
const inGroups = (digits: string): string => digits.replace(/.{5}(?=.)/g, '$& ');

// Each half depends on one user's public key and name alone. The first of its 5,200 hashes:
const input = [field('signet/v1/safety-number'), u16(1), field(alice.spki), field(alice.user)];
console.log(`first hash of alice's half: ${hash('sha512', Buffer.concat(input)).slice(0, 32)}...`);

console.log('\nThe safety number, 30 digits for each of them:');
console.log(`  on alice's screen  ${inGroups(safetyNumber(alice, bob))}`);
console.log(`  on bob's screen    ${inGroups(safetyNumber(bob, alice))}`);

// Mallory stands between them: she gives each of them her own key under the other's name.
const [posingAsBob, posingAsAlice] = [partyOf('bob', 'mallory'), partyOf('alice', 'mallory')];
console.log('\nIf mallory had given each of them her own key:');
console.log(`  on alice's screen  ${inGroups(safetyNumber(alice, posingAsBob))}`);
console.log(`  on bob's screen    ${inGroups(safetyNumber(bob, posingAsAlice))}`);
