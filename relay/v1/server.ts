// Composes the relay: TLS, WebSocket, stores, mailboxes, and whoever is connected.
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Logger } from 'pino';
import { WebSocketServer } from 'ws';
import { MAX_FRAME_BYTES } from '../../protocol/v1/frames.ts';
import { ownCertificate } from '../certificate.ts';
import { openDoor } from '../door.ts';
import { defaultLimits, type Limits } from '../limits.ts';
import { networkOf, openRoom } from '../office.ts';
import { Connection } from './connection.ts';
import { Connections, type RelayContext } from './context.ts';
import { Mailboxes } from './mailboxes.ts';
import { MAILBOX_LIFETIME_MS } from '../../protocol/v1/prekey.ts';
import { SCHEMA } from './schema.ts';
import { SqliteMessages } from './sqlite-messages.ts';
import { SqliteUsers } from './sqlite-users.ts';
import type { MessageStore, UserStore } from './stores.ts';

const HEARTBEAT_MS = 20_000;
const EXPIRY_MS = 60 * 60 * 1000;

export type Stores = { users: UserStore; messages: MessageStore; close: () => void };
export type RelayOptions = {
  /** Folder of the TLS key. */
  data: string;
  stores: Stores;
  port: number;
  host: string;
  log: Logger;
  registration?: RelayContext['registration'];
  limits?: Partial<Limits>;
  /** Milliseconds since 1970; tests move it. */
  now?: () => number;
};
export type Relay = {
  port: number;
  /** SHA-256 of the TLS public key, 32 bytes. */
  key: Buffer;
  mailboxes: Mailboxes;
  close(): Promise<void>;
};

/** The stores in one SQLite file. FULL: `accepted` means that a power cut loses nothing. */
export function openSqlite(data: string, now: () => number = Date.now): Stores {
  const database = new DatabaseSync(join(data, 'relay-1.sqlite'));
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON;`);
  const isNew = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'users'").get() === undefined;
  if (isNew) database.exec(`BEGIN; ${SCHEMA} COMMIT;`);
  return {
    users: new SqliteUsers(database, now),
    messages: new SqliteMessages(database),
    close: () => database.close(),
  };
}

export async function startRelay(options: RelayOptions): Promise<Relay> {
  const { log, stores, now = Date.now, registration = 'open' } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const { cert, key, pin } = await ownCertificate(options.data);
  const server = createServer({ cert, key, minVersion: 'TLSv1.3', handshakeTimeout: limits.signInTime });
  const door = openDoor(server, limits, log, now);
  const room = openRoom(limits, now);
  const mailboxes = new Mailboxes(stores.messages, limits, now);
  const connections = new Connections();
  const context: RelayContext = {
    users: stores.users,
    mailboxes,
    connections,
    limits,
    registration,
    admitsRegistration: room.admitsRegistration,
    log,
    now,
    relayKey: pin,
  };
  mailboxes.onFault = (error) => log.error({ error: String(error) }, 'the database refused a commit');
  mailboxes.onStored = (stored) => {
    for (const { mailbox, sender, position } of stored) connections.find(mailbox)?.stored(sender, position);
  };
  const everybody = new Set<Connection>();
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
    const connection = new Connection(socket, request.socket, context, address);
    everybody.add(connection);
    socket.on('close', () => everybody.delete(connection));
    if (everybody.size > limits.connections) {
      log.warn({ network: networkOf(address) }, 'too many connections, refusing');
      connection.close(1013, 'busy');
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const expire = (): void => {
    mailboxes
      .expire(MAILBOX_LIFETIME_MS)
      .catch((error: unknown) => log.error({ error: String(error) }, 'what is old could not be removed'));
  };
  expire();
  const heartbeat = setInterval(() => everybody.forEach((one) => one.heartbeat()), HEARTBEAT_MS);
  const expiry = setInterval(expire, EXPIRY_MS);

  const close = async (): Promise<void> => {
    clearInterval(heartbeat);
    clearInterval(expiry);
    const closed = new Promise((resolve) => server.close(resolve));
    everybody.forEach((one) => one.close(1001, ''));
    const impatience = setTimeout(() => door.slam(), 1000);
    await closed;
    clearTimeout(impatience);
    await mailboxes.close();
    stores.close();
  };
  return { port: (server.address() as AddressInfo).port, key: pin, mailboxes, close };
}
