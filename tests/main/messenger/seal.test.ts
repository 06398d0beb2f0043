// Sealing and opening: the vectors, every class of attack, ten thousand flipped bits; and rows on one's own disk.
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type OpeningKey, sign, type SigningKey } from '../../../main/messenger/rsa.ts';
import { authenticate, open, openRow, seal, sealRow } from '../../../main/messenger/seal.ts';
import { decodeBody } from '../../../protocol/body.ts';
import {
  blockLabels,
  decodeEnvelope,
  encodeEnvelope,
  encodeHeader,
  encodeInner,
  type Inner,
  sha256,
  signedEnvelope,
} from '../../../protocol/envelope.ts';
import { encrypt } from '../../../main/messenger/rsa.ts';
import { flipBit, tamperings } from '../../vectors/tampering.ts';
import { envelopes, openingKey, signingKey } from '../../vectors/vectors.ts';

const [alice, bob, mallory, bobReception, otherReception] = await Promise.all([
  signingKey('alice'),
  signingKey('bob'),
  signingKey('mallory'),
  openingKey('bobReception'),
  openingKey('otherReception'),
]);

/** Bob receives: every step of PROTOCOL.md, "Receiving", that needs no database. Throws when it refuses. */
async function receive(bytes: Buffer, key: OpeningKey = bobReception): Promise<Inner> {
  const envelope = decodeEnvelope(bytes);
  await authenticate(envelope, alice.publicKey, bob.publicKey.fingerprint);
  if (!envelope.header.receptionKey.equals(key.publicKey.fingerprint)) throw new Error('unopenable');
  const inner = await open(envelope, key);
  decodeBody(inner.type, inner.body);
  return inner;
}

const isTaken = (bytes: Buffer): Promise<boolean> =>
  receive(bytes).then(
    () => true,
    () => false,
  );

const innerOf = (body: Buffer, sequence = 1): Inner => ({
  chain: Buffer.alloc(8, 1),
  sequence,
  previous: Buffer.alloc(32),
  sentAt: Date.UTC(2026, 0, 1),
  type: 1,
  body,
});

const sealed = (body: Buffer, sender: SigningKey = alice): Promise<Buffer> =>
  seal({
    id: randomBytes(16),
    sender,
    recipient: bob.publicKey.fingerprint,
    receptionKey: bobReception.publicKey,
    inner: innerOf(body),
  });

describe('vectors', () => {
  test.each(envelopes.good)('opens: $name', async ({ id, envelope, inner }) => {
    const bytes = Buffer.from(envelope, 'base64url');
    const opened = await receive(bytes);
    expect(decodeEnvelope(bytes).header.id.toString('hex')).toBe(id);
    const { chain, previous, body, ...rest } = opened;
    expect({
      ...rest,
      chain: chain.toString('hex'),
      previous: previous.toString('hex'),
      body: body.toString('hex'),
    }).toEqual(inner);
  });

  test('are one chain', () => {
    const hashes = envelopes.good.map(({ envelope }) =>
      sha256(Buffer.from(envelope, 'base64url')).toString('hex'),
    );
    expect(envelopes.good.slice(1).map(({ inner }) => inner.previous)).toEqual(hashes.slice(0, -1));
  });

  test.each(envelopes.bad)('refused: $name', async ({ envelope }) => {
    expect(await isTaken(Buffer.from(envelope, 'base64url'))).toBe(false);
  });
});

test('whatever is sealed is opened again', async () => {
  const bodies = fc.oneof(
    fc.string({ minLength: 1, unit: 'binary' }),
    fc.string({ minLength: 200, maxLength: 2000 }),
  );
  await fc.assert(
    fc.asyncProperty(bodies, async (text) => {
      const opened = await receive(await sealed(Buffer.from(text, 'utf8')));
      expect(opened.body.toString('utf8')).toBe(text);
    }),
    { numRuns: 60 },
  );
});

test('32 KiB take 128 blocks', async () => {
  const body = randomBytes(32 * 1024).fill('z', 0);
  const envelope = await sealed(body);
  expect(envelope).toHaveLength(49_652);
  expect((await receive(envelope)).body).toEqual(body);
});

