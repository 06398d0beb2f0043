// Seals one message from alice to bob, shows the envelope's parts, and opens it again.
import { randomBytes } from 'node:crypto';
import { decodeContent, encodeContent } from '../protocol/content.ts';
import { decodeEnvelope } from '../protocol/envelope.ts';
import { generatePrimes, importOpeningKey, importSigningKey } from '../main/messenger/rsa.ts';
import { isAuthentic, open, seal } from '../main/messenger/seal.ts';

// Both have an identity key that signs. Bob also has an encryption key (the protocol calls it a signed prekey), which
// others seal to. He replaces it every week and destroys the old one later, so a thief of today's keys can't open what
// came long ago.
console.log('Making keys for alice and bob.');
const [alice, bob, bobsEncryption] = await Promise.all([
  generatePrimes().then(importSigningKey),
  generatePrimes().then(importSigningKey),
  generatePrimes().then(importOpeningKey),
]);

// More than the text is sealed: a number in a chain and the hash of the envelope before. They reveal a relay that drops,
// swaps or repeats envelopes. Nothing comes before the first envelope, so the hash is zeros.
const text = 'Hello Bob! 👋\nTea at four?';
const chain = { chain: randomBytes(8), sequence: 1, previous: Buffer.alloc(16) };
const content = encodeContent({ kind: 'text', text });
const payload = { ...chain, timestamp: Date.now(), salt: randomBytes(16), content };

// First encrypt to bob, then sign as alice: the signature covers exactly the bytes that travel.
const bytes = await seal({
  sender: { identity: alice.publicKey.fingerprint, device: 1 },
  listVersion: 0,
  signer: alice,
  recipient: { identity: bob.publicKey.fingerprint, device: 1 },
  encryptionKey: bobsEncryption.publicKey,
  payload,
});
const envelope = decodeEnvelope(bytes);
const { headerBytes, blocks, signature } = envelope;
console.log(
  `\nAlice sealed ${Buffer.byteLength(text)} bytes of text in an envelope of ${bytes.length} bytes:`,
);
console.log(`  header     ${headerBytes.length} bytes: from whom, to whom, to which key; readable`);
console.log(`  blocks     ${blocks.length} x ${blocks[0]?.length} bytes: RSA-OAEP; only bob can open them`);
console.log(`  signature  ${signature.length} bytes: RSA-PSS; whoever knows alice's key can verify it`);
console.log(`Her words are ${bytes.includes(text) ? 'in' : 'nowhere in'} these bytes.`);

// Bob verifies before he opens: no private key touches anything that isn't certainly from alice.
if (await isAuthentic(envelope, alice.publicKey))
  console.log("\nBob verified it: it is alice's, and unchanged.");
const opened = await open(envelope, bobsEncryption);
console.log('Bob opened it:', decodeContent(opened.content));

// One bit is enough: the signature no longer fits, and the envelope is refused before it is opened.
const changed = Buffer.from(bytes);
changed[headerBytes.length + 100]! ^= 1;
const isTaken = await isAuthentic(decodeEnvelope(changed), alice.publicKey);
console.log(`\nA flipped bit was ${isTaken ? 'not noticed, which should never happen' : 'refused'}.`);
