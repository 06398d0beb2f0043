// One profile's SQLite file: opening, locking, schema, and short ways to run statements in it.
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { Failure } from '../../protocol/failures.ts';

/** Each version's statements, which follow on those before it. */
const SCHEMA = [
  `
  -- One row. Its keychain item is named by profile; fingerprint is null until the keys are made.
  CREATE TABLE account (
    profile TEXT NOT NULL, name TEXT NOT NULL, fingerprint BLOB,
    relays TEXT NOT NULL, relay_key BLOB NOT NULL, registered INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  -- fingerprint is the pin. identity_key is null until the relay has named it (an invite brings the pin alone).
  CREATE TABLE contacts (
    name TEXT PRIMARY KEY, fingerprint BLOB NOT NULL UNIQUE, identity_key BLOB, verified TEXT, offered BLOB,
    key BLOB, key_created INTEGER, key_expires INTEGER,
    chain BLOB NOT NULL, sequence INTEGER NOT NULL DEFAULT 0, previous BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;
  -- sealed is p and q, sealed to the storage key.
  CREATE TABLE reception_keys (
    fingerprint BLOB PRIMARY KEY, class TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL,
    key BLOB NOT NULL, signature BLOB NOT NULL, sealed BLOB NOT NULL, published INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  -- sealed is the text, sealed to the storage key under the name in row.
  CREATE TABLE messages (
    position INTEGER PRIMARY KEY AUTOINCREMENT, row TEXT NOT NULL UNIQUE, id BLOB NOT NULL, contact TEXT NOT NULL,
    mine INTEGER NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, sent_at INTEGER NOT NULL,
    revision INTEGER NOT NULL, missing INTEGER NOT NULL DEFAULT 0, sealed BLOB, envelope BLOB,
    reseals INTEGER NOT NULL DEFAULT 0, reseal_due INTEGER NOT NULL DEFAULT 0,
    UNIQUE (contact, mine, id)
  ) STRICT;
  CREATE INDEX messages_by_contact ON messages (contact, position);
  CREATE INDEX messages_unread ON messages (contact) WHERE state = 'unread';
  CREATE INDEX messages_reseal_due ON messages (contact) WHERE reseal_due = 1;
  -- Every envelope that was taken in, for good: what stops replays, and shows gaps and forks. An id stands in
  -- several rows when its message was sealed again.
  CREATE TABLE seen (
    contact TEXT NOT NULL, id BLOB NOT NULL, chain BLOB NOT NULL, sequence INTEGER NOT NULL,
    hash BLOB NOT NULL, previous BLOB NOT NULL, PRIMARY KEY (contact, hash)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX seen_by_id ON seen (contact, id);
  CREATE INDEX seen_by_place ON seen (contact, chain, sequence);
  CREATE INDEX seen_by_previous ON seen (contact, previous);
  -- Places in a chain that nothing has filled; notice is the position of the message that shows it.
  CREATE TABLE gaps (
    contact TEXT NOT NULL, chain BLOB NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, notice INTEGER NOT NULL
  ) STRICT;
  -- Authentic envelopes that could not be opened, so that their places are not known; they explain gaps.
  CREATE TABLE unplaced (
    contact TEXT NOT NULL, hash BLOB NOT NULL, counted INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (contact, hash)
  ) STRICT, WITHOUT ROWID;
  -- What a contact has to be told of which message, and what was told in which envelope (to be told again if that
  -- could not be opened).
  CREATE TABLE notices_due (
    contact TEXT NOT NULL, id BLOB NOT NULL, kind TEXT NOT NULL, tries INTEGER NOT NULL, PRIMARY KEY (contact, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE notices_told (
    contact TEXT NOT NULL, envelope BLOB NOT NULL, id BLOB NOT NULL, kind TEXT NOT NULL, tries INTEGER NOT NULL,
    told INTEGER NOT NULL, PRIMARY KEY (contact, envelope, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT, contact TEXT NOT NULL, id BLOB NOT NULL, envelope BLOB NOT NULL,
    UNIQUE (contact, id)
  ) STRICT;
  CREATE TABLE revision (last INTEGER NOT NULL) STRICT;
  INSERT INTO revision VALUES (0);
  `,
  `
  -- What was begun to be written to somebody; sealed like a message's text.
  CREATE TABLE drafts (contact TEXT PRIMARY KEY, row TEXT NOT NULL, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID;
  -- Milliseconds since 1970.
  ALTER TABLE contacts ADD COLUMN verified_at INTEGER;
  `,
];

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
   * @param schema each version's statements, which follow on those before it
   * @throws Failure `folder-unusable`, `folder-in-use`, `database-damaged`, `database-newer`, `disk-full` */
  constructor(directory: string, schema: readonly string[] = SCHEMA) {
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
      this.#prepare(schema);
    } catch (error) {
      this.#database.close();
      throw this.#explain(error);
    }
  }

  #prepare(schema: readonly string[]): void {
    // EXCLUSIVE keeps a second client out of the profile. FULL on every open: what is acknowledged is on the disk.
    // secure_delete overwrites what is deleted; the write-ahead log is emptied by checkpoint().
    this.#database
      .exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; PRAGMA secure_delete = ON;`);
    const version = Number(this.get('PRAGMA user_version')?.['user_version']);
    if (version > schema.length) {
      throw new Failure('database-newer', `${this.#file} was written by a newer Signet. Update this one.`);
    }
    this.transaction(() => {
      for (const statements of schema.slice(version)) this.#database.exec(statements);
      this.#database.exec(`PRAGMA user_version = ${schema.length}`);
    });
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
