// The envelope's bytes: lengths, round trips, and every malformed shape refused.
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  blockCountFor,
  decodeEnvelope,
  decodeInner,
  encodeEnvelope,
  encodeHeader,
  encodeInner,
  type Header,
  MAX_BODY_BYTES,
  type Inner,
} from '../../protocol/envelope.ts';

const bytes = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));
const blockCounts = fc.constantFrom(1, 2, 4, 8, 16, 32, 64, 128);

const headers: fc.Arbitrary<Header> = fc.record({
  id: bytes(16),
  sender: bytes(32),
  recipient: bytes(32),
  receptionKey: bytes(32),
  blockCount: blockCounts,
});
const inners: fc.Arbitrary<Inner> = fc.record({
  chain: bytes(8),
  sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  previous: bytes(32),
  sentAt: fc.integer({ min: 0, max: 8_640_000_000_000_000 }),
  type: fc.integer({ min: 0, max: 255 }),
  body: fc.uint8Array({ maxLength: 2000 }).map((array) => Buffer.from(array)),
});

test('an envelope is read as it was written', () => {
  fc.assert(
    fc.property(headers, (header) => {
      const blocks = Array.from({ length: header.blockCount }, () => randomBytes(384));
      const signature = randomBytes(384);
      const headerBytes = encodeHeader(header);
      const encoded = encodeEnvelope(headerBytes, blocks, signature);
      expect(headerBytes).toHaveLength(116);
      expect(encoded).toHaveLength(116 + 384 * (header.blockCount + 1));
      expect(decodeEnvelope(encoded)).toEqual({ header, headerBytes, blocks, signature });
    }),
  );
});

test('what is inside is read as it was written', () => {
  fc.assert(
    fc.property(bytes(32), inners, (headerHash, inner) => {
      const pieces = encodeInner(headerHash, inner, blockCountFor(inner.body.length));
      expect(new Set(pieces.map((piece) => piece.length))).toEqual(new Set([318]));
      expect(decodeInner(headerHash, pieces)).toEqual(inner);
    }),
  );
});

test('the block count is the smallest power of two that holds the body', () => {
  expect([0, 225, 226, 543, 544, MAX_BODY_BYTES].map(blockCountFor)).toEqual([1, 1, 2, 2, 4, 128]);
});

test('no bytes make decodeEnvelope do anything but answer or refuse', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), (array) => {
      expect(() => decodeEnvelope(Buffer.from(array))).toThrow(/refused/);
    }),
    { numRuns: 2000 },
  );
});

describe('what is inside is refused when', () => {
  const headerHash = randomBytes(32);
  const inner: Inner = {
    chain: randomBytes(8),
    sequence: 1,
    previous: Buffer.alloc(32),
    sentAt: 1,
    type: 1,
    body: Buffer.from('Hello'),
  };
  const changed = (change: (all: Buffer) => void): Buffer[] => {
    const all = Buffer.concat(encodeInner(headerHash, inner, 2));
    change(all);
    return [all.subarray(0, 318), all.subarray(318)];
  };

  test.each<[string, (all: Buffer) => void]>([
    ['the header hash is another', (all) => all.writeUInt8(all[0]! ^ 1, 0)],
    ['the sequence is 0', (all) => all.writeBigUInt64BE(0n, 40)],
    ['the sequence is 2^53', (all) => all.writeBigUInt64BE(1n << 53n, 40)],
    ['the time is beyond any calendar', (all) => all.writeBigUInt64BE(8_640_000_000_000_001n, 80)],
    ['the body is longer than the blocks', (all) => all.writeUInt32BE(636 - 93 + 1, 89)],
    ['the body length is as large as can be', (all) => all.writeUInt32BE(0xffffffff, 89)],
    ['the body is shorter, so that its rest is padding', (all) => all.writeUInt32BE(4, 89)],
    ['the last byte of the padding is not zero', (all) => all.writeUInt8(1, 635)],
    ['the first byte of the padding is not zero', (all) => all.writeUInt8(1, 93 + 5)],
  ])('%s', (_name, change) => {
    expect(
      decodeInner(
        headerHash,
        changed(() => {}),
      ),
    ).toEqual(inner);
    expect(() => decodeInner(headerHash, changed(change))).toThrow(/refused/);
  });

  test('a block is a byte short', () => {
    const [first, second] = changed(() => {});
    expect(() => decodeInner(headerHash, [first!, second!.subarray(1)])).toThrow(/length/);
  });

  test('the body has over 32 KiB', () => {
    const body = Buffer.alloc(MAX_BODY_BYTES + 1, 1);
    expect(() => decodeInner(headerHash, encodeInner(headerHash, { ...inner, body }, 128))).toThrow(/length/);
  });
});
