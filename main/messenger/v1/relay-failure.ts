// What a relay refuses, as a failure with the class that tells the client what to do about it.
import { Failure, type FailureCode, localFailures, relayFailures } from '../../../protocol/failures.ts';
import type { FailureClass } from '../../../protocol/v1/frame-bodies.ts';
import type { FrameOf } from '../../../protocol/v1/frames.ts';

/** What a client tells its user; never the relay's own words. */
const sentences: Record<string, string> = {
  ...relayFailures,
  'unknown-frame':
    'The relay is older than this Signet and does not know what it was asked. Update the relay.',
  'unknown-device': 'A device of the recipient is not registered at the relay any more. Signet looks again.',
  'registration-closed': 'This relay accepts no new members. Ask the person who runs it.',
  'token-refused':
    'This relay accepts new members only with an invite that was made for them, and this one is used up or has expired. Ask for a new invite.',
  'statement-refused': 'The relay did not accept the change of the device list. Signet looks again.',
  'statement-conflict': 'Another device has changed the device list first. Signet looks again.',
  'prekey-refused': 'The relay did not accept the new encryption key. Check the clock of this computer.',
};

const known = new Set<string>([...localFailures, ...Object.keys(relayFailures)]);

export class RelayFailure extends Failure {
  /** What to do about it, even if the code is not known. */
  readonly class: FailureClass;

  constructor({ code, class: name }: Pick<FrameOf<'failure'>, 'code' | 'class'>) {
    super(
      known.has(code) ? (code as FailureCode) : 'relay-refused',
      sentences[code] ??
        `The relay refused a request (${code}). It may be newer than this Signet: update Signet.`,
    );
    this.class = name;
  }
}

/** @returns undefined for what the relay has not refused */
export const classOf = (error: unknown): FailureClass | undefined =>
  error instanceof RelayFailure ? error.class : undefined;
