// Reaches the relay: a TLS 1.3 connection on whose key the pin was checked before the first byte is sent over it.
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { Failure } from '../../protocol/failures.ts';
import { sha256 } from '../../protocol/key.ts';
import { splitAddress } from '../../protocol/links.ts';

/** For all addresses together. Time enough for a second name server, when the first is dead. */
const LIMIT_MS = 7000;
/** How long one address has before the next is tried beside it (RFC 8305, section 5), and by when the last one is. */
const STAGGER_MS = 250;
const ALL_TRIED_MS = 2000;

/** Tries all addresses, and all that a name in them stands for; takes the first that answers with the right key.
 * @param relayKey SHA-256 of the relay's TLS public key, 32 bytes
 * @throws Failure `relay-key-differs`, `not-a-relay`, `relay-unreachable`: of several the most telling */
export async function dial(addresses: string[], relayKey: Buffer): Promise<TLSSocket> {
  const over = new AbortController();
  const limit = setTimeout(() => over.abort(), LIMIT_MS);
  try {
    return await race(addresses, over.signal, async (address) => {
      const { host, port } = splitAddress(address);
      if (isIP(host)) return dialOne(address, { host, port }, relayKey, over.signal);
      const found = await addressesOf(host, over.signal).catch((error: NodeJS.ErrnoException) => {
        throw explain(address, error);
      });
      return race(found, over.signal, (ip) =>
        dialOne(address, { host: ip, port, servername: host }, relayKey, over.signal),
      );
    });
  } finally {
    clearTimeout(limit);
    over.abort();
  }
}

async function race(
  candidates: string[],
  over: AbortSignal,
  attempt: (candidate: string) => Promise<TLSSocket>,
): Promise<TLSSocket> {
  const pause = Math.min(STAGGER_MS, ALL_TRIED_MS / candidates.length);
  const attempts = candidates.map(async (candidate, i) => {
    await delay(i * pause, undefined, { signal: over });
    return attempt(candidate);
  });
  try {
    return await Promise.any(attempts);
  } catch (error) {
    const failures = (error as AggregateError).errors.filter((reason) => reason instanceof Failure);
    throw failures.sort((one, other) => telling(other) - telling(one))[0] ?? error;
  }
}

async function addressesOf(host: string, over: AbortSignal): Promise<string[]> {
  const found = await Promise.race([lookup(host, { all: true }), once(over, 'abort')]);
  if (over.aborted) throw withCode('EAI_AGAIN');
  return (found as { address: string }[]).map(({ address }) => address);
}

/** @param address as in the invite @param servername the name that a proxy before the relay tells relays apart by */
function dialOne(
  address: string,
  target: { host: string; port: number; servername?: string },
  relayKey: Buffer,
  over: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...target,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['http/1.1'],
      // No authority vouches for the relay: its key's hash does, which the invite brought, and which is checked here.
      rejectUnauthorized: false,
    });
    const fail = (failure: Failure): void => {
      over.removeEventListener('abort', give);
      socket.destroy();
      reject(failure);
    };
    const give = (): void =>
      fail(explain(address, withCode(socket.connecting ? 'ETIMEDOUT' : SILENT_TO_TLS)));
    over.addEventListener('abort', give);
    socket.once('error', (error: NodeJS.ErrnoException) => fail(explain(address, error)));
    socket.once('secureConnect', () => {
      const spki = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' });
      if (!spki || !sha256(spki).equals(relayKey)) {
        return fail(keyDiffers(address, relayKey, spki ? sha256(spki) : undefined));
      }
      over.removeEventListener('abort', give);
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

const SILENT_TO_TLS = 'SILENT_TO_TLS';
const withCode = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code });

/** What goes wrong on the way, and what helps: later in the list is nearer to the relay, and so more telling. */
const reasons: Record<string, [why: string, advice: string]> = {
  EAI_AGAIN: ["names can't be looked up now", "Check this computer's connection to its network."],
  ENOTFOUND: [
    'its name is not known',
    "Check this computer's connection to the Internet; if that is good, ask for a new invite.",
  ],
  ENETUNREACH: [
    'this computer has no way to its network',
    'Connect this computer to the Internet, or to the network that the relay is in.',
  ],
  EHOSTUNREACH: [
    'there is no way to its computer',
    'Check that it is on, and in the same network as this one; if its address has changed, ask for a new invite.',
  ],
  ETIMEDOUT: [
    'nothing answers',
    'Check that its computer is on and that its firewall lets this port through; if its address has changed, ask for a new invite.',
  ],
  ECONNRESET: [
    'it ends the connection at once',
    'Check that the relay runs, and that this is its own port; if it is behind a proxy, look there.',
  ],
  [SILENT_TO_TLS]: [
    'it takes the connection and says nothing',
    'Check that this is the port of the relay; if it is, restart the relay.',
  ],
  ECONNREFUSED: [
    'nothing listens there',
    'Start the relay; if it runs, its address or port has changed: ask for a new invite.',
  ],
};

function telling({ code, cause }: Failure): number {
  if (code === 'relay-key-differs') return Infinity;
  if (code === 'not-a-relay') return Number.MAX_VALUE;
  return Object.keys(reasons).indexOf((cause as NodeJS.ErrnoException).code ?? '');
}

function keyDiffers(address: string, expected: Buffer, found: Buffer | undefined): Failure {
  return new Failure(
    'relay-key-differs',
    `What answers at ${address} is not the relay of your invite: its key is ${found?.toString('base64url') ?? 'none'}, ` +
      `the invite's is ${expected.toString('base64url')}. Nothing was sent to it. Ask for a new invite if the relay was replaced.`,
  );
}

function explain(address: string, error: NodeJS.ErrnoException): Failure {
  const { code = '' } = error;
  if (code.startsWith('ERR_SSL') || code === 'EPROTO') {
    const why = /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/.test(code)
      ? 'it speaks an older TLS than 1.3'
      : code.includes('_ALERT_')
        ? 'it refuses the TLS connection'
        : 'it speaks no TLS, like a plain web server';
    return new Failure(
      'not-a-relay',
      `What answers at ${address} is no Signet relay: ${why}. Check the address and the port; behind a proxy, the relay itself has to get the connection.`,
      { cause: error },
    );
  }
  const [why, advice] = reasons[code] ?? [
    `the connection failed (${code})`,
    "Check the connection of this computer and of the relay's.",
  ];
  return new Failure('relay-unreachable', `The relay at ${address} can't be reached: ${why}. ${advice}`, {
    cause: error,
  });
}
