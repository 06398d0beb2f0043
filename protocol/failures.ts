// Every way in which something can fail on purpose: one list of codes, and the class that carries one inside a room.

/** Codes that the relay sends; the sentence is what a client tells its user (never the relay's own words). */
export const relayFailures = {
  malformed: 'The relay could not read what this client sent. Update the client or the relay.',
  'version-unsupported':
    'The relay speaks another version of the protocol. Update Signet; if that is up to date, the relay.',
  'not-signed-in': 'The relay asks for a sign-in first.',
  'challenge-expired': 'Signing in took too long. Signet tries again.',
  'login-refused': 'The relay did not accept the sign-in: this name belongs to another identity there.',
  'clock-wrong':
    "This computer's clock and the relay's are more than an hour apart. Set the wrong one right, then try again.",
  'name-taken': 'Somebody else has this name on the relay. Choose another.',
  'identity-taken': 'This identity is registered on the relay under another name. Use that name.',
  'unknown-user': 'Nobody has this name on the relay. Check the spelling.',
  'reception-key-refused':
    'The relay did not accept the new reception key. Check the clock of this computer.',
  'envelope-refused': 'The relay did not accept the envelope: its sender or recipient is not the one named.',
  'mailbox-full': "The recipient's mailbox on the relay is full. It empties when the recipient comes online.",
  'envelope-waiting':
    'An earlier envelope of this message still waits for its recipient. It is sent again in a while.',
  'relay-full':
    "The relay can't store anything: its disk is full or failing. Its operator has to look after it.",
  busy: 'The relay has too many connections from here, or is too busy. Trying again in a while helps.',
  replaced: 'Another client signed in to the relay as this user.',
} as const;

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
  'unknown-device',
  'unknown-frame',
  'registration-closed',
  'token-refused',
  'statement-refused',
  'statement-conflict',
  'prekey-refused',
  'relay-refused',
  'reception-key-expired',
  'reception-key-older',
  'reception-key-invalid',
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
  'disk-full',
  'port-unusable',
  'relay-ended',
  'link-unusable',
  'internal',
] as const;

export type RelayFailureCode = keyof typeof relayFailures;
export type FailureCode = RelayFailureCode | (typeof localFailures)[number];

export const relayFailureCodes = Object.keys(relayFailures) as [RelayFailureCode, ...RelayFailureCode[]];

/** An expected failure. `message` is a sentence for a person: what happened and what to do; never a secret. */
export class Failure extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'Failure';
    this.code = code;
  }

  /** The failure that stands for a code sent by the relay. */
  static fromRelay(code: RelayFailureCode): Failure {
    return new Failure(code, relayFailures[code]);
  }

  /** Any thrown value as a Failure; what was not expected becomes `internal`, the original kept as its cause. */
  static from(error: unknown): Failure {
    if (error instanceof Failure) return error;
    return new Failure('internal', 'Something went wrong inside Signet. Restarting it may help.', {
      cause: error,
    });
  }
}
