// What a relay refuses, as a failure with the class that tells the client what to do about it.
import { failureCodes, type RelayFailureCode } from '../../protocol/failure-codes.ts';
import { Failure } from '../../protocol/failures.ts';
import type { FailureClass } from '../../protocol/frame-bodies.ts';
import type { FrameOf } from '../../protocol/frames.ts';

/** What a client tells its user; never the relay's own words. */
const sentences: Record<RelayFailureCode, string> = {
  malformed: 'The relay could not read what this client sent. Update the client or the relay.',
  'version-unsupported':
    'The relay speaks another version of the protocol. Update Signet; if that is up to date, the relay.',
  'not-signed-in': 'The relay asks for a sign-in first.',
  'unknown-frame':
    'The relay is older than this Signet and does not know what it was asked. Update the relay.',
  'challenge-expired': 'Signing in took too long. Signet tries again.',
  'login-refused': 'The relay did not accept the sign-in: this name belongs to another identity there.',
  'clock-wrong':
    "This computer's clock and the relay's are more than an hour apart. Set the wrong one right, then try again.",
  'name-taken': 'Somebody else has this name on the relay. Choose another.',
  'identity-taken': 'This identity is registered on the relay under another name. Use that name.',
  'registration-closed': 'This relay accepts no new members. Ask the person who runs it.',
  'token-refused':
    'This relay accepts new members only with an invite that was made for them, and this one is used up or has expired. Ask for a new invite.',
  'unknown-user': 'Nobody has this name on the relay. Check the spelling.',
  'unknown-device': 'A device of the recipient is not registered at the relay any more. Signet looks again.',
  'statement-refused': 'The relay did not accept the change of the device list. Signet looks again.',
  'statement-conflict': 'Another device has changed the device list first. Signet looks again.',
  'prekey-refused': 'The relay did not accept the new encryption key. Check the clock of this computer.',
  'envelope-refused': 'The relay did not accept the envelope: its sender or recipient is not the one named.',
  'mailbox-full': "The recipient's mailbox on the relay is full. It empties when the recipient comes online.",
  'relay-full': "The relay can't store anything: its disk is full or failing. Tell the person who runs it.",
  busy: 'The relay has too many connections from here, or is too busy. Signet tries again in a while.',
  replaced: 'Another client signed in to the relay as this device.',
};

const isKnown = (code: string): code is RelayFailureCode => Object.hasOwn(failureCodes, code);

export class RelayFailure extends Failure {
  /** What to do about it, even if the code is not known. */
  readonly class: FailureClass;

  constructor({ code, class: name }: Pick<FrameOf<'failure'>, 'code' | 'class'>) {
    const unknown = `The relay refused a request (${code}). It may be newer than this Signet: update Signet.`;
    super(isKnown(code) ? code : 'relay-refused', isKnown(code) ? sentences[code] : unknown);
    this.class = name;
  }
}

/** @returns undefined for what the relay has not refused */
export const classOf = (error: unknown): FailureClass | undefined =>
  error instanceof RelayFailure ? error.class : undefined;
