// One profile's SQLite file: opening, locking, schema, and short ways to run statements in it.
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { Failure } from '../../protocol/failures.ts';
import { SCHEMA } from './schema.ts';

/** 1 and 2 were those of the development version. */
const VERSION = 3;

export type Row = Record<string, string | number | bigint | Buffer | null>;

/** A statement: a tagged template, whose values become parameters; or its text, with a question mark for each value. */
type Sql = string | TemplateStringsArray;
type SqlValue = SQLInputValue | boolean;
const toInput = (value: SqlValue): SQLInputValue => (typeof value === 'boolean' ? Number(value) : value);

/** SQLite's result codes, https://sqlite.org/rescode.html */
const SQLITE = { busy: 5, readonly: 8, ioerr: 10, corrupt: 11, full: 13, notadb: 26 } as const;

export class Database {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<Sql, StatementSync>();
  readonly #file: string;

  /** Opens DIR/signet.sqlite, makes it when it is missing, and locks it for this process.
   * @throws Failure `folder-unusable`, `folder-in-use`, `database-damaged`, `database-newer`, `database-older`,
   *   `disk-full` */
  constructor(directory: string) {
    this.#file = join(directory, 'signet.sqlite');
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      this.#database = new DatabaseSync(this.#file);
      chmodSync(this.#file, 0o600);
    } catch (cause) {
      throw new Failure('folder-unusable', `The profile folder ${directory} cannot be made or opened.`, {
        cause,
      });
    }
    try {
      this.#prepare();
    } catch (error) {
      this.#database.close();
      throw this.#explain(error);
    }
  }

  #prepare(): void {
    // EXCLUSIVE keeps a second client out of the profile. FULL on every open: what is acknowledged is on the disk.
    // secure_delete overwrites what is deleted; the write-ahead log is emptied by checkpoint().
    this.#database
      .exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; PRAGMA secure_delete = ON;`);
    const version = Number(this.get('PRAGMA user_version')?.['user_version']);
    if (version > VERSION) {
      throw new Failure('database-newer', `${this.#file} was written by a newer Signet. Update this one.`);
    }
    if (version === VERSION) return;
    if (version > 0) {
      throw new Failure(
        'database-older',
        `${this.#file} was written by a development version of Signet, which this one can't read. Choose another profile folder.`,
      );
    }
    this.transaction(() => this.#database.exec(`${SCHEMA} PRAGMA user_version = ${VERSION}`));
  }

  #statement(sql: Sql): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#database.prepare(typeof sql === 'string' ? sql : sql.join('?'));
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** @returns the rows, with blobs as Buffers. T says what they have, which the statement has to give */
  all<T extends object = Row>(sql: Sql, ...values: SqlValue[]): T[] {
    return this.#explained(() => this.#statement(sql).all(...values.map(toInput))).map((row) => {
      for (const [name, value] of Object.entries(row)) {
        if (value instanceof Uint8Array)
          row[name] = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      }
      return row as T;
    });
  }

  /** @returns the first row */
  get<T extends object = Row>(sql: Sql, ...values: SqlValue[]): T | undefined {
    return this.all<T>(sql, ...values)[0];
  }

  /** @returns how many rows changed, and the position of an inserted one */
  run(sql: Sql, ...values: SqlValue[]): { changes: number; position: number } {
    const { changes, lastInsertRowid } = this.#explained(() =>
      this.#statement(sql).run(...values.map(toInput)),
    );
    return { changes: Number(changes), position: Number(lastInsertRowid) };
  }

  /** All of it, or nothing. Within, nothing may be awaited. */
  transaction<T>(work: () => T): T {
    return this.#explained(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        this.#database.exec('COMMIT');
        return result;
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  /** Moves the write-ahead log into the database and empties it: deleted bytes are in no file after that. */
  checkpoint(): void {
    this.#explained(() => this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)'));
  }

  close(): void {
    this.#database.close();
  }

  #explained<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#explain(error);
    }
  }

  #explain(cause: unknown): unknown {
    const code = (cause as { errcode?: number }).errcode;
    if (code === undefined) return cause;
    const file = this.#file;
    const primary = code & 0xff;
    if (primary === SQLITE.busy) {
      return new Failure(
        'folder-in-use',
        `${file} is open in another Signet. Use that one, or close it first.`,
      );
    }
    if (primary === SQLITE.full || primary === SQLITE.ioerr) {
      return new Failure('disk-full', `${file} cannot be written: the disk is full or failing. Make room.`, {
        cause,
      });
    }
    if (primary === SQLITE.corrupt || primary === SQLITE.notadb) {
      return new Failure(
        'database-damaged',
        `${file} is damaged. Put a backup in its place, or move it away.`,
        {
          cause,
        },
      );
    }
    if (primary === SQLITE.readonly) {
      return new Failure('folder-unusable', `${file} cannot be written. Check the folder's permissions.`, {
        cause,
      });
    }
    return cause;
  }
}
