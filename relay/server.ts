// Composes the relay: TLS, WebSocket, directory, mailbox; and knows who is connected.
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { WebSocketServer } from 'ws';
import { Failure } from '../protocol/failures.ts';
import { MAX_FRAME_BYTES } from '../protocol/fields.ts';
import { place } from './addresses.ts';
import { ownCertificate, type Certificate } from './certificate.ts';
import { Client } from './client.ts';
import { damageOf, DATABASE_FILE } from './data-folder.ts';
import { openDatabase } from './database.ts';
import { Directory } from './directory.ts';
import { openDoor } from './door.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { Mailbox } from './mailbox.ts';
import { networkOf, type Office, openRoom } from './office.ts';

const HEARTBEAT_MS = 20_000;
const EXPIRY_MS = 60 * 60 * 1000;

export type RelayOptions = {
  /** Folder of the database and the TLS key. */
  data: string;
  /** 0 lets the system choose. */
  port: number;
  host: string;
  log: Logger;
  certificate?: Certificate;
  limits?: Partial<Limits>;
  /** Milliseconds since 1970; tests move it. */
  now?: () => number;
};

/** How a relay is: users who are signed in, and the messages that wait for their recipients. */
export type Report = { connected: number; messages: number; bytes: number };

export type Relay = {
  port: number;
  /** SHA-256 of the TLS public key, 32 bytes. */
  key: Buffer;
  report(): Report;
  /** Stops taking connections, commits what is pending, closes the database. */
  close(): Promise<void>;
};

/** Starts a relay. @throws Failure `port-unusable`, and those of the database and the certificate */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const { log, now = Date.now } = options;
  const limits = { ...defaultLimits, ...options.limits };
  // Where the key is the operator's, a folder has none that would tell a lost database from one that was never begun.
  const database = openDatabase(options.data, options.certificate ? false : undefined);
  try {
    const certificate = options.certificate ?? (await ownCertificate(options.data));
    const server = createServer({
      cert: certificate.cert,
      key: certificate.key,
      minVersion: 'TLSv1.3',
      handshakeTimeout: limits.signInTime,
    });
    const door = openDoor(server, limits, log, now);
    server.on('request', (_request, response) => {
      response.writeHead(426, { Connection: 'close', Upgrade: 'websocket', 'Content-Type': 'text/plain' });
      response.end('This is a Signet relay. Open the Signet app to join it.\n');
    });
    const directory = new Directory(database, now);
    const mailbox = new Mailbox(database, limits, now);
    mailbox.onFault = (error) =>
      log.error({ error: String(damageOf(error, DATABASE_FILE) ?? error) }, 'the database refused a commit');
    const room = openRoom(limits, now);
    const office: Office = { ...room, directory, mailbox, limits, log, now, key: certificate.pin };
    mailbox.onCommit = (recipients) => recipients.forEach((user) => room.clientOf(user)?.catchUp());
    mailbox.expire();

    const sockets = new WebSocketServer({
      server,
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: false,
      handleProtocols: () => false,
    });
    // The server's own errors (a port in use) come through its 'error' event below, too.
    sockets.on('error', () => {});
    sockets.on('connection', (socket, request) => {
      door.passed(request.socket);
      const address = request.socket.remoteAddress ?? '';
      const client = new Client(socket, office, address);
      if (!room.enter(client, address)) {
        log.warn({ network: networkOf(address) }, 'too many connections, refusing');
        client.close(1013, 'busy');
      }
    });

    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(unusablePort(options, cause)));
      server.listen(options.port, options.host, resolve);
    });
    server.on('error', (error) => log.error({ error: String(error) }, 'server error'));
    const heartbeat = setInterval(() => room.everybody((client) => client.heartbeat()), HEARTBEAT_MS);
    const expiry = setInterval(() => mailbox.expire(), EXPIRY_MS);
    const { port } = server.address() as AddressInfo;
    log.info({ port }, 'listening');

    const close = async (): Promise<void> => {
      clearInterval(heartbeat);
      clearInterval(expiry);
      const closed = new Promise((resolve) => server.close(resolve));
      room.everybody((client) => client.close(1001, ''));
      const impatience = setTimeout(() => door.slam(), 1000);
      await closed;
      clearTimeout(impatience);
      mailbox.close();
      database.close();
      log.info('closed');
    };
    const report = (): Report => ({ connected: room.users, ...mailbox.waiting() });
    return { port, key: certificate.pin, report, close };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Why a port can't be listened on, as a sentence. */
export function unusablePort({ port, host }: Pick<RelayOptions, 'port' | 'host'>, cause: Error): Failure {
  const code = (cause as NodeJS.ErrnoException).code;
  const why: Record<string, string> = {
    EADDRINUSE: 'another program uses it. Choose another port',
    EACCES: 'this needs more rights. Choose a port from 1024 upwards',
    EAFNOSUPPORT: 'this computer has no IPv6. Choose an IPv4 address with --host',
    EADDRNOTAVAIL: 'this computer has no such address. Choose another with --host',
    EINVAL: 'this computer has no such address. Choose another with --host',
    ENOTFOUND: 'nobody knows this name. Name an address of this computer with --host',
    EAI_AGAIN: 'names cannot be looked up now. Name an address of this computer with --host',
  };
  const reason = why[code ?? ''] ?? `${cause.message}`;
  return new Failure('port-unusable', `The relay cannot listen on ${place(host, port)}: ${reason}.`, {
    cause,
  });
}
