// How much one client, one address and one mailbox may take from the relay.
import type { FrameType } from '../protocol/frames.ts';

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

/** What each frame takes from a connection's token bucket. */
export const costs = {
  hello: 10,
  login: 20,
  register: 20,
  publish: 50,
  lookup: 5,
  send: 1,
  acknowledge: 0.1,
  unknown: 5,
} as const satisfies Partial<Record<FrameType | 'unknown', number>>;
