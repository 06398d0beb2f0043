// A backup: an SQLite file with the relay's tables, and one more that holds its key and a checksum of all of it.
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, lstatSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Failure } from '../protocol/failures.ts';
import { damageOf } from './data-folder.ts';
import { SCHEMA_VERSION } from './database.ts';

/** Tells a backup from any other SQLite file (https://sqlite.org/pragma.html#pragma_application_id): "SgnB". */
const APPLICATION_ID = 0x53676e42;
const TABLE = `CREATE TABLE backup (program TEXT NOT NULL, made TEXT NOT NULL, certificate TEXT, sha256 TEXT NOT NULL) STRICT`;

export type Backup = {
  /** Version of the program that made it. */
  program: string;
  /** ISO 8601. */
  made: string;
  /** The relay's TLS key and certificate in PEM; null if the operator keeps them elsewhere. */
  certificate: string | null;
};

/** Writes a snapshot of a relay into a new file of mode 0600 that is on the disk when this returns. The relay may serve
 * meanwhile: what was committed before is in it, and what is committed later isn't. */
export function writeBackup(database: DatabaseSync, file: string, backup: Backup): void {
  createPrivate(file);
  // https://sqlite.org/lang_vacuum.html#vacuuminto: one read transaction, which blocks no writer. To a connection that
  // may only query, it counts as a change all the same.
  database.exec('PRAGMA query_only = OFF');
  database.prepare('VACUUM INTO ?').run(file);
  const copy = new DatabaseSync(file);
  try {
    copy.exec(`PRAGMA journal_mode = MEMORY; PRAGMA application_id = ${APPLICATION_ID}; ${TABLE}`);
    const values = [backup.program, backup.made, backup.certificate, checksumOf(copy, backup)];
    copy.prepare('INSERT INTO backup VALUES (?, ?, ?, ?)').run(...values);
  } finally {
    copy.close();
  }
  sync(file);
}

/** Checks a backup, and writes the database in it into a new file of mode 0600 that is on the disk when this returns.
 * @throws Failure `folder-unusable` if it is something else, `database-newer`, `database-older`, `database-damaged` */
export function readBackup(file: string, database: string): Backup {
  const source = open(file);
  try {
    const version = pragma(source, 'user_version');
    const backup = source.prepare('SELECT program, made, certificate, sha256 FROM backup').get() as
      (Backup & { sha256: string }) | undefined;
    if (backup && Number(version) > SCHEMA_VERSION) {
      const sentence = `${file} was made by a newer relay (${backup.program}). Update this one, then try again.`;
      throw new Failure('database-newer', sentence);
    }
    if (backup && Number(version) > 0 && Number(version) < SCHEMA_VERSION) {
      const sentence = `${file} was made by a development version of the relay (${backup.program}), which this one can't read. Use another backup.`;
      throw new Failure('database-older', sentence);
    }
    const isWhole = version === SCHEMA_VERSION && pragma(source, 'integrity_check(1)') === 'ok';
    if (!isWhole || backup?.sha256 !== checksumOf(source, backup)) {
      throw damagedBackup(file);
    }
    createPrivate(database);
    source.prepare('VACUUM INTO ?').run(database);
    const copy = new DatabaseSync(database);
    copy.exec('PRAGMA journal_mode = MEMORY; PRAGMA application_id = 0; DROP TABLE backup');
    copy.close();
    sync(database);
    return backup;
  } catch (cause) {
    // A table or column is missing: nobody but a damaged disk removes them.
    const isIncomplete = /no such (table|column)/.test(String(cause));
    throw isIncomplete || damageOf(cause, file) ? damagedBackup(file, cause) : cause;
  } finally {
    source.close();
  }
}

function open(file: string): DatabaseSync {
  const isFile = lstatSync(file, { throwIfNoEntry: false })?.isFile();
  let source: DatabaseSync | undefined;
  try {
    // The system says what is wrong with a missing file, a folder (only when it is to be written) or a secret one.
    closeSync(openSync(file, isFile ? 'r' : 'r+'));
    source = new DatabaseSync(file, { readOnly: true });
    if (pragma(source, 'application_id') === APPLICATION_ID) return source;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'ERR_SQLITE_ERROR') {
      throw new Failure('folder-unusable', `${file} cannot be read (${code}).`, { cause });
    }
  }
  source?.close();
  throw new Failure('folder-unusable', `${file} isn't a backup of a relay, or it is damaged.`);
}

const damagedBackup = (file: string, cause?: unknown): Failure =>
  new Failure('database-damaged', `${file} is damaged. Use another backup.`, { cause });

/** SHA-256 in hex over the key and all other tables, their schema included: SQLite's own check doesn't see a changed
 * value. */
function checksumOf(database: DatabaseSync, backup: Backup | undefined): string {
  const hash = createHash('sha256').update(
    JSON.stringify([backup?.program, backup?.made, backup?.certificate]),
  );
  const schema = database
    .prepare("SELECT type, name, sql FROM sqlite_schema WHERE name <> 'backup' ORDER BY name")
    .all();
  hash.update(JSON.stringify(schema));
  for (const { name } of schema.filter(({ type }) => type === 'table')) {
    for (const row of database.prepare(`SELECT * FROM "${String(name)}"`).iterate()) {
      for (const value of Object.values(row)) {
        hash.update(value instanceof Uint8Array ? `\n${value.length}:` : `\n${JSON.stringify(value)}`);
        if (value instanceof Uint8Array) hash.update(value);
      }
    }
  }
  return hash.digest('hex');
}

const pragma = (database: DatabaseSync, name: string): unknown =>
  Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];

const createPrivate = (file: string): void => closeSync(openSync(file, 'wx', 0o600));

function sync(file: string): void {
  const descriptor = openSync(file, 'r+');
  fsyncSync(descriptor);
  closeSync(descriptor);
}
