// What a relay says of a user: believed only as far as it is signed (PROTOCOL.md, "Reception key").
import { Failure } from '../../protocol/failures.ts';
import type { RelayFrame, SignedReceptionKey } from '../../protocol/frames.ts';
import { importPublicKey, type PublicKey, verifySignature } from '../../protocol/public-key.ts';
import {
  CLOCK_TOLERANCE_MS,
  RECEPTION_KEY_LIFETIME_MS,
  receptionKeyStatement,
} from '../../protocol/statements.ts';

/** Somebody as the relay names them, every signature checked. */
export type Introduction = { name: string; identity: PublicKey; receptionKey: SignedReceptionKey };

/** What a relay says of a user, checked. An expired key passes here: whoever is away
 * for long can still be heard. */
export async function checkIntroduction(
  name: string,
  frame: Extract<RelayFrame, { type: 'user' }>,
  now: number,
): Promise<Introduction> {
  const { identityKey, receptionKey } = frame;
  const invalid = (why: string): Failure =>
    new Failure('reception-key-invalid', `What the relay says of ${name} does not hold: ${why}.`);
  if (frame.user !== name) throw invalid('it speaks of somebody else');
  const [identity] = await Promise.all([importPublicKey(identityKey), importPublicKey(receptionKey.key)]);
  if (receptionKey.key.equals(identityKey)) throw invalid('one key is to sign and to open');
  const statement = receptionKeyStatement(name, receptionKey);
  if (!(await verifySignature(identity, receptionKey.signature, statement))) {
    throw invalid('the key is not signed by that identity for that name');
  }
  if (receptionKey.expires - receptionKey.created !== RECEPTION_KEY_LIFETIME_MS)
    throw invalid('its dates are wrong');
  if (receptionKey.created > now + CLOCK_TOLERANCE_MS) {
    // It passes: what was delivered waits until the clocks agree.
    throw new Failure(
      'clock-wrong',
      `By this computer's clock, ${name} made a key in the future. One clock is wrong.`,
    );
  }
  return { name, identity, receptionKey };
}
