// Makes the frozen vectors anew: `node tests/vectors/make.ts`. OAEP and PSS are randomised, so each run gives others;
// they are made again only when the protocol's version changes.
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { importOpeningKey, importSigningKey, sign } from '../../main/messenger/rsa.ts';
import { seal } from '../../main/messenger/seal.ts';
import { encodeBody } from '../../protocol/body.ts';
import { sha256 } from '../../protocol/envelope.ts';
import { encodeInvite } from '../../protocol/invite.ts';
import { safetyNumber, verificationLink } from '../../protocol/safety-number.ts';
import {
  RECEPTION_KEY_LIFETIME_MS,
  receptionKeyStatement,
  signInStatement,
} from '../../protocol/statements.ts';
import { writeExample } from './example.ts';
import { malformed } from './malformed.ts';
import { tamperings } from './tampering.ts';

const hex = (bytes: Buffer): string => bytes.toString('hex');
const write = (name: string, value: unknown): void =>
  writeFileSync(new URL(name, import.meta.url), `${JSON.stringify(value, null, 1)}\n`);

function makeKey(): { pem: string; primes: Buffer } {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072, publicExponent: 65537 });
  const { p = '', q = '' } = privateKey.export({ format: 'jwk' });
  return {
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    primes: Buffer.concat([Buffer.from(p, 'base64url'), Buffer.from(q, 'base64url')]),
  };
}

const made = {
  alice: makeKey(),
  bob: makeKey(),
  mallory: makeKey(),
  bobReception: makeKey(),
  otherReception: makeKey(),
};
const alice = await importSigningKey(made.alice.primes);
const bob = await importSigningKey(made.bob.primes);
const mallory = await importSigningKey(made.mallory.primes);
const bobReception = await importOpeningKey(made.bobReception.primes);
const otherReception = await importOpeningKey(made.otherReception.primes);

write('keys.json', {
  comment: 'Keys of the vectors: PKCS#8 PEM, SPKI DER in hex, and its SHA-256. They protect nothing.',
  ...Object.fromEntries(
    Object.entries(made).map(([name, { pem }]) => {
      const spki = createPrivateKey(pem).export({ format: 'jwk' });
      const key = { alice, bob, mallory, bobReception, otherReception }[name]!;
      return [
        name,
        { pem, n: spki.n, spki: hex(key.publicKey.spki), fingerprint: hex(key.publicKey.fingerprint) },
      ];
    }),
  ),
});

// Fixed, so that the worked example is easy to follow; a client draws ids and chains at random.
const chain = Buffer.from('c0ffee0000000001', 'hex');
const sentAt = Date.UTC(2026, 10, 17, 14, 33, 7);
let sequence = 0;
let previous: Buffer = Buffer.alloc(32);
const good: { name: string; envelope: Buffer; id: Buffer; inner: object }[] = [];

async function add(name: string, { type, body }: { type: number; body: Buffer }): Promise<void> {
  const id = sha256(Buffer.from(`signet vector ${name}`)).subarray(0, 16);
  const inner = { chain, sequence: ++sequence, previous, sentAt: sentAt + sequence, type, body };
  const recipient = bob.publicKey.fingerprint;
  const envelope = await seal({ id, sender: alice, recipient, receptionKey: bobReception.publicKey, inner });
  good.push({
    name,
    envelope,
    id,
    inner: { ...inner, chain: hex(chain), previous: hex(previous), body: hex(body) },
  });
  previous = sha256(envelope);
}

const text = (value: string): { type: number; body: Buffer } => encodeBody({ type: 'text', text: value });
const ids = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
await add('text', text('Hello, Bob!'));
await add('unicode', text('Grüße aus 東京 👩🏽‍🚀\r\nsecond line\u0000 and a BOM: \ufeff'));
await add('one block, full', text('x'.repeat(225)));
await add('two blocks', text('y'.repeat(226)));
await add('32 KiB', text('z'.repeat(32 * 1024)));
await add('receipt: delivered', encodeBody({ type: 'receipt', kind: 'delivered', ids }));
await add('receipt: read', encodeBody({ type: 'receipt', kind: 'read', ids: ids.slice(0, 1) }));
await add('unopenable', encodeBody({ type: 'unopenable', ids }));
await add('a type of a newer version', { type: 200, body: Buffer.from('some day') });

