// Admission of sockets: they are counted before TLS costs anything, and each has to become a WebSocket in time.
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import type { Limits } from './limits.ts';
import { countedAs, networkOf } from './peer-address.ts';
import { TokenBucket } from './token-bucket.ts';

/** A socket over the limits of connections is told so, in a frame. One that is as far over them again is not heard. */
const SOCKETS_PER_CONNECTION = 2;
/** Addresses whose registrations are counted. */
const MAX_REGISTRATION_BUCKETS = 10_000;
/** A flood of sockets must not become a flood of log lines. */
const LINES = { burst: 10, perSecond: 0.1 };

export type Admission = {
  /** The socket has become a WebSocket: from here on its connection limits its time. */
  passed(socket: object): void;
  /** Takes one new name off what an address may register: names are for good. */
  admitsRegistration(address: string): boolean;
  /** Ends every socket, whatever its state. */
  destroyAll(): void;
};

/** Limits a server's sockets, from its next one on. */
export function admitSockets(server: Server, limits: Limits, log: Logger, now: () => number): Admission {
  const sockets = new Set<Socket>();
  const byAddress = new Map<string, number>();
  const lines = new TokenBucket(LINES.burst, LINES.perSecond, now);
  const registrations = new Map<string, TokenBucket>();
  const deadlines = new WeakMap<object, NodeJS.Timeout>();

  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const counted = countedAs(address);
    const others = byAddress.get(counted) ?? 0;
    if (
      sockets.size >= SOCKETS_PER_CONNECTION * limits.connections ||
      others >= SOCKETS_PER_CONNECTION * limits.connectionsPerAddress
    ) {
      if (lines.afford()) log.warn({ network: networkOf(address) }, 'too many sockets, refusing');
      socket.destroy();
      return;
    }
    sockets.add(socket);
    byAddress.set(counted, others + 1);
    socket.on('close', () => {
      sockets.delete(socket);
      const left = byAddress.get(counted)! - 1;
      if (left > 0) byAddress.set(counted, left);
      else byAddress.delete(counted);
    });
  });
  // Until then the handshake has a limit of its own.
  server.on('secureConnection', (socket: TLSSocket) => {
    const deadline = setTimeout(() => socket.destroy(), limits.signInTime);
    deadlines.set(socket, deadline);
    socket.on('close', () => clearTimeout(deadline));
  });
  return {
    passed: (socket) => clearTimeout(deadlines.get(socket)),
    admitsRegistration: (address) => {
      if (registrations.size > MAX_REGISTRATION_BUCKETS) registrations.clear();
      const counted = countedAs(address);
      const bucket =
        registrations.get(counted) ??
        new TokenBucket(limits.registrationBurst, limits.registrationsPerMinute / 60, now);
      registrations.set(counted, bucket);
      return bucket.afford();
    },
    destroyAll: () => sockets.forEach((socket) => socket.destroy()),
  };
}
