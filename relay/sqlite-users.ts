// The UserStore in SQLite.
import type { DatabaseSync } from 'node:sqlite';
import { type DeviceList, extend, firstList, versionOf } from '../protocol/devices.ts';
import type { Address } from '../protocol/envelope.ts';
import { fingerprintOf } from '../protocol/key.ts';
import type { Signed } from '../protocol/statement.ts';
import type { NewUser, StoredPrekey, User, UserStore } from './stores.ts';
import { transaction } from './transaction.ts';

type SignedRow = { bytes: Uint8Array; signature: Uint8Array };
const signedOf = ({ bytes, signature }: SignedRow): Signed => ({
  bytes: Buffer.from(bytes),
  signature: Buffer.from(signature),
});

/** The statements' names are those of what they do. */
function prepare(database: DatabaseSync) {
  return {
    byName: database.prepare('SELECT name, identity, identity_key FROM users WHERE name = ?'),
    byIdentity: database.prepare('SELECT name, identity, identity_key FROM users WHERE identity = ?'),
    insertUser: database.prepare(
      'INSERT INTO users (name, identity, identity_key, registered) VALUES (?, ?, ?, ?)',
    ),
    statements: database.prepare(
      'SELECT bytes, signature FROM device_statements WHERE identity = ? ORDER BY version',
    ),
    insertStatement: database.prepare(
      'INSERT INTO device_statements (identity, version, bytes, signature) VALUES (?, ?, ?, ?)',
    ),
    prekeys: database.prepare(
      'SELECT device, created, bytes, signature FROM prekeys WHERE identity = ? ORDER BY device',
    ),
    putPrekey: database.prepare(
      `INSERT INTO prekeys (identity, device, created, bytes, signature) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (identity, device) DO UPDATE SET created = excluded.created, bytes = excluded.bytes,
         signature = excluded.signature`,
    ),
    nonce: database.prepare('SELECT nonce FROM sign_ins WHERE identity = ? AND device = ?'),
    putNonce: database.prepare(
      `INSERT INTO sign_ins (identity, device, nonce) VALUES (?, ?, ?)
       ON CONFLICT (identity, device) DO UPDATE SET nonce = excluded.nonce`,
    ),
    useToken: database.prepare(
      'UPDATE tokens SET uses = uses - 1 WHERE hash = ? AND uses > 0 AND expires > ?',
    ),
  };
}

export class SqliteUsers implements UserStore {
  readonly #database: DatabaseSync;
  readonly #sql: ReturnType<typeof prepare>;
  readonly #now: () => number;
  /** By identity in hex. Every send asks for its recipient; only this store changes users while the relay runs. */
  readonly #known = new Map<string, User>();

  /** @param now milliseconds since 1970 */
  constructor(database: DatabaseSync, now: () => number) {
    this.#database = database;
    this.#sql = prepare(database);
    this.#now = now;
  }

  async findByName(name: string): Promise<User | undefined> {
    return this.#load(this.#sql.byName.get(name));
  }

  async findByIdentity(identity: Buffer): Promise<User | undefined> {
    return this.#known.get(identity.toString('hex')) ?? this.#load(this.#sql.byIdentity.get(identity));
  }

  #load(found: unknown): User | undefined {
    const row = found as { name: string; identity: Uint8Array; identity_key: Uint8Array } | undefined;
    if (!row) return undefined;
    const key = Buffer.from(row.identity).toString('hex');
    const known = this.#known.get(key);
    if (known) return known;
    const identityKey = Buffer.from(row.identity_key);
    const deviceStatements = (this.#sql.statements.all(row.identity) as SignedRow[]).map(signedOf);
    const list = deviceStatements.reduce<DeviceList>(extend, firstList(identityKey));
    const user = { name: row.name, identityKey, list, deviceStatements };
    this.#known.set(key, user);
    return user;
  }

  async add(
    { name, identityKey, deviceStatements }: NewUser,
    prekeys: readonly StoredPrekey[],
    tokenHash?: Buffer,
  ): Promise<'added' | 'name' | 'identity' | 'token'> {
    const identity = fingerprintOf(identityKey);
    return transaction(this.#database, () => {
      if (this.#sql.byName.get(name)) return 'name';
      if (this.#sql.byIdentity.get(identity)) return 'identity';
      if (tokenHash && this.#sql.useToken.run(tokenHash, this.#now()).changes === 0) return 'token';
      this.#sql.insertUser.run(name, identity, identityKey, this.#now());
      this.#store(identity, 0, deviceStatements, prekeys);
      return 'added';
    });
  }

  async publish(
    identity: Buffer,
    version: number,
    statements: readonly Signed[],
    prekeys: readonly StoredPrekey[],
  ): Promise<boolean> {
    const user = await this.findByIdentity(identity);
    if (!user || versionOf(user.list) !== version) return false;
    transaction(this.#database, () => this.#store(identity, version, statements, prekeys));
    const list = statements.reduce<DeviceList>(extend, user.list);
    const deviceStatements = [...user.deviceStatements, ...statements];
    this.#known.set(identity.toString('hex'), { ...user, list, deviceStatements });
    return true;
  }

  #store(
    identity: Buffer,
    version: number,
    statements: readonly Signed[],
    prekeys: readonly StoredPrekey[],
  ): void {
    for (const [i, { bytes, signature }] of statements.entries()) {
      this.#sql.insertStatement.run(identity, version + i + 1, bytes, signature);
    }
    for (const { device, created, signed } of prekeys) {
      this.#sql.putPrekey.run(identity, device, created, signed.bytes, signed.signature);
    }
  }

  async prekeysOf(identity: Buffer): Promise<StoredPrekey[]> {
    const rows = this.#sql.prekeys.all(identity) as (SignedRow & { device: number; created: number })[];
    return rows.map(({ device, created, ...row }) => ({ device, created, signed: signedOf(row) }));
  }

  async signedIn({ identity, device }: Address, nonce: Buffer): Promise<Buffer | undefined> {
    const before = this.#sql.nonce.get(identity, device)?.['nonce'] as Uint8Array | undefined;
    this.#sql.putNonce.run(identity, device, nonce);
    return before && Buffer.from(before);
  }
}
