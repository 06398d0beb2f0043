// How long to wait before the next attempt: exponential, capped, with full jitter, so that the clients of a relay
// that restarts don't come back all at once (Brooker, "Exponential Backoff And Jitter", AWS, 2015).

const BASE_MS = 500;
export const CAP_MS = 30_000;

/** @param attempt 0 for the first @returns milliseconds, evenly distributed in [0, min(30 s, 0.5 s * 2^attempt)) */
export function backoff(attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(CAP_MS, BASE_MS * 2 ** attempt);
}
