// Frames: the vectors, cuts and mutations.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeFrame, encodeFrame, type Frame, frameTypes, requestOf } from '../../protocol/frames.ts';
import { Malformed } from '../../protocol/reader.ts';
import { frames, fromHex, inHex } from '../vectors/vectors.ts';

test.each(frames.good)('good: $name', ({ bytes, frame }) => {
  expect(inHex(decodeFrame(fromHex(bytes)))).toEqual(frame);
});

test('there is a vector for every type, and all but the unknown tag are written as they were read', () => {
  expect(new Set(frames.good.map(({ frame }) => frame.type))).toEqual(new Set(Object.keys(frameTypes)));
  for (const { name, bytes } of frames.good) {
    if (name.includes('unknown')) continue;
    expect(encodeFrame(decodeFrame(fromHex(bytes)) as Frame).toString('hex'), name).toBe(bytes);
  }
});

test.each(frames.unknown)('of a newer version: $name', ({ bytes, request }) => {
  expect(decodeFrame(fromHex(bytes))).toEqual({ type: 'unknown', request });
});

test.each(frames.bad)('refused: $name', ({ bytes }) => {
  expect(() => decodeFrame(fromHex(bytes))).toThrow(Malformed);
});

test.each(frames.good)('refused, a byte shorter or longer: $name', ({ bytes }) => {
  const whole = fromHex(bytes);
  expect(() => decodeFrame(Buffer.concat([whole, Buffer.of(255)]))).toThrow(Malformed);
  // Without its last byte `done` is half a head.
  expect(() => decodeFrame(whole.subarray(0, -1))).toThrow(Malformed);
});

test('8,000 positions fit into a frame', () => {
  const frame: Frame = { type: 'acknowledge', request: 0, positions: Array.from({ length: 8000 }, () => 7) };
  expect(encodeFrame(frame)).toHaveLength(64_007);
  expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
});

test('a malformed frame still tells which request it was, if it has one', () => {
  expect(requestOf(Buffer.of(1, 0, 0, 1, 0))).toBe(256);
  expect(requestOf(Buffer.of(1, 0, 0, 1))).toBe(0);
});

test('100,000 frames by chance and by mutation: each is read or refused, in no other way', () => {
  const seeds = frames.good.map(({ bytes }) => fromHex(bytes));
  const mutated = fc
    .tuple(
      fc.constantFrom(...seeds),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }),
      fc.nat(),
    )
    .map(([seed, changes, cut]) => {
      const changed = Buffer.from(seed);
      // Where the lengths and counts are.
      for (const [at, value] of changes) changed[at % Math.min(changed.length, 160)] = value;
      return changed.subarray(0, changed.length - (cut % 3));
    });
  const chance = fc
    .tuple(fc.integer({ min: 0, max: 14 }), fc.uint8Array({ maxLength: 200 }))
    .map(([type, rest]) => Buffer.concat([Buffer.of(type), rest]));
  const taken = { read: 0, refused: 0 };
  fc.assert(
    fc.property(fc.oneof(mutated, chance), (input) => {
      try {
        const frame = decodeFrame(input);
        taken.read++;
        if (frame.type === 'unknown') return;
        const again = encodeFrame(frame);
        expect(encodeFrame(decodeFrame(again) as Frame).equals(again)).toBe(true);
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
        taken.refused++;
      }
    }),
    { numRuns: 100_000 },
  );
  expect(taken.read).toBeGreaterThan(1000);
  expect(taken.refused).toBeGreaterThan(1000);
});
