// What an identity key signs besides envelopes: its reception keys, logins, registrations. Each kind is led by a
// domain string of its own, so that a signature of one kind never serves as another.
import { field, u64, u8 } from './bytes.ts';

export const keyClasses = { rotating: 1 } as const;
export type KeyClass = keyof typeof keyClasses;

const DAY_MS = 24 * 60 * 60 * 1000;
/** How long a relay keeps a message that nobody fetches. */
export const MAILBOX_LIFETIME_MS = 30 * DAY_MS;
/** A reception key is replaced when it is this old. */
export const ROTATION_MS = 7 * DAY_MS;
/** From a reception key's creation to its expiry: a message sealed on its last day may wait a mailbox's lifetime. */
export const RECEPTION_KEY_LIFETIME_MS = ROTATION_MS + MAILBOX_LIFETIME_MS;
/** How far two clocks may be apart. */
export const CLOCK_TOLERANCE_MS = 60 * 60 * 1000;

export type ReceptionKeyStatement = {
  class: KeyClass;
  /** Milliseconds since 1970. */
  created: number;
  expires: number;
  /** SPKI DER, 422 bytes. */
  key: Buffer;
};

/** What an identity key signs of a reception key that belongs to `user`. */
export function receptionKeyStatement(user: string, statement: ReceptionKeyStatement): Buffer {
  return Buffer.concat([
    field('signet/v1/reception-key'),
    field(user),
    u8(keyClasses[statement.class]),
    u64(statement.created),
    u64(statement.expires),
    field(statement.key),
  ]);
}

export type SignInStatement = {
  /** SHA-256 of the SPKI in the relay's TLS certificate, 32 bytes: a login at one relay is none at another. */
  relayKey: Buffer;
  user: string;
  /** Identity fingerprint, 32 bytes. */
  identity: Buffer;
  /** 32 bytes each; the client's keeps the relay from choosing alone what is signed. */
  serverNonce: Buffer;
  clientNonce: Buffer;
  /** The client's clock, milliseconds since 1970. */
  time: number;
};

/** What an identity key signs to log in or to register. */
export function signInStatement(kind: 'login' | 'register', statement: SignInStatement): Buffer {
  return Buffer.concat([
    field(`signet/v1/${kind}`),
    statement.relayKey,
    field(statement.user),
    statement.identity,
    statement.serverNonce,
    statement.clientNonce,
    u64(statement.time),
  ]);
}
