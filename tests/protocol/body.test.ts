// What a message says: round trips, and malformed bodies refused.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Body, decodeBody, encodeBody, encodeText, messageTypes } from '../../protocol/body.ts';

const ids = fc
  .array(fc.uint8Array({ minLength: 16, maxLength: 16 }), { minLength: 1, maxLength: 256 })
  .map((arrays) => arrays.map((array) => Buffer.from(array)));
const bodies: fc.Arbitrary<Exclude<Body, { type: 'unknown' }>> = fc.oneof(
  fc.record({ type: fc.constant('text' as const), text: fc.string({ minLength: 1, unit: 'binary' }) }),
  fc.record({
    type: fc.constant('receipt' as const),
    kind: fc.constantFrom('delivered' as const, 'read' as const),
    ids,
  }),
  fc.record({ type: fc.constant('unopenable' as const), ids }),
);

test('a body is read as it was written', () => {
  fc.assert(
    fc.property(bodies, (body) => {
      const encoded = encodeBody(body);
      expect(decodeBody(encoded.type, encoded.body)).toEqual(body);
    }),
  );
});

test('a byte order mark and control characters stay as they are', () => {
  const text = '\ufeff\u0000\r\n\u202e text';
  expect(decodeBody(messageTypes.text, encodeText(text))).toEqual({ type: 'text', text });
});

test('a lone surrogate, which UTF-8 has no bytes for, becomes U+FFFD', () => {
  expect(encodeText('a\ud800b').toString('utf8')).toBe('a\ufffdb');
});

test('a text of 32 KiB fits, a byte more is refused with the count', () => {
  expect(encodeText('é'.repeat(16 * 1024))).toHaveLength(32 * 1024);
  expect(() => encodeText(`${'é'.repeat(16 * 1024)}!`)).toThrow(/32,769 bytes; at most 32,768/);
  expect(() => encodeText('')).toThrow(/empty/);
});

test('a type of a newer version is kept', () => {
  expect(decodeBody(200, Buffer.from('some day'))).toEqual({ type: 'unknown', code: 200 });
});

describe('a malformed body is refused:', () => {
  test.each([
    ['a text without bytes', messageTypes.text, Buffer.alloc(0)],
    ['a text that is not UTF-8', messageTypes.text, Buffer.from([0xc3, 0x28])],
    ['a receipt without bytes', messageTypes.receipt, Buffer.alloc(0)],
    ['a receipt without ids', messageTypes.receipt, Buffer.of(1)],
    ['a receipt of another kind', messageTypes.receipt, Buffer.concat([Buffer.of(3), Buffer.alloc(16)])],
    ['a receipt with half an id', messageTypes.receipt, Buffer.concat([Buffer.of(1), Buffer.alloc(24)])],
    ['a receipt with 257 ids', messageTypes.receipt, Buffer.concat([Buffer.of(1), Buffer.alloc(257 * 16)])],
    ['an unopenable without ids', messageTypes.unopenable, Buffer.alloc(0)],
    ['an unopenable with half an id', messageTypes.unopenable, Buffer.alloc(8)],
  ])('%s', (_name, type, body) => {
    expect(() => decodeBody(type, body)).toThrow(/refused/);
  });
});
