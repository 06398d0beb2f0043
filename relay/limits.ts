// How much one client, one address and one mailbox may take from the relay.

export type Limits = {
  connections: number;
  connectionsPerAddress: number;
  /** Milliseconds for each step towards being signed in: TLS, the upgrade to WebSocket, the sign-in. */
  signInTime: number;
  /** A connection may spend `burst` at once and `perSecond` in the long run; see costs. */
  burst: number;
  perSecond: number;
  /** New names from one address at once, and in a minute in the long run. */
  registrationBurst: number;
  registrationsPerMinute: number;
  /** Bytes of envelopes that wait for one recipient, from everybody and from one sender. */
  mailboxBytes: number;
  mailboxBytesPerSender: number;
};

const MiB = 1024 * 1024;

export const defaultLimits: Limits = {
  connections: 5000,
  connectionsPerAddress: 500,
  signInTime: 10_000,
  burst: 2000,
  perSecond: 500,
  registrationBurst: 100,
  registrationsPerMinute: 10,
  mailboxBytes: 512 * MiB,
  mailboxBytesPerSender: 64 * MiB,
};

/** What each frame takes from a connection's budget. */
export const costs = {
  hello: 10,
  login: 20,
  register: 20,
  publish: 50,
  lookup: 5,
  send: 1,
  acknowledge: 0.1,
} as const;

/** A token bucket: filled at a steady rate, and never above its capacity. */
export class Budget {
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
