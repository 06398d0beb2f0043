// signet-relay invite: the invite to the relay of a folder, whether it is serving or not.
import { Failure } from '../../protocol/failures.ts';
import { encodeInvite } from '../../protocol/invite.ts';
import { reachableAddresses } from '../addresses.ts';
import { type Certificate, givenCertificate, keptCertificate } from '../certificate.ts';
import type { ListenOptions } from './options.ts';

/** @param relay the port that it listens on, and its key's SHA-256 */
export function inviteTo(
  { port, key }: { port: number; key: Buffer },
  { address, host }: Pick<ListenOptions, 'address' | 'host'>,
): { addresses: string[]; invite: string } {
  const addresses = address.length > 0 ? address : reachableAddresses(host, port);
  return { addresses, invite: encodeInvite({ relays: addresses, key }) };
}

/** For a terminal. */
export async function qrCode(invite: string): Promise<string> {
  // Imported only when it is wanted: it would take a tenth of the start.
  const { default: qrcode } = await import('qrcode');
  return qrcode.toString(invite, { type: 'terminal', small: true, errorCorrectionLevel: 'L' });
}

/** The certificate that the options name, or the one in the folder.
 * @throws Failure `folder-unusable` */
export function certificateOf({ data, certificate, key }: ListenOptions): Certificate {
  return certificate && key ? givenCertificate(certificate, key) : keptCertificate(data);
}

/** @throws Failure `folder-unusable`, or `command-invalid` if the port is not known */
export async function invite(options: ListenOptions & { qr: boolean; json: boolean }): Promise<void> {
  // Only the key is read: the database is the serving relay's own.
  const { pin } = certificateOf(options);
  if (options.port === 0 && options.address.length === 0) {
    throw new Failure(
      'command-invalid',
      'Which port the relay listens on is not known: name it with --port.',
    );
  }
  const { addresses, invite } = inviteTo({ port: options.port, key: pin }, options);
  const key = pin.toString('hex');
  if (options.json) return console.log(JSON.stringify({ invite, addresses, key }));
  console.log(`Others reach the relay at:\n${addresses.map((address) => `  ${address}`).join('\n')}`);
  console.log(`\nSHA-256 of its key:\n  ${key}`);
  console.log(`\nInvite, to be pasted or scanned by everybody who joins:\n\n${invite}\n`);
  if (options.qr) console.log(await qrCode(invite));
}
