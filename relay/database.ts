// The relay's one SQLite file: users with their public keys, and mailboxes. Nothing else is stored.
import { accessSync, chmodSync, closeSync, constants, existsSync, lstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Failure } from '../protocol/failures.ts';
import {
  CERTIFICATE_FILE,
  damaged,
  damageOf,
  DATABASE_FILE,
  failureOfDisk,
  giveToOwner,
  LOCK_FILE,
  makeFolder,
} from './data-folder.ts';
import { bringBack } from './replacement.ts';

export const SCHEMA_VERSION = 1;
const SQLITE_ERROR = 1;
const SCHEMA = `
  CREATE TABLE users (
    name TEXT PRIMARY KEY,
    fingerprint BLOB NOT NULL UNIQUE,
    identity_key BLOB NOT NULL,
    registered INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE reception_keys (
    user TEXT PRIMARY KEY REFERENCES users (name),
    class TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    key BLOB NOT NULL,
    signature BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE mailbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    recipient TEXT NOT NULL,
    sender TEXT NOT NULL,
    message BLOB NOT NULL,
    received INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    UNIQUE (recipient, sender, message)
  ) STRICT;
  CREATE INDEX mailbox_by_recipient ON mailbox (recipient, sequence);
`;

/** Opens DIR/relay.sqlite, makes it when it is missing, and locks the folder until it is closed.
 * @param begin whether a file with nothing in it is a start that was cut short, and no loss; a key is made after it
 * @throws Failure `folder-unusable`, `folder-in-use`, `database-damaged`, `database-newer`, `disk-full` */
export function openDatabase(directory: string, begin?: boolean): DatabaseSync {
  try {
    makeFolder(directory);
  } catch (cause) {
    throw new Failure('folder-unusable', `The data folder ${directory} cannot be made or used.`, { cause });
  }
  const lock = lockFolder(directory);
  try {
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

/** Keeps all others out of a folder until it is closed, or this process ends in whatever way: who opens the database
 * holds it, and who puts another one in its place, which the lock on the database itself would not outlast. Its empty
 * file stays: a lock whose file is removed can be had twice. A relay that was left half replaced is brought back.
 * @throws Failure `folder-unusable`, `folder-in-use`, `disk-full` */
export function lockFolder(directory: string): DatabaseSync {
  const file = join(directory, LOCK_FILE);
  let lock: DatabaseSync | undefined;
  try {
    if (!existsSync(file)) {
      closeSync(openSync(file, 'wx', 0o600));
      giveToOwner(file, directory);
    }
    // To whom may only read the file, SQLite would give no lock, and say nothing.
    accessSync(file, constants.W_OK);
    lock = new DatabaseSync(file);
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    bringBack(directory);
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

/** Two may also have come to a folder without a lock at the same moment. */
const isInUse = (cause: unknown): boolean => /database is locked|EEXIST/.test(String(cause));

/** The same as `openDatabase`, for who holds the lock of the folder, or has the folder for itself. */
export function openFile(
  directory: string,
  begin = !existsSync(join(directory, CERTIFICATE_FILE)),
): DatabaseSync {
  const file = join(directory, DATABASE_FILE);
  let database: DatabaseSync | undefined;
  try {
    const found = lstatSync(file, { throwIfNoEntry: false });
    // Through a link, a file elsewhere would be given another mode and filled.
    if (found && !found.isFile()) {
      const sentence = `${file} is a link or a folder. Put the database itself there, or name its own folder with --data.`;
      throw new Failure('folder-unusable', sentence);
    }
    // Before SQLite takes it for a new one, and clears away a write-ahead log that may hold everything.
    if (found?.size === 0 && !begin) throw damaged(file);
    database = new DatabaseSync(file);
    return prepare(database, file, begin || !found);
  } catch (cause) {
    if (database?.isOpen) database.close();
    if (cause instanceof Failure) throw cause;
    throw explain(cause, file);
  }
}

function prepare(database: DatabaseSync, file: string, mayBegin: boolean): DatabaseSync {
  chmodSync(file, 0o600);
  // Keeps out versions, too, that know no lock of the folder.
  database.exec('PRAGMA locking_mode = EXCLUSIVE');
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
  if (version > SCHEMA_VERSION) {
    throw new Failure(
      'database-newer',
      `${file} was written by a newer relay. Start that one, or update this.`,
    );
  }
  if (version === 0 && !mayBegin) throw damaged(file);
  // FULL on every open: `accepted` means that a power cut loses nothing.
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON;`);
  database.exec('BEGIN IMMEDIATE');
  if (version === 0) database.exec(`${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION};`);
  database.exec('COMMIT');
  // Damage deep inside shows only when it is read: better now than in the middle of the night.
  database.exec(`SELECT count(received) FROM mailbox; SELECT count(registered) FROM users;
    SELECT count(created) FROM reception_keys;`);
  return database;
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
