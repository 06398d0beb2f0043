// Sealing and opening: the vectors, every class of attack, turned bits.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAuthentic, open, seal } from '../../../main/messenger/seal.ts';
import { decodeContent } from '../../../protocol/content.ts';
import {
  type Address,
  decodeEnvelope,
  envelopeHash,
  routeOf,
  takeEnvelope,
} from '../../../protocol/envelope.ts';
import { messageId, pairConversation } from '../../../protocol/ids.ts';
import { MAX_CONTENT_BYTES, type Payload } from '../../../protocol/payload.ts';
import { Reader } from '../../../protocol/reader.ts';
import { flipBit, tamperings } from '../../vectors/envelopes.ts';
import { openingKey, signingKey } from '../../vectors/keys.ts';
import { envelopes, fromHex, inHex } from '../../vectors/vectors.ts';

const [alice, bob, mallory] = await Promise.all([
  signingKey('alice'),
  signingKey('bob'),
  signingKey('mallory'),
]);
const [bobPrekey, otherPrekey, aliceRatchet] = await Promise.all([
  openingKey('bobPrekey'),
  openingKey('otherPrekey'),
  openingKey('aliceRatchet'),
]);
const sender: Address = { identity: alice.publicKey.fingerprint, device: 1 };
const recipient: Address = { identity: bob.publicKey.fingerprint, device: 1 };
const isSame = (one: Address, other: Address): boolean =>
  one.identity.equals(other.identity) && one.device === other.device;

/** Bob receives: every step of PROTOCOL.md, "Receiving", that needs no database. @returns the step that refuses it */
async function receive(bytes: Buffer): Promise<Payload | number> {
  let envelope;
  try {
    envelope = decodeEnvelope(bytes);
  } catch {
    return 1;
  }
  const { header } = envelope;
  if (!isSame(header.recipient, recipient)) return 1;
  if (!isSame(header.sender, sender)) return 3;
  if (!(await isAuthentic(envelope, alice.publicKey))) return 4;
  if (!header.encryptionKey.equals(bobPrekey.publicKey.fingerprint)) return 5;
  try {
    const payload = await open(envelope, bobPrekey);
    decodeContent(payload.content);
    return payload;
  } catch {
    return 6;
  }
}

describe('vectors', () => {
  test.each(envelopes.good)('opens: $name', async ({ envelope, hash, id, payload }) => {
    const bytes = fromHex(envelope);
    const opened = await receive(bytes);
    expect(inHex(opened)).toEqual(payload);
    expect(envelopeHash(bytes).toString('hex')).toBe(hash);
    const conversation = pairConversation(recipient.identity, sender.identity);
    expect(conversation.toString('hex')).toBe(envelopes.conversation);
    const named = { author: sender.identity, conversation, ...(opened as Payload) };
    expect(messageId(named).toString('hex')).toBe(id);
  });

  test('are one chain', () => {
    const previous = envelopes.good.map(({ payload }) => payload.previous);
    const hashes = envelopes.good.map(({ hash }) => hash.slice(0, 32));
    expect(previous).toEqual(['0'.repeat(32), ...hashes.slice(0, -1)]);
  });

  test.each(envelopes.bad)('refused in step $step: $name', async ({ step, envelope }) => {
    const result = await receive(fromHex(envelope));
    expect(result).toBe(step);
  });

  test('a relay reads the route of each, and the length', () => {
    for (const { envelope } of envelopes.good) {
      const reader = new Reader(fromHex(envelope), 'envelope');
      const bytes = takeEnvelope(reader);
      reader.end();
      expect(routeOf(bytes)).toEqual({ sender, listVersion: 0, recipient });
    }
  });
});

const sealed = (content: Buffer, sequence = 1): Promise<Buffer> =>
  seal({
    sender,
    listVersion: 0,
    signer: alice,
    recipient,
    encryptionKey: bobPrekey.publicKey,
    payload: {
      chain: Buffer.alloc(8, 1),
      sequence,
      previous: Buffer.alloc(16),
      timestamp: Date.UTC(2026, 0, 1),
      salt: Buffer.alloc(16, 2),
      content,
    },
  });
const text = (length: number): Buffer =>
  Buffer.concat([Buffer.of(1, 1, length >> 8, length & 255), Buffer.alloc(length, 'x')]);

test('whatever is sealed is opened again, in the fewest blocks that hold it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3000 }), async (length) => {
      const bytes = await sealed(text(length));
      const opened = await receive(bytes);
      expect((opened as Payload).content).toEqual(text(length));
      const { blockCount } = decodeEnvelope(bytes).header;
      expect(blockCount * 318).toBeGreaterThanOrEqual(58 + 4 + length);
      expect(blockCount === 1 || (blockCount / 2) * 318 < 58 + 4 + length).toBe(true);
    }),
    { numRuns: 60 },
  );
  expect(await sealed(Buffer.concat([text(32_768)]))).toHaveLength(107 + 384 * 129);
  expect(MAX_CONTENT_BYTES).toBe(40_646);
});

test('every class of attack, on 40 messages: none is taken', async () => {
  let attacks = 0;
  for (let i = 0; i < 40; i++) {
    // Another size, so another header: envelopes of one size between two devices have the same.
    const [good, other] = await Promise.all([sealed(text(300 + i), 2), sealed(text(1000), 1)]);
    const parties = { alice, mallory, bob, bobPrekey, otherPrekey, aliceRatchet };
    for (const { name, envelope } of await tamperings(parties, good, other)) {
      attacks++;
      expect(await receive(envelope), name).toBeTypeOf('number');
    }
  }
  expect(attacks).toBeGreaterThan(40 * 40);
});

test('10,000 bits turned in an envelope, one after the other: none is taken', async () => {
  const good = await sealed(text(300));
  const taken: number[] = [];
  await Promise.all(
    Array.from({ length: 10_000 }, async (_, i) => {
      const bit = (i * 7919) % (8 * good.length);
      if (typeof (await receive(flipBit(good, bit))) !== 'number') taken.push(bit);
    }),
  );
  expect(taken).toEqual([]);
});
