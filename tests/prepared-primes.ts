// Tests within this process begin with keys that were made before: making three for each person takes most of their time.
// What makes keys is tested by itself (rsa.test.ts), and by every program that tests start.
import { vi } from 'vitest';
import prepared from './prepared-primes.json' with { type: 'json' };
import type * as Rsa from '../main/messenger/rsa.ts';

vi.mock('../main/messenger/rsa.ts', async (original) => {
  const rsa = await original<typeof Rsa>();
  // Each once in a test file: whoever is made has keys that nobody else has.
  const primes = prepared.primes.map((text) => Buffer.from(text, 'base64'));
  return { ...rsa, generatePrimes: async () => primes.pop() ?? rsa.generatePrimes() };
});