describe('attacks', () => {
  test('every class of them, on 40 messages: none is taken', async () => {
    const taken: string[] = [];
    for (let i = 0; i < 40; i++) {
      const [good, other] = await Promise.all([
        sealed(randomBytes(200).fill('a', 0)),
        sealed(Buffer.alloc(300, 98)),
      ]);
      const attacks = await tamperings({
        good: other,
        other: good,
        mallory,
        alice,
        bob: bob.publicKey,
        bobReception: bobReception.publicKey,
        otherReception: otherReception.publicKey,
      });
      expect(await isTaken(other)).toBe(true);
      for (const { name, envelope } of attacks) if (await isTaken(envelope)) taken.push(name);
    }
    expect(taken).toEqual([]);
  });

  test('10,000 random bits flipped in an envelope: none is taken', async () => {
    const envelope = await sealed(Buffer.from('x'.repeat(300)));
    let taken = 0;
    for (let i = 0; i < 10_000; i++) {
      const bit = Math.floor(Math.random() * envelope.length * 8);
      if (await isTaken(flipBit(envelope, bit))) taken++;
    }
    expect(await isTaken(envelope)).toBe(true);
    expect(taken).toBe(0);
  });

  test('each bit of the header flipped, and signed again by the sender himself: none is taken', async () => {
    const envelope = await sealed(Buffer.from('Hello'));
    const { headerBytes, blocks } = decodeEnvelope(envelope);
    const tries = Array.from({ length: headerBytes.length * 8 }, async (_, bit) => {
      const header = flipBit(headerBytes, bit);
      return isTaken(encodeEnvelope(header, blocks, await sign(alice, signedEnvelope(header, blocks))));
    });
    expect((await Promise.all(tries)).filter(Boolean)).toHaveLength(0);
  });

  test('blocks whose inside was sealed under another header: refused by the hash within', async () => {
    // A malicious sender can give every block the right label, and still not move the inside.
    const inner = innerOf(Buffer.from('Hello'));
    const header = encodeHeader({
      id: randomBytes(16),
      sender: alice.publicKey.fingerprint,
      recipient: bob.publicKey.fingerprint,
      receptionKey: bobReception.publicKey.fingerprint,
      blockCount: 1,
    });
    const make = async (innerHash: Buffer): Promise<Buffer> => {
      const [piece] = encodeInner(innerHash, inner, 1);
      const block = await encrypt(bobReception.publicKey, blockLabels(sha256(header), 1)[0]!, piece!);
      return encodeEnvelope(header, [block], await sign(alice, signedEnvelope(header, [block])));
    };
    expect(await isTaken(await make(sha256(header)))).toBe(true);
    expect(await isTaken(await make(randomBytes(32)))).toBe(false);
  });

  test('rightly sealed to bob’s key, but addressed to another: refused before it is opened', async () => {
    const inner = innerOf(Buffer.from('Hello'));
    const to = { id: randomBytes(16), sender: alice, receptionKey: bobReception.publicKey, inner };
    expect(await isTaken(await seal({ ...to, recipient: bob.publicKey.fingerprint }))).toBe(true);
    expect(await isTaken(await seal({ ...to, recipient: mallory.publicKey.fingerprint }))).toBe(false);
  });

  test('another reception key does not open it', async () => {
    const envelope = decodeEnvelope(await sealed(Buffer.from('Hello')));
    await expect(open(envelope, otherReception)).rejects.toThrow(/could not be opened/);
  });
});

describe('rows on one’s own disk', () => {
  const storage = otherReception;

  test('open again, whatever their length', async () => {
    for (const length of [0, 1, 313, 314, 315, 632, 32 * 1024]) {
      const content = randomBytes(length);
      const row = await sealRow(storage.publicKey, 'message/1', content);
      expect(row).toHaveLength(384 * Math.ceil((length + 4) / 318));
      expect(await openRow(storage, 'message/1', row)).toEqual(content);
    }
  });

  test('do not open in the place of another, cut, extended, or reordered', async () => {
    const row = await sealRow(storage.publicKey, 'message/1', randomBytes(900));
    const [a, b, c] = [0, 384, 768].map((at) => row.subarray(at, at + 384));
    const attempts = [
      openRow(storage, 'message/2', row),
      openRow(storage, 'message/1', row.subarray(0, 768)),
      openRow(storage, 'message/1', Buffer.concat([row, a!])),
      openRow(storage, 'message/1', Buffer.concat([b!, a!, c!])),
      openRow(storage, 'message/1', row.subarray(1)),
      openRow(storage, 'message/1', Buffer.alloc(0)),
      openRow(bobReception, 'message/1', row),
    ];
    for (const result of await Promise.allSettled(attempts)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'database-damaged' } });
    }
    expect(await openRow(storage, 'message/1', row)).toHaveLength(900);
  });
});
