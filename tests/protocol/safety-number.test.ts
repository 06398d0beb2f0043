// The safety number: as in the vectors, the same from both sides, another for another name or key.
import { expect, test } from 'vitest';
import { safetyNumber, verificationLink } from '../../protocol/safety-number.ts';
import { keys, safetyNumbers } from '../vectors/vectors.ts';

test.each(safetyNumbers.numbers)('$one and $other', ({ one, other, keys: [first, second], digits }) => {
  const a = { user: one, spki: Buffer.from(keys[first].spki, 'hex') };
  const b = { user: other, spki: Buffer.from(keys[second].spki, 'hex') };
  expect(safetyNumber(a, b)).toBe(digits);
  expect(safetyNumber(b, a)).toBe(digits);
  expect(digits).toMatch(/^\d{60}$/);
});

test('another name, another number', () => {
  const [bob, bobby] = safetyNumbers.numbers;
  expect(bob!.digits).not.toBe(bobby!.digits);
});

test('the link holds both fingerprints, whoever asks', () => {
  const [alice, bob] = [keys.alice, keys.bob].map(({ fingerprint }) => Buffer.from(fingerprint, 'hex'));
  expect(verificationLink(alice!, bob!)).toBe(safetyNumbers.link);
  expect(verificationLink(bob!, alice!)).toBe(safetyNumbers.link);
});
