// One's own reception keys: made, rotated, published, kept until they expire, and then destroyed.
import { Failure } from '../../protocol/failures.ts';
import type { SignedReceptionKey } from '../../protocol/frames.ts';
import {
  CLOCK_TOLERANCE_MS,
  RECEPTION_KEY_LIFETIME_MS,
  receptionKeyStatement,
  ROTATION_MS,
} from '../../protocol/statements.ts';
import type { Account } from './account.ts';
import type { Database, Row } from './database.ts';
import { generatePrimes, importOpeningKey, type OpeningKey, sign } from './rsa.ts';
import { openRow, sealRow } from './seal.ts';

const rowName = (fingerprint: Buffer): string => `reception-key/${fingerprint.toString('hex')}`;

const toSigned = (row: Row): SignedReceptionKey => ({
  class: 'rotating',
  created: row['created'] as number,
  expires: row['expires'] as number,
  key: row['key'] as Buffer,
  signature: row['signature'] as Buffer,
});

export class ReceptionKeys {
  readonly #database: Database;
  readonly #account: Account;
  readonly #now: () => number;
  /** Private halves that were opened in this run, by fingerprint in hex. */
  readonly #opened = new Map<string, Promise<OpeningKey>>();

  constructor(database: Database, account: Account, now: () => number) {
    this.#database = database;
    this.#account = account;
    this.#now = now;
  }

  /** The newest one, which others are to seal to. */
  current(): SignedReceptionKey | undefined {
    const row = this.#database.get('SELECT * FROM reception_keys ORDER BY created DESC LIMIT 1');
    return row && toSigned(row);
  }

  /** The newest one, if the relay doesn't have it yet. */
  unpublished(): SignedReceptionKey | undefined {
    const row = this.#database.get('SELECT * FROM reception_keys ORDER BY created DESC LIMIT 1');
    return row && !row['published'] ? toSigned(row) : undefined;
  }

  markPublished({ key }: SignedReceptionKey): void {
    this.#database.run('UPDATE reception_keys SET published = 1 WHERE key = ?', key);
  }

  /** Makes a new key when there is none, or the newest is 7 days old. @returns whether it made one */
  async rotate(): Promise<boolean> {
    const current = this.current();
    const now = this.#now();
    if (current && now < current.created + ROTATION_MS) {
      if (current.created <= now + CLOCK_TOLERANCE_MS) return false;
      if (this.unpublished()) {
        // Made under a clock that was ahead, and shown to nobody.
        this.#database.run('DELETE FROM reception_keys WHERE key = ?', current.key);
        return this.rotate();
      }
      throw new Failure(
        'clock-wrong',
        "This computer's clock is behind the time its newest key was made. Set it.",
      );
    }
    const primes = await generatePrimes();
    const { publicKey } = await importOpeningKey(primes);
    const statement = {
      class: 'rotating',
      created: now,
      expires: now + RECEPTION_KEY_LIFETIME_MS,
      key: publicKey.spki,
    } as const;
    const [signature, sealed] = await Promise.all([
      sign(this.#account.identity, receptionKeyStatement(this.#account.name, statement)),
      sealRow(this.#account.storage.publicKey, rowName(publicKey.fingerprint), primes),
    ]);
    primes.fill(0);
    this.#database.run(
      `INSERT INTO reception_keys (fingerprint, class, created, expires, key, signature, sealed)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      publicKey.fingerprint,
      statement.class,
      statement.created,
      statement.expires,
      publicKey.spki,
      signature,
      sealed,
    );
    return true;
  }

  /** The private half that an envelope names. @param fingerprint 32 bytes
   * @returns undefined if it was destroyed, or never was here */
  async find(fingerprint: Buffer): Promise<OpeningKey | undefined> {
    const name = fingerprint.toString('hex');
    const known = this.#opened.get(name);
    if (known) return known;
    const sealed = this.#database.get(
      'SELECT sealed FROM reception_keys WHERE fingerprint = ?',
      fingerprint,
    )?.['sealed'];
    if (!sealed) return undefined;
    const key = openRow(this.#account.storage, rowName(fingerprint), sealed as Buffer).then(importOpeningKey);
    this.#opened.set(name, key);
    return key;
  }

  /** Destroys keys after their expiry, and the database's traces of them. @returns how many */
  destroyExpired(): number {
    const expired = this.#database.all(
      'SELECT fingerprint FROM reception_keys WHERE expires <= ?',
      this.#now(),
    );
    if (expired.length === 0) return 0;
    for (const { fingerprint } of expired) this.#opened.delete((fingerprint as Buffer).toString('hex'));
    // secure_delete zeroes the row; what the write-ahead log still holds goes with the checkpoint.
    this.#database.run('DELETE FROM reception_keys WHERE expires <= ?', this.#now());
    this.#database.checkpoint();
    return expired.length;
  }
}
