// The safety number: 60 digits that two people compare (PROTOCOL.md, "Safety number"). Iterated hash and digits as
// in Signal's numeric fingerprint, with our own domain.
import { hash } from 'node:crypto';
import { field, u16 } from './bytes.ts';

export type Party = {
  user: string;
  /** Identity key, SPKI DER, 422 bytes. */
  spki: Buffer;
};

const VERSION = 1;
const ITERATIONS = 5200;

/** One side's half: 30 digits out of 5,200 SHA-512, about 10 ms. */
function half({ user, spki }: Party): string {
  let digest = hash(
    'sha512',
    Buffer.concat([field('signet/v1/safety-number'), u16(VERSION), field(spki), field(user)]),
    'buffer',
  );
  for (let i = 1; i < ITERATIONS; i++) digest = hash('sha512', Buffer.concat([digest, spki]), 'buffer');
  const group = (i: number) => String(digest.readUIntBE(i * 5, 5) % 100_000).padStart(5, '0');
  return [0, 1, 2, 3, 4, 5].map(group).join('');
}

/** @returns 60 digits, the same whichever side asks */
export function safetyNumber(one: Party, other: Party): string {
  return [half(one), half(other)].sort().join('');
}
