// Every code that a relay answers with, and its class: what a client does about it. A client treats a code that it doesn't
// know by its class alone.
import type { FailureClass } from './frame-bodies.ts';

export const failureCodes = {
  malformed: 'protocol',
  'version-unsupported': 'protocol',
  'not-signed-in': 'protocol',
  'unknown-frame': 'final',
  'challenge-expired': 'later',
  'login-refused': 'final',
  'clock-wrong': 'final',
  'name-taken': 'final',
  'identity-taken': 'final',
  'registration-closed': 'final',
  'token-refused': 'final',
  'unknown-user': 'final',
  'unknown-device': 'lookUp',
  'statement-refused': 'final',
  'statement-conflict': 'lookUp',
  'prekey-refused': 'final',
  'envelope-refused': 'final',
  'mailbox-full': 'later',
  'relay-full': 'later',
  busy: 'later',
  replaced: 'later',
} as const satisfies Record<string, FailureClass>;

export type RelayFailureCode = keyof typeof failureCodes;
