// One's own prekeys: made, replaced each week, published, kept until they expire, and then destroyed.
import { Failure } from '../../protocol/failures.ts';
import { kinds } from '../../protocol/content.ts';
import { modulusOf } from '../../protocol/key.ts';
import {
  CLOCK_TOLERANCE_MS,
  encodePrekey,
  PREKEY_LIFETIME_MS,
  SIGNED_PREKEY,
} from '../../protocol/prekey.ts';
import type { Signed } from '../../protocol/statement.ts';
import type { Database } from './database.ts';
import { generatePrimes, importOpeningKey, type OpeningKey, sign } from './rsa.ts';
import { openRow, sealRow } from './storage.ts';
import type { Account } from './account.ts';

/** Old enough to be replaced. */
const ROTATION_MS = 7 * 24 * 60 * 60 * 1000;
const rowName = (fingerprint: Buffer): string => `prekey/${fingerprint.toString('hex')}`;

export class Prekeys {
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
  current(): (Signed & { created: number; published: 0 | 1 }) | undefined {
    return this.#database.get`SELECT * FROM prekeys ORDER BY created DESC LIMIT 1`;
  }

  /** What the relay has: one that was restored from a backup may lack the newest, or all.
   * @param created of the one that it has, if it has one */
  sawPublished(created: number | undefined): void {
    this.#database.run`UPDATE prekeys SET published = 0 WHERE created > ${created ?? -1}`;
  }

  markPublished({ bytes }: Signed): void {
    this.#database.run`UPDATE prekeys SET published = 1 WHERE bytes = ${bytes}`;
  }

  /** Makes a new one when there is none, or the newest is 7 days old. @returns whether it made one
   * @throws Failure `clock-wrong` */
  async rotate(): Promise<boolean> {
    const current = this.current();
    const now = this.#now();
    if (current && now < current.created + ROTATION_MS) {
      if (current.created <= now + CLOCK_TOLERANCE_MS) return false;
      if (!current.published) {
        // Made under a clock that was ahead, and shown to nobody.
        this.#database.run`DELETE FROM prekeys WHERE bytes = ${current.bytes}`;
        return this.rotate();
      }
      throw new Failure(
        'clock-wrong',
        "This computer's clock is behind the time its newest key was made. Set it.",
      );
    }
    await this.renew();
    return true;
  }

  /** Makes a new one, whatever the age of the newest. */
  async renew(): Promise<void> {
    const { name: user, identity, device, signer, storage } = this.#account;
    const primes = await generatePrimes();
    const { publicKey } = await importOpeningKey(primes);
    const created = this.#now();
    const expires = created + PREKEY_LIFETIME_MS;
    const key = modulusOf(publicKey.spki);
    const knownKinds = Object.values(kinds);
    const bytes = encodePrekey({
      user,
      identity,
      device,
      class: SIGNED_PREKEY,
      created,
      expires,
      key,
      knownKinds,
    });
    const [signature, sealed] = await Promise.all([
      sign(signer, bytes),
      sealRow(storage.publicKey, rowName(publicKey.fingerprint), primes),
    ]);
    primes.fill(0);
    this.#database.run`
      INSERT INTO prekeys (fingerprint, created, expires, bytes, signature, sealed)
      VALUES (${publicKey.fingerprint}, ${created}, ${expires}, ${bytes}, ${signature}, ${sealed})`;
  }

  /** The private half that an envelope names. @param fingerprint 32 bytes
   * @returns undefined if it was destroyed, or never was here */
  async find(fingerprint: Buffer): Promise<OpeningKey | undefined> {
    const name = fingerprint.toString('hex');
    const known = this.#opened.get(name);
    if (known) return known;
    const { storage } = this.#account;
    const prekey = this.#database.get<{ sealed: Buffer }>`
      SELECT sealed FROM prekeys WHERE fingerprint = ${fingerprint}`;
    if (!prekey) return undefined;
    const key = openRow(storage, rowName(fingerprint), prekey.sealed).then(importOpeningKey);
    this.#opened.set(name, key);
    return key;
  }

  /** When one of one's own was made. @param fingerprint 32 bytes */
  createdAt(fingerprint: Buffer): number | undefined {
    return this.#database.get<{ created: number }>`
      SELECT created FROM prekeys WHERE fingerprint = ${fingerprint}`?.created;
  }

  /** Destroys keys after their expiry, and the database's traces of them. @returns how many */
  destroyExpired(): number {
    // secure_delete zeroes the row; what the write-ahead log still holds goes with the checkpoint.
    const expired = this.#database.all<{ fingerprint: Buffer }>`
      DELETE FROM prekeys WHERE expires <= ${this.#now()} RETURNING fingerprint`;
    if (expired.length === 0) return 0;
    for (const { fingerprint } of expired) this.#opened.delete(fingerprint.toString('hex'));
    this.#database.checkpoint();
    return expired.length;
  }

  /** Forgets those that were signed for another name, and shown to nobody. */
  static forget(database: Database): void {
    database.run`DELETE FROM prekeys`;
  }
}
