// The folder that a relay lives in: whose it is, what belongs into it, and what a disk has to say when it refuses.
import {
  accessSync,
  constants,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { Failure } from '../protocol/failures.ts';

export const DATABASE_FILE = 'relay.sqlite';
export const CERTIFICATE_FILE = 'relay-tls.pem';
/** Hidden, so that a folder with nothing else in it counts as empty. */
export const LOCK_FILE = '.relay-lock';
/** All that a relay is. */
export const RELAY_FILES = [
  CERTIFICATE_FILE,
  ...['', '-wal', '-shm', '-journal'].map((suffix) => DATABASE_FILE + suffix),
];
/** The restored database while `restore` moves the old relay aside. Left behind, it tells of an interrupted restore. */
export const RESTORING_FILE = 'relay-restoring.sqlite';
/** https://sqlite.org/rescode.html; its upper bytes say more. */
const [SQLITE_CORRUPT, SQLITE_FULL, SQLITE_NOTADB] = [11, 13, 26];
/** The index of the write-ahead log could not grow, which "may indicate that the volume is out of space". */
const SQLITE_IOERR_SHMSIZE = 4874;

/** Whether a relay has lived here. */
export function holdsRelay(directory: string): boolean {
  return [DATABASE_FILE, CERTIFICATE_FILE, RESTORING_FILE].some((name) => existsSync(join(directory, name)));
}

/** Makes a folder, for its owner alone, and those above it that are missing. Node.js does so, too, but where no folder
 * can be made, as in /proc, it goes on trying for ever. @returns the first that was made */
export function makeFolder(folder: string): string | undefined {
  const path = resolve(folder);
  if (existsSync(join(path, sep))) return undefined;
  const above = dirname(path);
  // A drive that is not there has nothing above it.
  const first = above === path ? undefined : makeFolder(above);
  mkdirSync(path, { mode: 0o700 });
  return first ?? path;
}

/** What may not be read must not be told as missing: somebody would begin anew beside it.
 * @throws Failure `folder-unusable`; not if it is missing, or no folder */
export function assertReadable(directory: string): void {
  try {
    // What lies in it, too: a plain file has no such thing.
    accessSync(`${directory}/.`, constants.R_OK);
  } catch (cause) {
    if (!['EACCES', 'EPERM'].includes((cause as NodeJS.ErrnoException).code ?? '')) return;
    const sentence = `${directory} may not be read. Run this as the user who owns it, with sudo for example.`;
    throw new Failure('folder-unusable', sentence, { cause });
  }
}

/** A relay moves into an empty or new folder, or back into its own: not into somebody's documents by a slip.
 * @throws Failure `folder-unusable` */
export function assertOwnFolder(directory: string): void {
  assertReadable(directory);
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return; // It is missing, or no folder: whoever goes on to use it says so.
  }
  // A disk of its own has this one from the start; hidden files are the desktop's.
  const strangers = names.filter((name) => name !== 'lost+found' && !name.startsWith('.'));
  if (strangers.length === 0 || holdsRelay(directory)) return;
  throw new Failure(
    'folder-unusable',
    `${directory} holds other files (${strangers[0]}) and no relay. Name an empty or a new folder.`,
  );
}

/** @throws Failure `folder-unusable` unless a relay has lived here */
export function assertRelayFolder(directory: string): void {
  assertReadable(directory);
  if (existsSync(join(directory, DATABASE_FILE))) return;
  const why = existsSync(directory) ? `${directory} holds no relay.` : `There is no folder ${directory}.`;
  throw new Failure('folder-unusable', `${why} Name the relay's data folder with --data.`);
}

/** Whether a path names one of the files that a relay has in its folder, or would have, under whatever name. */
export function isOfRelay(path: string, directory: string): boolean {
  const there = statSync(path, { throwIfNoEntry: false, bigint: true });
  const isInside = realpathSync(directory) === realpathSync(dirname(path));
  return [...RELAY_FILES, LOCK_FILE].some((name) => {
    const own = statSync(join(directory, name), { throwIfNoEntry: false, bigint: true });
    const isSame = there !== undefined && own?.ino === there.ino && own.dev === there.dev;
    return isSame || (isInside && name === basename(path));
  });
}

export const holdsKey = (directory: string): boolean => existsSync(join(directory, CERTIFICATE_FILE));

/** What an administrator writes as root into a relay's folder belongs to whom the folder belongs to. */
export function giveToOwner(file: string, directory: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(directory);
  // Not what a link points to: the folder is not root's, and so may not be what is in it.
  lchownSync(file, uid, gid);
}

/** What the system says when a disk refuses, as a sentence. @param cause of Node's file calls, or SQLite's
 * @param path that was to be written @returns undefined if it is about something else */
export function failureOfDisk(cause: unknown, path: string): Failure | undefined {
  if (cause instanceof Failure) return cause;
  const { code = '', errcode } = cause as { code?: string; errcode?: number };
  if (['ENOSPC', 'EDQUOT'].includes(code) || errcode === SQLITE_FULL || errcode === SQLITE_IOERR_SHMSIZE) {
    return new Failure(
      'disk-full',
      `There is no room left on the disk for ${path}. Make some, then try again.`,
      {
        cause,
      },
    );
  }
  if (['EACCES', 'EPERM', 'EROFS'].includes(code)) {
    return new Failure(
      'folder-unusable',
      `${path} cannot be opened or written. Check the folder's permissions, and as whom this runs.`,
      { cause },
    );
  }
  return undefined;
}

/** Why a file or folder could not be written, whatever the cause. */
export function unwritable(cause: unknown, path: string): Failure {
  const { code, message } = cause as NodeJS.ErrnoException;
  const sentence = `${path} cannot be written (${code ?? message}).`;
  return failureOfDisk(cause, path) ?? new Failure('folder-unusable', sentence, { cause });
}

/** @param cause of any work with a database @param file what to call it
 * @returns undefined if it is about something else than damage */
export function damageOf(cause: unknown, file: string): Failure | undefined {
  const { errcode = 0 } = (cause ?? {}) as { errcode?: number };
  return [SQLITE_CORRUPT, SQLITE_NOTADB].includes(errcode & 0xff) ? damaged(file, cause) : undefined;
}

/** An error as the log has it: damage of the database as the sentence that says what to do. */
export const describeError = (error: unknown): string => String(damageOf(error, DATABASE_FILE) ?? error);

export function damaged(file: string, cause?: unknown): Failure {
  const sentence = `${file} is damaged. Restore a backup of the relay, or move it away.`;
  return new Failure('database-damaged', sentence, { cause });
}
