// The waits between attempts: full jitter below an exponential ceiling, and the cap.
import { expect, test } from 'vitest';
import { backoff, CAP_MS } from '../../../main/messenger/backoff.ts';

test('the ceiling doubles from half a second to 30 s, and stays there', () => {
  const ceilings = Array.from({ length: 8 }, (_, attempt) => backoff(attempt, () => 1));
  expect(ceilings).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  expect(backoff(10_000, () => 1)).toBe(CAP_MS);
});

test('the wait is anywhere below it', () => {
  expect(backoff(3, () => 0)).toBe(0);
  expect(backoff(3, () => 0.25)).toBe(1000);
  const waits = Array.from({ length: 1000 }, () => backoff(6));
  expect(Math.min(...waits)).toBeLessThan(CAP_MS / 4);
  expect(Math.max(...waits)).toBeGreaterThan((CAP_MS * 3) / 4);
  expect(waits.every((wait) => wait >= 0 && wait < CAP_MS)).toBe(true);
});