const attacks = await tamperings({
  good: good[3]!.envelope,
  other: good[2]!.envelope,
  mallory,
  alice,
  bob: bob.publicKey,
  bobReception: bobReception.publicKey,
  otherReception: otherReception.publicKey,
});
const bad = [
  ...attacks,
  ...(await malformed({ alice, bob: bob.publicKey, bobReception: bobReception.publicKey })),
];
const base64url = (bytes: Buffer): string => bytes.toString('base64url');
write('envelopes.json', {
  comment:
    'From alice to bob, sealed to bobReception. `good` open to `inner` (bytes in hex), in this order, as one chain; ' +
    'each of `bad` has to be refused, at the latest in the named step of receiving. Envelopes are in base64url.',
  good: good.map(({ name, envelope, id, inner }) => ({
    name,
    id: hex(id),
    envelope: base64url(envelope),
    inner,
  })),
  bad: bad.map(({ name, step, envelope }) => ({ name, step, envelope: base64url(envelope) })),
});

const created = Date.UTC(2026, 10, 17);
const reception = {
  class: 'rotating',
  created,
  expires: created + RECEPTION_KEY_LIFETIME_MS,
  key: bobReception.publicKey.spki,
} as const;
const receptionBytes = receptionKeyStatement('bob', reception);
const signIn = {
  relayKey: Buffer.alloc(32, 0xaa),
  user: 'bob',
  identity: bob.publicKey.fingerprint,
  serverNonce: Buffer.alloc(32, 0xbb),
  clientNonce: Buffer.alloc(32, 0xcc),
  time: sentAt,
};
write('statements.json', {
  comment:
    'What bob signs besides envelopes: the fields, the bytes that are signed, a signature. Bytes in hex.',
  receptionKey: {
    user: 'bob',
    ...reception,
    key: hex(reception.key),
    statement: hex(receptionBytes),
    signature: hex(await sign(bob, receptionBytes)),
  },
  signIn: {
    ...Object.fromEntries(Object.entries(signIn).map(([k, v]) => [k, Buffer.isBuffer(v) ? hex(v) : v])),
    login: hex(signInStatement('login', signIn)),
    loginSignature: hex(await sign(bob, signInStatement('login', signIn))),
    register: hex(signInStatement('register', signIn)),
    registerSignature: hex(await sign(bob, signInStatement('register', signIn))),
  },
});

const parties = [
  { user: 'alice', spki: alice.publicKey.spki },
  { user: 'bob', spki: bob.publicKey.spki },
  { user: 'bobby', spki: bob.publicKey.spki },
] as const;
write('safety-numbers.json', {
  comment: 'Of the identity keys in keys.json.',
  numbers: [
    { one: 'alice', other: 'bob', keys: ['alice', 'bob'], digits: safetyNumber(parties[0], parties[1]) },
    { one: 'alice', other: 'bobby', keys: ['alice', 'bob'], digits: safetyNumber(parties[0], parties[2]) },
  ],
  link: verificationLink(alice.publicKey.fingerprint, bob.publicKey.fingerprint),
});

const key = Buffer.alloc(32, 0xaa);
const inviter = { name: 'bob', identity: bob.publicKey.fingerprint };
const plain = { relays: ['192.168.1.7:7443'], key };
const full = { relays: ['chat.example.org:7443', '[2001:db8::7]:7443'], key, inviter };
const link = encodeInvite(plain);
write('invites.json', {
  comment: '`good`: links and what they say, bytes in hex; `bad`: links that have to be refused, and why.',
  good: [
    { link, relays: plain.relays, key: hex(key) },
    {
      link: encodeInvite(full),
      relays: full.relays,
      key: hex(key),
      inviter: { name: 'bob', identity: hex(inviter.identity) },
    },
  ],
  bad: [
    { link: 'https://example.org/join', why: 'another scheme' },
    { link: link.replace('v=1', 'v=2'), why: 'another version' },
    { link: link.replace('v=1&', ''), why: 'no version' },
    { link: link.slice(0, -1), why: 'a cut key' },
    { link: `${link}AA`, why: 'a longer key' },
    { link: link.replace(/&key=.*/, ''), why: 'no key' },
    { link: `${link}&key=${base64url(key)}`, why: 'two keys' },
    { link: link.replace(/relay=[^&]*&/, ''), why: 'no address' },
    { link: link.replace('7443', '0'), why: 'port 0' },
    { link: link.replace('7443', '65536'), why: 'port 65536' },
    { link: link.replace('%3A7443', ''), why: 'no port' },
    { link: `${link}&colour=red`, why: 'an unknown part' },
    { link: `${link}&from=bob`, why: 'an inviter without an identity' },
    { link: `${link}&identity=${base64url(key)}`, why: 'an identity without an inviter' },
    { link: `${link}&from=B%20b&identity=${base64url(key)}`, why: 'a wrong name' },
    { link: `${link}${'&relay=h%3A1'.repeat(16)}`, why: '17 addresses' },
  ],
});
writeExample();
