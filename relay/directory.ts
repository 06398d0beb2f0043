// Who is who: user names, bound to identity keys for good, and each user's current reception key.
import type { DatabaseSync } from 'node:sqlite';
import { Failure } from '../protocol/failures.ts';
import type { SignedReceptionKey } from '../protocol/frames.ts';
import { importPublicKey, verifySignature, type PublicKey } from '../protocol/public-key.ts';
import {
  CLOCK_TOLERANCE_MS,
  RECEPTION_KEY_LIFETIME_MS,
  receptionKeyStatement,
} from '../protocol/statements.ts';

export type User = { name: string; fingerprint: Buffer; identityKey: Buffer };

/** The statements' names are those of the verbs below. */
function prepareStatements(database: DatabaseSync) {
  return {
    find: database.prepare('SELECT name, fingerprint, identity_key FROM users WHERE name = ?'),
    findByFingerprint: database.prepare('SELECT name FROM users WHERE fingerprint = ?'),
    insert: database.prepare(
      'INSERT INTO users (name, fingerprint, identity_key, registered) VALUES (?, ?, ?, ?)',
    ),
    receptionKey: database.prepare(
      'SELECT class, created, expires, key, signature FROM reception_keys WHERE user = ?',
    ),
    publish: database.prepare(
      `INSERT INTO reception_keys (user, class, created, expires, key, signature) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (user) DO UPDATE SET class = excluded.class, created = excluded.created,
         expires = excluded.expires, key = excluded.key, signature = excluded.signature`,
    ),
  };
}

export class Directory {
  readonly #database: DatabaseSync;
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #now: () => number;
  /** Every send asks for its recipient; users are never changed or removed while the relay runs. */
  readonly #found = new Map<string, User>();

  constructor(database: DatabaseSync, now: () => number) {
    this.#database = database;
    this.#statements = prepareStatements(database);
    this.#now = now;
  }

  find(name: string): User | undefined {
    const known = this.#found.get(name);
    if (known) return known;
    const row = this.#statements.find.get(name) as
      { name: string; fingerprint: Uint8Array; identity_key: Uint8Array } | undefined;
    if (!row) return undefined;
    const user = {
      name: row.name,
      fingerprint: Buffer.from(row.fingerprint),
      identityKey: Buffer.from(row.identity_key),
    };
    this.#found.set(name, user);
    return user;
  }

  /** The user's newest reception key; every user has one since registering. */
  receptionKey(name: string): SignedReceptionKey | undefined {
    const row = this.#statements.receptionKey.get(name) as
      | { class: 'rotating'; created: number; expires: number; key: Uint8Array; signature: Uint8Array }
      | undefined;
    return row && { ...row, key: Buffer.from(row.key), signature: Buffer.from(row.signature) };
  }

  /** Binds a name to an identity, with its first reception key; the same pair again is no error.
   * @throws Failure `name-taken`, `identity-taken`, `reception-key-refused` */
  async register(name: string, identity: PublicKey, receptionKey: SignedReceptionKey): Promise<User> {
    await this.#check(name, identity, receptionKey);
    const existing = this.find(name);
    if (existing && !existing.fingerprint.equals(identity.fingerprint)) throw Failure.fromRelay('name-taken');
    const other = this.#statements.findByFingerprint.get(identity.fingerprint)?.['name'];
    if (other !== undefined && other !== name) throw Failure.fromRelay('identity-taken');
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      if (!existing) this.#statements.insert.run(name, identity.fingerprint, identity.spki, this.#now());
      this.#store(name, receptionKey);
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#database.exec('ROLLBACK');
      throw error;
    }
    return { name, fingerprint: identity.fingerprint, identityKey: identity.spki };
  }

  /** Replaces the user's reception key by a newer one; the same one again is no error.
   * @throws Failure `reception-key-refused` */
  async publish(user: User, receptionKey: SignedReceptionKey): Promise<void> {
    await this.#check(user.name, await importPublicKey(user.identityKey), receptionKey);
    this.#store(user.name, receptionKey);
  }

  #store(name: string, key: SignedReceptionKey): void {
    const current = this.receptionKey(name);
    if (current?.key.equals(key.key)) return;
    if (current && current.created >= key.created) throw Failure.fromRelay('reception-key-refused');
    this.#statements.publish.run(name, key.class, key.created, key.expires, key.key, key.signature);
  }

  /** A client checks all this by itself; here it keeps mistakes from being published. */
  async #check(name: string, identity: PublicKey, key: SignedReceptionKey): Promise<void> {
    const now = this.#now();
    const inTime =
      key.created <= now + CLOCK_TOLERANCE_MS &&
      key.expires > now &&
      key.expires - key.created === RECEPTION_KEY_LIFETIME_MS;
    if (!inTime) throw Failure.fromRelay('reception-key-refused');
    await importPublicKey(key.key);
    // A key that signs must never decrypt.
    if (key.key.equals(identity.spki)) throw Failure.fromRelay('reception-key-refused');
    if (!(await verifySignature(identity, key.signature, receptionKeyStatement(name, key)))) {
      throw Failure.fromRelay('reception-key-refused');
    }
  }
}
