// Every expected failure: one list of codes, and the class that carries one.
import type { RelayFailureCode } from './failure-codes.ts';

/** Codes that only a client knows, or the relay's own command line. */
export const localFailures = [
  'name-invalid',
  'invite-invalid',
  'text-empty',
  'text-too-long',
  'command-invalid',
  'offline',
  'timeout',
  'relay-unreachable',
  'relay-key-differs',
  'not-a-relay',
  'identity-changed',
  'identity-invalid',
  'bundle-invalid',
  'list-changed',
  'profile-copied',
  'relay-refused',
  'key-refused',
  'key-check-failed',
  'message-refused',
  'keychain-unavailable',
  'keychain-failed',
  'keychain-no-bus',
  'keychain-no-service',
  'keychain-locked',
  'keychain-item-missing',
  'keychain-item-damaged',
  'folder-in-use',
  'profile-new',
  'profile-differs',
  'folder-unusable',
  'database-damaged',
  'database-newer',
  'database-older',
  'disk-full',
  'port-unusable',
  'relay-ended',
  'link-unusable',
  'internal',
] as const;

export type FailureCode = RelayFailureCode | (typeof localFailures)[number];

/** An expected failure. `message` is a sentence for a person: what happened and what to do; never a secret. */
export class Failure extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'Failure';
    this.code = code;
  }

  /** Any thrown value as a Failure; what was not expected becomes `internal`, the original kept as its cause. */
  static from(error: unknown): Failure {
    if (error instanceof Failure) return error;
    return new Failure('internal', 'Something went wrong inside Signet. Restarting it may help.', {
      cause: error,
    });
  }
}
