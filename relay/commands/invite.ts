// signet-relay invite: the invite to the relay of a folder, whether it is serving or not.
import { randomBytes } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import { sha256 } from '../../protocol/key.ts';
import { encodeInvite } from '../../protocol/links.ts';
import { reachableAddresses } from '../addresses.ts';
import { addToken } from '../admin-queries.ts';
import { type Certificate, givenCertificate, keptCertificate } from '../certificate.ts';
import { readDatabase } from '../database.ts';
import type { ListenOptions } from './options.ts';

/** @param relay the port that it listens on, and its key's SHA-256 */
export function inviteTo(
  { port, key }: { port: number; key: Buffer },
  { address, host }: Pick<ListenOptions, 'address' | 'host'>,
  token?: Buffer,
): { addresses: string[]; invite: string } {
  const addresses = address.length > 0 ? address : reachableAddresses(host, port);
  return {
    addresses,
    invite: encodeInvite({ relays: addresses, relayKey: key, ...(token ? { token } : {}) }),
  };
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

const DAY_MS = 24 * 60 * 60 * 1000;

/** Makes a token that pays for registrations, also while the relay serves. @returns it, 16 bytes */
function makeToken(data: string, uses: number, days: number): Buffer {
  const token = randomBytes(16);
  const database = readDatabase(data);
  try {
    database.exec('PRAGMA query_only = OFF');
    addToken(database, sha256(token), uses, Date.now() + days * DAY_MS);
  } finally {
    database.close();
  }
  return token;
}

export type InviteOptions = ListenOptions & { qr: boolean; json: boolean; uses?: number; days: number };

/** @throws Failure of the folder and the database, or `command-invalid` if the port is not known */
export async function invite(options: InviteOptions): Promise<void> {
  const { pin } = certificateOf(options);
  if (options.port === 0 && options.address.length === 0) {
    throw new Failure(
      'command-invalid',
      'Which port the relay listens on is not known: name it with --port.',
    );
  }
  const { uses, days } = options;
  const token = uses === undefined ? undefined : makeToken(options.data, uses, days);
  const { addresses, invite } = inviteTo({ port: options.port, key: pin }, options, token);
  const key = pin.toString('hex');
  if (options.json) return console.log(JSON.stringify({ invite, addresses, key }));
  console.log(`Others reach the relay at:\n${addresses.map((address) => `  ${address}`).join('\n')}`);
  console.log(`\nSHA-256 of its key:\n  ${key}`);
  console.log(`\nInvite, to be pasted or scanned by everybody who joins:\n\n${invite}\n`);
  if (uses !== undefined)
    console.log(
      `It lets ${uses} ${uses === 1 ? 'person' : 'people'} register within ${days} ${days === 1 ? 'day' : 'days'}.\n`,
    );
  if (options.qr) console.log(await qrCode(invite));
}
