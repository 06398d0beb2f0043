// Under which addresses others can reach this computer.
import { networkInterfaces } from 'node:os';

const bracket = (host: string): string => (host.includes(':') ? `[${host}]` : host);
const isAnywhere = (host: string): boolean => host === '0.0.0.0' || host === '::';

/** host:port for an invite: the host that the relay listens on; when it listens everywhere, this computer's
 * addresses in its networks, or loopback if it is in none. */
export function reachableAddresses(host: string, port: number): string[] {
  if (!isAnywhere(host)) return [`${bracket(host)}:${port}`];
  const found = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .filter(({ family }) => family === 'IPv4' || host === '::')
    .map(({ address }) => `${bracket(address)}:${port}`);
  const loopback = host === '::' ? '[::1]' : '127.0.0.1';
  // An invite holds 16 addresses at most.
  return found.length > 0 ? found.slice(0, 16) : [`${loopback}:${port}`];
}
