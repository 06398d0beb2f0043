// Contents: every rule for what is known, unknown and malformed.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Content, decodeContent, encodeContent, MAX_IDS } from '../../protocol/content.ts';
import { Malformed } from '../../protocol/reader.ts';
import { contents, fromHex, inHex } from '../vectors/vectors.ts';

test.each(contents.good)('good: $name', ({ bytes, content }) => {
  expect(inHex(decodeContent(fromHex(bytes)))).toEqual(content);
});

test.each(contents.unknown)('needs a newer Signet, and shows nothing else: $name', ({ bytes }) => {
  expect(decodeContent(fromHex(bytes))).toEqual({ kind: 'unknown' });
});

test.each(contents.silent)('ignored: $name', ({ bytes }) => {
  expect(decodeContent(fromHex(bytes))).toEqual({ kind: 'silent' });
});

test.each(contents.bad)('refused: $name', ({ bytes }) => {
  expect(() => decodeContent(fromHex(bytes))).toThrow(Malformed);
});

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map(Buffer.from);
const ids = fc.array(bytes(32), { minLength: 1, maxLength: MAX_IDS });
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 500 });
type Known = Exclude<Content, { kind: 'unknown' | 'silent' }>;
const any: fc.Arbitrary<Known> = fc.oneof(
  text.map((value) => ({ kind: 'text' as const, text: value })),
  ids.map((value) => ({ kind: 'delivered' as const, ids: value })),
  ids.map((value) => ({ kind: 'read' as const, ids: value })),
  ids.map((value) => ({ kind: 'retryRequest' as const, envelopes: value })),
  fc.record({
    kind: fc.constant('sync' as const),
    wrapped: fc.record({
      conversation: fc.oneof(
        bytes(32).map((pair) => ({ pair })),
        bytes(32).map((group) => ({ group })),
      ),
      timestamp: fc.nat(),
      salt: bytes(16),
      content: text.map((value) => encodeContent({ kind: 'text', text: value })),
    }),
  }),
  fc.constant({ kind: 'null' as const }),
);

test('whatever is written is read again, with an ignorable tag of the future, too', () => {
  fc.assert(
    fc.property(any, bytes(5), (content, future) => {
      const encoded = encodeContent(content);
      expect(decodeContent(encoded)).toEqual(content);
      expect(decodeContent(Buffer.concat([encoded, Buffer.of(250, 0, 5), future]))).toEqual(content);
    }),
  );
});

test('a critical tag of the future makes a text unknown and all else silent', () => {
  fc.assert(
    fc.property(any, (content) => {
      const kind = decodeContent(Buffer.concat([encodeContent(content), Buffer.of(120, 0, 0)])).kind;
      expect(kind).toBe(content.kind === 'text' ? 'unknown' : 'silent');
    }),
  );
});

test('a text that could not be read again is not written', () => {
  expect(() => encodeContent({ kind: 'text', text: '' })).toThrow(Malformed);
  expect(() => encodeContent({ kind: 'text', text: 'é'.repeat(16_385) })).toThrow(Malformed);
  expect(() => encodeContent({ kind: 'read', ids: [] })).toThrow(Malformed);
  const lone = decodeContent(encodeContent({ kind: 'text', text: 'a\ud800b' }));
  expect(lone).toEqual({ kind: 'text', text: 'a\ufffdb' });
});

test('100,000 contents by chance and by mutation: each is read or refused, in no other way', () => {
  const seeds = [...contents.good, ...contents.unknown, ...contents.silent].map(({ bytes: seed }) =>
    fromHex(seed),
  );
  const mutated = fc
    .tuple(
      fc.constantFrom(...seeds.filter((seed) => seed.length < 1000)),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
      fc.nat(),
    )
    .map(([seed, changes, cut]) => {
      const changed = Buffer.from(seed);
      for (const [at, value] of changes) changed[at % changed.length] = value;
      return changed.subarray(0, changed.length - (cut % 3));
    });
  const taken = { read: 0, refused: 0 };
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 100 }).map(Buffer.from)), (input) => {
      try {
        const content = decodeContent(input);
        taken.read++;
        // What is read as known says the same when it is written again.
        if (content.kind !== 'unknown' && content.kind !== 'silent') {
          const again = encodeContent(content);
          expect(encodeContent(decodeContent(again) as Known).equals(again)).toBe(true);
        }
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
