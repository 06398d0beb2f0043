// The relay's door: sockets are counted before TLS costs anything, and who comes in must get on with it.
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { Budget, type Limits } from './limits.ts';
import { countedAs, networkOf } from './office.ts';

/** A socket over the limits of connections is told so, in a frame. One that is as far over them again is not heard. */
const SOCKETS_PER_CONNECTION = 2;
/** A flood of sockets is not to be one of lines in the log. */
const LINES = { burst: 10, perSecond: 0.1 };

export type Door = {
  /** It speaks WebSocket: from here on its client looks after its time. */
  passed(socket: object): void;
  /** Ends every socket, whatever it is at. */
  slam(): void;
};

/** Stands at a server's door, from its next connection on. */
export function openDoor(server: Server, limits: Limits, log: Logger, now: () => number): Door {
  const sockets = new Set<Socket>();
  const byAddress = new Map<string, number>();
  const lines = new Budget(LINES.burst, LINES.perSecond, now);
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
    slam: () => sockets.forEach((socket) => socket.destroy()),
  };
}
