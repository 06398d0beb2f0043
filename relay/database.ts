// The relay's one SQLite file: how it is opened, locked and checked.
import { accessSync, chmodSync, closeSync, constants, existsSync, lstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Failure } from '../protocol/failures.ts';
import {
  assertRelayFolder,
  CERTIFICATE_FILE,
  damaged,
  damageOf,
  DATABASE_FILE,
  failureOfDisk,
  giveToOwner,
  LOCK_FILE,
  makeFolder,
  RESTORING_FILE,
} from './data-folder.ts';
import { SCHEMA } from './schema.ts';

/** 1 was that of the development version. */
export const SCHEMA_VERSION = 2;
const SQLITE_ERROR = 1;
/** How long SQLite waits for a lock that another process holds for a moment, in milliseconds. */
const LOCK_TIMEOUT_MS = 2000;

/** Opens DIR/relay.sqlite, creates it if it is missing, and locks the folder until it is closed.
 * @param begin whether an empty file is an interrupted first start, not data loss; a key is made after it
 * @throws Failure `folder-unusable`, `folder-in-use`, `database-damaged`, `database-newer`, `disk-full` */
export function openDatabase(
  directory: string,
  begin = !existsSync(join(directory, CERTIFICATE_FILE)),
): DatabaseSync {
  try {
    makeFolder(directory);
  } catch (cause) {
    throw new Failure('folder-unusable', `The data folder ${directory} cannot be made or used.`, { cause });
  }
  const lock = lockFolder(directory);
  try {
    if (existsSync(join(directory, RESTORING_FILE))) {
      const sentence = `A restore into ${directory} was interrupted. Run "signet-relay restore" there again.`;
      throw new Failure('folder-unusable', sentence);
    }
    const database = openFile(directory, begin);
    const close = database.close.bind(database);
    return Object.assign(database, {
      close: () => {
        try {
          close();
        } finally {
          lock.close();
        }
      },
    });
  } catch (failure) {
    lock.close();
    throw failure;
  }
}

/** Opens the database of a relay that has to be stopped for it.
 * @throws Failure those of `openDatabase`; `folder-in-use` says what to do */
export function openStopped(directory: string): DatabaseSync {
  assertRelayFolder(directory);
  if (isServed(directory)) throw servedNow(directory);
  return openDatabase(directory, false);
}

/** Opens the database for reading, whether a relay serves it or not: readers don't disturb it.
 * @throws Failure `folder-unusable`, `database-damaged`, `database-newer` */
export function readDatabase(directory: string): DatabaseSync {
  assertRelayFolder(directory);
  return opened(join(directory, DATABASE_FILE), false, (database) => {
    if (versionOf(database) === 0) throw damaged(join(directory, DATABASE_FILE));
    database.exec('PRAGMA query_only = ON');
    readAll(database);
  });
}

/** Locks a folder for one relay, or for a command that replaces its files, until it is closed or this process ends.
 * The empty file stays: a lock whose file is removed can be taken twice.
 * @throws Failure `folder-unusable`, `folder-in-use`, `disk-full` */
export function lockFolder(directory: string): DatabaseSync {
  const file = join(directory, LOCK_FILE);
  let lock: DatabaseSync | undefined;
  try {
    if (!existsSync(file)) {
      closeSync(openSync(file, 'wx', 0o600));
      giveToOwner(file, directory);
    }
    // SQLite would silently give no lock to someone who may only read the file.
    accessSync(file, constants.W_OK);
    lock = new DatabaseSync(file, { timeout: LOCK_TIMEOUT_MS });
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return lock;
  } catch (cause) {
    if (lock?.isOpen) lock.close();
    const isLocked = isInUse(cause);
    if (!isLocked && damageOf(cause, file)) {
      const sentence = `${file} is not what a relay has made. Remove it, then try again.`;
      throw new Failure('folder-unusable', sentence, { cause });
    }
    throw explain(cause, isLocked ? join(directory, DATABASE_FILE) : directory);
  }
}

