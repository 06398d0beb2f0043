/** A token bucket: filled at a steady rate, and never above its capacity. */
export class TokenBucket {
  #tokens: number;
  #filled: number;
  readonly #capacity: number;
  readonly #perSecond: number;
  readonly #now: () => number;

  /** @param now a clock in milliseconds */
  constructor(capacity: number, perSecond: number, now: () => number) {
    this.#capacity = capacity;
    this.#perSecond = perSecond;
    this.#now = now;
    this.#tokens = capacity;
    this.#filled = now();
  }

  /** Takes tokens, into debt if need be. @returns milliseconds until the debt is paid, 0 without one */
  spend(tokens: number): number {
    const now = this.#now();
    const earned = (Math.max(0, now - this.#filled) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#capacity, this.#tokens + earned) - tokens;
    this.#filled = now;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#perSecond) * 1000;
  }

  /** Takes a token if there is one. */
  afford(): boolean {
    const affordable = this.spend(1) === 0;
    if (!affordable) this.#tokens += 1;
    return affordable;
  }
}
