// The safety number: as in the vectors, the same from both sides, another for another name or key.
import { expect, test } from 'vitest';
import { spkiOf } from '../../protocol/key.ts';
import { type Party, safetyNumber } from '../../protocol/safety-number.ts';
import { type KeyName, modulusOf } from '../vectors/keys.ts';
import { safetyNumbers } from '../vectors/vectors.ts';

const party = (user: string, key: KeyName): Party => ({ user, spki: spkiOf(modulusOf(key)) });
/** In the vectors, bobby is bob's key under another name. */
const keyOf = (user: string): KeyName => (user === 'bobby' ? 'bob' : (user as KeyName));

test.each(safetyNumbers.numbers)('$one and $other', ({ one, other, digits }) => {
  const [a, b] = [party(one, keyOf(one)), party(other, keyOf(other))];
  expect(safetyNumber(a, b)).toBe(digits);
  expect(safetyNumber(b, a)).toBe(digits);
  expect(digits).toMatch(/^\d{60}$/);
});

test('another name or another key, another number', () => {
  const [bob, bobby] = safetyNumbers.numbers;
  expect(bob!.other).toBe('bob');
  expect(bobby!.other).toBe('bobby');
  expect(bob!.digits).not.toBe(bobby!.digits);
  const number = safetyNumber(party('alice', 'alice'), party('bob', 'mallory'));
  expect(number).toMatch(/^\d{60}$/);
  expect(number).not.toBe(bob!.digits);
});
