// Composes the relay: TLS, WebSocket, stores, mailboxes, and whoever is connected.
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { WebSocketServer } from 'ws';
import { Failure } from '../protocol/failures.ts';
import { MAX_FRAME_BYTES } from '../protocol/frames.ts';
import { MAILBOX_LIFETIME_MS } from '../protocol/prekey.ts';
import { place } from './addresses.ts';
import { admitSockets } from './admission.ts';
import { type Certificate, ownCertificate } from './certificate.ts';
import { Connection } from './connection.ts';
import { Connections, type RelayContext } from './context.ts';
import { describeError } from './data-folder.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { Mailboxes } from './mailboxes.ts';
import { networkOf } from './peer-address.ts';
import { openSqlite } from './sqlite.ts';
import type { Stores } from './stores.ts';

const HEARTBEAT_MS = 20_000;
const EXPIRY_MS = 60 * 60 * 1000;

export type RelayOptions = {
  /** Folder of the database and the TLS key. */
  data: string;
  /** 0 lets the system choose. */
  port: number;
  host: string;
  log: Logger;
  /** Instead of the one that is kept in the folder. */
  certificate?: Certificate;
  /** Instead of the database in the folder. */
  stores?: Stores;
  registration?: RelayContext['registration'];
  limits?: Partial<Limits>;
  /** Milliseconds since 1970; tests move it. */
  now?: () => number;
};

/** How a relay is: devices that are signed in, and the messages that wait for their recipients. */
export type Report = { connected: number; messages: number; bytes: number };

export type Relay = {
  port: number;
  /** SHA-256 of the TLS public key, 32 bytes. */
  key: Buffer;
  mailboxes: Mailboxes;
  report(): Promise<Report>;
  /** Stops taking connections, commits what is pending, closes the stores. */
  close(): Promise<void>;
};

/** Starts a relay. @throws Failure `port-unusable`, and those of the database and the certificate */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const { now = Date.now } = options;
  // Where the key is the operator's, a folder has none that would tell a lost database from one that was never begun.
  const begin = options.certificate ? false : undefined;
  const stores = options.stores ?? openSqlite(options.data, begin, now);
  try {
    return await listen({ ...options, stores, now });
  } catch (error) {
    await stores.close();
    throw error;
  }
}

async function listen(
  options: RelayOptions & Required<Pick<RelayOptions, 'stores' | 'now'>>,
): Promise<Relay> {
  const { log, stores, now, registration = 'open' } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const { cert, key, pin } = options.certificate ?? (await ownCertificate(options.data));
  const server = createServer({ cert, key, minVersion: 'TLSv1.3', handshakeTimeout: limits.signInTime });
  server.on('request', (_request, response) => {
    response.writeHead(426, { Connection: 'close', Upgrade: 'websocket', 'Content-Type': 'text/plain' });
    response.end('This is a Signet relay. Open the Signet app to join it.\n');
  });
  const admission = admitSockets(server, limits, log, now);
  const { admitsRegistration } = admission;
  const mailboxes = new Mailboxes(stores.messages, limits, now);
  const connections = new Connections();
  const context: RelayContext = {
    ...{ users: stores.users, mailboxes, connections, limits, registration, admitsRegistration, log, now },
    relayKey: pin,
  };
  mailboxes.onFault = (error) => log.error({ error: describeError(error) }, 'the database refused a commit');
  mailboxes.onStored = (stored) => {
    for (const { mailbox, sender, position } of stored) connections.find(mailbox)?.stored(sender, position);
  };
  const sockets = new WebSocketServer({
    server,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    handleProtocols: () => false,
  });
  // The server's own errors (a port in use) come through its 'error' event below, too.
  sockets.on('error', () => {});
  sockets.on('connection', (socket, request) => {
    admission.passed(request.socket);
    const address = request.socket.remoteAddress ?? '';
    const connection = new Connection(socket, request.socket, context, address);
    if (connections.admit(connection, address, limits)) return;
    log.warn({ network: networkOf(address) }, 'too many connections, refusing');
    connection.close(1013, 'busy');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(unusablePort(options, cause)));
    server.listen(options.port, options.host, resolve);
  });
  server.on('error', (error) => log.error({ error: String(error) }, 'server error'));
  const expire = (): void => {
    mailboxes
      .expire(MAILBOX_LIFETIME_MS)
      .catch((error: unknown) =>
        log.error({ error: describeError(error) }, 'what is old could not be removed'),
      );
  };
  expire();
  const heartbeat = setInterval(() => connections.all().forEach((one) => one.heartbeat()), HEARTBEAT_MS);
  const expiry = setInterval(expire, EXPIRY_MS);
  const { port } = server.address() as AddressInfo;
  log.info({ port }, 'listening');

  const close = async (): Promise<void> => {
    clearInterval(heartbeat);
    clearInterval(expiry);
    const closed = new Promise((resolve) => server.close(resolve));
    connections.all().forEach((one) => one.close(1001, ''));
    const impatience = setTimeout(() => admission.destroyAll(), 1000);
    await closed;
    clearTimeout(impatience);
    await mailboxes.close();
    await stores.close();
    log.info('closed');
  };
  const report = async (): Promise<Report> => ({
    connected: connections.count,
    ...(await stores.messages.totals()),
  });
  return { port, key: pin, mailboxes, report, close };
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
