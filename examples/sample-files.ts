// Writes the parts of one sealed message as files, so that other programs can check them: --out FOLDER.
// The keys are the public ones of tests/vectors/. Never use them for anything else.
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { field, u16 } from '../protocol/bytes.ts';
import { blockLabels, decodeEnvelope, signedEnvelope } from '../protocol/envelope.ts';
import { spkiOf } from '../protocol/key.ts';

const { out = 'out/samples' } = parseArgs({ options: { out: { type: 'string' } } }).values;
mkdirSync(out, { recursive: true });
const write = (name: string, content: string | Buffer, what: string): void => {
  writeFileSync(join(out, name), content);
  console.log(`${name.padEnd(26)}${what}`);
};
const vectors = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../tests/vectors/${name}.json`, import.meta.url), 'utf8')) as T;
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

// A PEM file holds a private key. Its public half follows from it, and so do the primes.
type Key = { pem: string; modulus: string };
const { keys } = vectors<{ keys: Record<'alice' | 'bob' | 'bobPrekey' | 'otherPrekey', Key> }>('keys');
const primesOf = ({ pem }: Key): Buffer[] => {
  const { p = '', q = '' } = createPrivateKey(pem).export({ format: 'jwk' });
  return [Buffer.from(p, 'base64url'), Buffer.from(q, 'base64url')];
};
for (const [name, key, what] of [
  ['alice', keys.alice, "alice's identity key"],
  ['bob', keys.bob, "bob's identity key"],
  ['bob-encryption', keys.bobPrekey, "bob's encryption key"],
] as const) {
  write(`${name}.pem`, key.pem, `${what}: the key pair`);
  const pem = createPublicKey(key.pem).export({ type: 'spki', format: 'pem' });
  write(`${name}.pub.pem`, pem, `${what}: the public half`);
}
const [p, q] = primesOf(keys.alice);
write('alice-p.hex', p!.toString('hex'), 'the prime p of her identity key');
write('alice-q.hex', q!.toString('hex'), 'the prime q');
const item = Buffer.concat([p!, q!, ...primesOf(keys.otherPrekey)]).toString('base64');
write('keychain-item.txt', item, 'what a keychain holds: the primes of two keys');

// The first sample envelope: alice wrote "Hello, Bob!".
const { good } = vectors<{ good: { envelope: string }[] }>('envelopes');
const bytes = hex(good[0]!.envelope);
const { headerBytes, blocks, signature } = decodeEnvelope(bytes);
write('envelope.bin', bytes, `all ${bytes.length} bytes that travel`);
write('header.bin', headerBytes, `its header, ${headerBytes.length} bytes`);
write('block-0.bin', blocks[0]!, `its only block, ${blocks[0]!.length} bytes`);
write('block-0.label.hex', blockLabels(headerBytes, 1)[0]!.toString('hex'), "the block's OAEP label");
write('envelope.signed.bin', signedEnvelope(headerBytes, blocks), 'the bytes that alice signed');
write('envelope.signature.bin', signature, 'her signature');

type Signed = { bytes: string; signature: string };
const prekeys = vectors<{ good: { signed: Signed }[] }>('prekeys');
const { signed } = prekeys.good[0]!;
write('statement.bin', hex(signed.bytes), 'what bob signed about his encryption key');
write('statement.signature.bin', hex(signed.signature), 'his signature');

const first = [
  field('signet/v1/safety-number'),
  u16(1),
  field(spkiOf(hex(keys.alice.modulus))),
  field('alice'),
];
write('safety-number.bin', Buffer.concat(first), "input of the first hash of alice's safety number");
