// Where the relay listens, and under which addresses others can reach this computer.
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';

const bracket = (host: string): string => (isIP(host) === 6 ? `[${host}]` : host);
const isOutside = ({ internal, address }: NetworkInterfaceInfo): boolean =>
  // Those that hold on one link only are of no use in an invite.
  !internal && !/^(fe[89ab]|169\.254\.)/.test(address);

const allAddresses = (): NetworkInterfaceInfo[] =>
  Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);

/** All addresses of this computer: '::' is both families, where the system has IPv6. */
export const everywhere = (): string =>
  allAddresses().some(({ family }) => family === 'IPv6') ? '::' : '0.0.0.0';

export const isEverywhere = (host: string): boolean => host === '0.0.0.0' || host === '::';

/** An address as Node.js writes it, so that "0" and "::0" are known as what they are; a name stays as it is.
 * @param given also with the brackets of an IPv6 address */
export function canonicalHost(given: string): string {
  const bare = given.replace(/^\[(.+)\]$/, '$1');
  const isSix = isIP(bare) === 6;
  if (!isSix && !/^[\w.]+$/.test(given)) return given;
  const host = URL.parse(`https://${isSix ? `[${bare}]` : given}/`)?.hostname.replace(/[[\]]/g, '') ?? given;
  if (host === '::ffff:0:0') return '0.0.0.0';
  return isIP(host) ? host : given;
}

/** Where a relay listens, in words. */
export const place = (host: string, port: number): string =>
  isEverywhere(host) ? `port ${port}` : `${host}, port ${port}`;

/** host:port for an invite: the host that the relay listens on; when it listens everywhere, this computer's
 * addresses in its networks, or loopback if it is in none. */
export function reachableAddresses(host: string, port: number): string[] {
  if (!isEverywhere(host)) return [`${bracket(host)}:${port}`];
  const passing = passingAddresses();
  const found = allAddresses()
    .filter((entry) => isOutside(entry) && !passing.has(entry.address))
    .filter(({ family }) => family === 'IPv4' || host === '::')
    .sort((one, other) => one.family.localeCompare(other.family))
    .map(({ address }) => `${bracket(address)}:${port}`);
  // An invite holds 16 addresses at most.
  return found.length > 0 ? found.slice(0, 16) : [`127.0.0.1:${port}`];
}

/** IPv6 addresses that are given up again within days: temporary ones (RFC 8981) and deprecated ones. Only Linux lists
 * them as a file. */
function passingAddresses(): Set<string> {
  const table = '/proc/net/if_inet6';
  return existsSync(table) ? parsePassing(readFileSync(table, 'utf8')) : new Set();
}

/** @param table as in Linux's /proc/net/if_inet6: address, interface, prefix, scope, flags (in hex), name */
export function parsePassing(table: string): Set<string> {
  const [TEMPORARY, DEPRECATED] = [0x01, 0x20];
  const passing = new Set<string>();
  for (const line of table.split('\n')) {
    const [digits = '', , , , flags = '0'] = line.split(/\s+/);
    if (!(parseInt(flags, 16) & (TEMPORARY | DEPRECATED))) continue;
    const groups = digits.match(/.{4}/g)?.join(':') ?? '';
    // As Node.js writes it.
    passing.add(new URL(`https://[${groups}]/`).hostname.slice(1, -1));
  }
  return passing;
}
