// Reaches the relay: a TLS 1.3 connection on whose key the pin was checked before the first byte is sent over it.
import { isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { sha256 } from '../../protocol/envelope.ts';
import { Failure } from '../../protocol/failures.ts';
import { splitAddress } from '../../protocol/invite.ts';

const TIMEOUT_MS = 8000;
/** How long one address has before the next is tried beside it (RFC 8305, section 5). */
const STAGGER_MS = 250;

/** Tries all addresses, and takes the first that answers with the right key.
 * @param relayKey SHA-256 of the relay's TLS public key, 32 bytes
 * @throws Failure `relay-key-differs`, `not-a-relay`, `relay-unreachable` */
export async function dial(addresses: string[], relayKey: Buffer): Promise<TLSSocket> {
  const cancel = new AbortController();
  const attempts = addresses.map(async (address, i) => {
    await delay(i * STAGGER_MS, undefined, { signal: cancel.signal });
    return dialOne(address, relayKey, cancel.signal);
  });
  try {
    return await Promise.any(attempts);
  } catch (error) {
    const failures = (error as AggregateError).errors.map((reason: unknown) => Failure.from(reason));
    const telling = ['relay-key-differs', 'not-a-relay'].flatMap((code) =>
      failures.filter((f) => f.code === code),
    );
    throw telling[0] ?? failures[0]!;
  } finally {
    cancel.abort();
  }
}

function dialOne(address: string, relayKey: Buffer, signal: AbortSignal): Promise<TLSSocket> {
  const { host, port } = splitAddress(address);
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ...(isIP(host) ? {} : { servername: host }),
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['http/1.1'],
      // No authority vouches for the relay: its key's hash does, which the invite brought, and which is checked here.
      rejectUnauthorized: false,
    });
    const fail = (failure: Failure): void => {
      signal.removeEventListener('abort', give);
      socket.destroy();
      reject(failure);
    };
    const give = (): void => fail(new Failure('offline', 'Another address answered first.'));
    signal.addEventListener('abort', give);
    socket.setTimeout(TIMEOUT_MS, () => fail(unreachable(address, 'it does not answer')));
    socket.once('error', (error: NodeJS.ErrnoException) => fail(explain(address, error)));
    socket.once('secureConnect', () => {
      const spki = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' });
      if (!spki || !sha256(spki).equals(relayKey)) {
        return fail(keyDiffers(address, relayKey, spki ? sha256(spki) : undefined));
      }
      signal.removeEventListener('abort', give);
      socket.setTimeout(0);
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

function unreachable(address: string, why: string, cause?: unknown): Failure {
  return new Failure(
    'relay-unreachable',
    `The relay at ${address} can't be reached: ${why}. Is it running, and are both computers connected?`,
    { cause },
  );
}

function keyDiffers(address: string, expected: Buffer, found: Buffer | undefined): Failure {
  return new Failure(
    'relay-key-differs',
    `What answers at ${address} is not the relay of your invite: its key is ${found?.toString('base64url') ?? 'none'}, ` +
      `the invite's is ${expected.toString('base64url')}. Nothing was sent to it. Ask for a new invite if the relay was replaced.`,
  );
}

function explain(address: string, error: NodeJS.ErrnoException): Failure {
  const reasons: Record<string, string> = {
    ECONNREFUSED: 'nothing listens there',
    ENOTFOUND: 'this name is not known',
    EAI_AGAIN: 'names can not be looked up now',
    EHOSTUNREACH: 'there is no way to it',
    ENETUNREACH: 'there is no way to its network',
    ETIMEDOUT: 'it does not answer',
    ECONNRESET: 'it closed the connection',
  };
  const code = error.code ?? '';
  if (code.startsWith('ERR_SSL') || code === 'EPROTO') {
    return new Failure(
      'not-a-relay',
      `What answers at ${address} is no Signet relay: it does not speak TLS 1.3.`,
      {
        cause: error,
      },
    );
  }
  return unreachable(address, reasons[code] ?? 'the connection failed', error);
}