/** Whether a relay serves the folder now, or a command works on it that needs it stopped. */
export function isServed(directory: string): boolean {
  const file = join(directory, LOCK_FILE);
  if (!existsSync(file)) return false;
  const lock = new DatabaseSync(file, { readOnly: true });
  try {
    lock.exec('SELECT count(*) FROM sqlite_schema');
    return false;
  } catch (cause) {
    // What else is wrong with it shows when the folder is locked.
    return isInUse(cause);
  } finally {
    lock.close();
  }
}

export function servedNow(directory: string): Failure {
  return new Failure(
    'folder-in-use',
    `A relay serves ${directory} now. Stop it first, and start it again after.`,
  );
}

/** Two relays may also create the lock of a folder at the same moment. */
const isInUse = (cause: unknown): boolean => /database is locked|EEXIST/.test(String(cause));

function openFile(directory: string, begin: boolean): DatabaseSync {
  const file = join(directory, DATABASE_FILE);
  const isNew = !existsSync(file);
  return opened(file, begin, (database) => {
    const version = versionOf(database);
    if (version === 0 && !begin && !isNew) throw damaged(file);
    // FULL on every open: `accepted` means that a power cut loses nothing.
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;
      PRAGMA checkpoint_fullfsync = ON; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON;`);
    database.exec('BEGIN IMMEDIATE');
    if (version === 0) database.exec(`${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION};`);
    database.exec('COMMIT');
    readAll(database);
  });
}

/** Opens a file of mode 0600, and says in a sentence why it can't be used.
 * @param begin whether it may be empty */
function opened(file: string, begin: boolean, use: (database: DatabaseSync) => void): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    const found = lstatSync(file, { throwIfNoEntry: false });
    // Through a link, a file elsewhere would be given another mode and filled.
    if (found && !found.isFile()) {
      const sentence = `${file} is a link or a folder. Put the database itself there, or name its own folder with --data.`;
      throw new Failure('folder-unusable', sentence);
    }
    // SQLite would take it for a new one, and clear away a write-ahead log that may hold everything.
    if (found?.size === 0 && !begin) throw damaged(file);
    database = new DatabaseSync(file, { timeout: LOCK_TIMEOUT_MS });
    chmodSync(file, 0o600);
    use(database);
    return database;
  } catch (cause) {
    if (database?.isOpen) database.close();
    throw cause instanceof Failure ? cause : explain(cause, file);
  }
}

/** The schema's version, 0 of a new file. @throws Failure `database-newer`, `database-older` */
function versionOf(database: DatabaseSync): number {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
  if (version === SCHEMA_VERSION || version === 0) return version;
  const file = database.location() ?? '';
  if (version < SCHEMA_VERSION) {
    throw new Failure(
      'database-older',
      `${file} was written by a development version of the relay, which this one can't read. Name another folder.`,
    );
  }
  throw new Failure(
    'database-newer',
    `${file} was written by a newer relay. Start that one, or update this.`,
  );
}

/** Damage deep inside shows only when it is read: better now than in the middle of the night. The tables are read,
 * not their indexes. */
function readAll(database: DatabaseSync): void {
  database.exec(`SELECT count(received) FROM envelopes NOT INDEXED; SELECT count(registered) FROM users;
    SELECT count(version) FROM device_statements; SELECT count(created) FROM prekeys;
    SELECT count(nonce) FROM sign_ins; SELECT count(uses) FROM tokens; SELECT next FROM positions;`);
}

function explain(cause: unknown, file: string): Failure {
  if (isInUse(cause)) {
    return new Failure(
      'folder-in-use',
      `Another relay already runs on ${file}, or a command is at work there. Stop it, or name another folder.`,
    );
  }
  // It can be read, but has not the tables that it says to have.
  if ((cause as { errcode?: number }).errcode === SQLITE_ERROR) return damaged(file, cause);
  return (
    damageOf(cause, file) ??
    failureOfDisk(cause, file) ??
    new Failure(
      'folder-unusable',
      `${file} cannot be opened or written. Check the folder's permissions, and as whom this runs.`,
      {
        cause,
      },
    )
  );
}
