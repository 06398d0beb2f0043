// How a command reads the database of a relay that is serving: the relay, which holds the lock, makes it a copy.
import { chmodSync, closeSync, existsSync, openSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { basename, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { DatabaseSync } from 'node:sqlite';
import type { Logger } from 'pino';
import { sha256 } from '../protocol/envelope.ts';
import { Failure } from '../protocol/failures.ts';
import { assertRelayFolder, DATABASE_FILE } from './data-folder.ts';
import { openDatabase } from './database.ts';

const PREFIX = 'relay-copy-';
/** A relay that is just starting or ending, or another command, holds the lock for a moment and can't be asked. */
const [TRIES, PAUSE_MS] = [20, 100];
/** Windows has sockets among its pipes only, in no folder. */
const onWindows = process.platform === 'win32';
const doorOf = (directory: string): string =>
  onWindows
    ? `\\\\.\\pipe\\signet-relay-${sha256(Buffer.from(resolve(directory).toLowerCase())).toString('hex')}`
    : join(directory, 'relay.sock');

/** A database to read from. */
export type Records = {
  database: DatabaseSync;
  /** A relay serves the folder, and this is a copy. */
  serving: boolean;
  close(): void;
};

/** Makes a copy of the database for whoever connects to DIR/relay.sock, tells its name in one line, and removes it when
 * the connection ends. Nothing else can be asked for here, and what is told is of use only to who may read the folder.
 * @returns ends it */
export async function offerCopies(
  directory: string,
  copy: (file: string) => Promise<void>,
  log: Logger,
): Promise<() => void> {
  // What a relay that was killed has left. The lock is held: no other one is here.
  for (const name of readdirSync(directory)) {
    if (name.startsWith(PREFIX)) rmSync(join(directory, name), { force: true });
  }
  if (!onWindows) rmSync(doorOf(directory), { force: true });
  let turn: Promise<void> = Promise.resolve();
  let count = 0;
  const guests = new Set<Socket>();
  const server = createServer((socket) => {
    const file = join(directory, `${PREFIX}${process.pid}-${++count}.sqlite`);
    guests.add(socket);
    socket.on('error', () => {}).resume();
    socket.on('close', () => {
      guests.delete(socket);
      rmSync(file, { force: true });
    });
    // One after the other: many at once would fill the disk.
    turn = turn.then(async () => {
      if (socket.destroyed) return;
      try {
        closeSync(openSync(file, 'wx', 0o600));
        await copy(file);
        socket.write(`${basename(file)}\n`);
        log.info('a copy of the database was made for a command');
      } catch (error) {
        log.error({ error: String(error) }, 'a copy of the database could not be made');
        socket.end('\n');
      }
      if (socket.destroyed) rmSync(file, { force: true });
      else await new Promise((resolve) => socket.once('close', resolve));
    });
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(doorOf(directory), resolve);
    });
    if (!onWindows) chmodSync(doorOf(directory), 0o600);
  } catch (error) {
    // A path too long for a socket, or a system without: the relay serves all the same.
    log.warn({ error: String(error) }, 'commands can read this folder only while the relay is stopped');
  }
  return () => {
    server.close();
    guests.forEach((socket) => socket.destroy());
  };
}

/** Opens what a relay has stored, to be read: the database itself, or a copy of it if a relay serves the folder.
 * @throws Failure, those of `openDatabase`; `folder-in-use` if a relay serves and can't be asked */
export async function openRecords(directory: string): Promise<Records> {
  assertRelayFolder(directory);
  for (let left = TRIES; ; left--) {
    try {
      const database = openDatabase(directory, false);
      return { database, serving: false, close: () => database.close() };
    } catch (failure) {
      if (Failure.from(failure).code !== 'folder-in-use') throw failure;
    }
    const socket = connect(doorOf(directory));
    const name = await firstLine(socket);
    const database = name ? openCopy(join(directory, basename(name))) : undefined;
    if (database) return { database, serving: true, close: () => (database.close(), socket.destroy()) };
    socket.destroy();
    // Only where nobody could be asked, or the relay has ended after it was, is it worth asking again.
    if (name !== '' && left > 0) await delay(PAUSE_MS);
    else throw silent(directory);
  }
}

/** @returns undefined if it is gone already */
function openCopy(file: string): DatabaseSync | undefined {
  const url = pathToFileURL(file);
  // The copy changes no more: no lock is needed, and no file is made beside it.
  url.search = 'immutable=1';
  try {
    return new DatabaseSync(url, { readOnly: true });
  } catch (error) {
    if (existsSync(file)) throw error;
    return undefined;
  }
}

function silent(directory: string): Failure {
  return new Failure(
    'folder-in-use',
    `${directory} is in use: by another command (then try again), or by a relay that can't make a copy to read ` +
      'from; its log says why. Stop it for this command.',
  );
}

/** @returns the first line, empty if no copy could be made; undefined if none comes */
function firstLine(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    socket.on('error', () => resolve(undefined));
    // No limit on the time: a large database takes a while.
    createInterface({ input: socket })
      .once('line', resolve)
      .on('close', () => resolve(undefined))
      .on('error', () => {});
  });
}

/** Opens a relay's database, to be changed, while no relay serves it.
 * @throws Failure, those of `openDatabase`; `folder-in-use` says what is to be done */
export function openStopped(directory: string): DatabaseSync {
  assertRelayFolder(directory);
  return unlessInUse(directory, () => openDatabase(directory, false));
}

/** @throws Failure `folder-in-use` that says what is to be done; the others of `open` as they are */
export function unlessInUse<T>(directory: string, open: () => T): T {
  try {
    return open();
  } catch (failure) {
    throw Failure.from(failure).code === 'folder-in-use' ? inUse(directory) : failure;
  }
}

/** What a command says that can't do its work beside a relay. */
export function inUse(directory: string): Failure {
  return new Failure(
    'folder-in-use',
    `A relay serves ${directory} now and holds ${DATABASE_FILE} locked. Stop it first, and start it again after.`,
  );
}
