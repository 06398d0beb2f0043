// What the relay has stored of its users, as its administrator sees it: all of it, and how to remove it.
import type { DatabaseSync } from 'node:sqlite';
import { decodeEnvelope } from '../protocol/envelope.ts';
import { Failure } from '../protocol/failures.ts';
import { spkiOf } from '../protocol/key.ts';
import { transaction } from './transaction.ts';

export type UserRecord = {
  name: string;
  /** SHA-256 of the identity key, 64 hex digits. */
  fingerprint: string;
  /** Milliseconds since 1970. */
  registered: number;
  /** Envelopes that wait for this user's devices, and their bytes. */
  waiting: number;
  bytes: number;
};

/** All users, by name. */
export function listUsers(database: DatabaseSync): UserRecord[] {
  const sql = `SELECT name, lower(hex(identity)) AS fingerprint, registered,
      count(position) AS waiting, coalesce(sum(length(envelope)), 0) AS bytes
    FROM users LEFT JOIN envelopes ON substr(mailbox, 1, 64) = lower(hex(identity))
    GROUP BY name ORDER BY name`;
  return database.prepare(sql).all() as unknown as UserRecord[];
}

type User = { name: string; identity: Uint8Array; identity_key: Uint8Array; registered: number };

/** @throws Failure `unknown-user` */
export function findUser(database: DatabaseSync, name: string): User {
  const user = database.prepare('SELECT * FROM users WHERE name = ?').get(name);
  if (user) return user as User;
  throw new Failure('unknown-user', `Nobody is registered as "${name}". The command "users" lists who is.`);
}

/** Removes a user's name, keys, and what waits for this user; what this user has sent to others waits on.
 * @returns envelopes removed @throws Failure `unknown-user` */
export function removeUser(database: DatabaseSync, name: string): number {
  const identity = hex(findUser(database, name).identity);
  return transaction(database, () => {
    const { changes } = database
      .prepare('DELETE FROM envelopes WHERE substr(mailbox, 1, 64) = ?')
      .run(identity);
    // Devices, prekeys and sign-ins go with it.
    database.prepare('DELETE FROM users WHERE name = ?').run(name);
    return Number(changes);
  });
}

/** Stores the hash of a registration token. @param hash SHA-256 of the token, 32 bytes
 * @param expires milliseconds since 1970 */
export function addToken(database: DatabaseSync, hash: Buffer, uses: number, expires: number): void {
  database.prepare('INSERT INTO tokens (hash, uses, expires) VALUES (?, ?, ?)').run(hash, uses, expires);
}

const base64 = (bytes: unknown): string => Buffer.from(bytes as Uint8Array).toString('base64');
const hex = (bytes: unknown): string => Buffer.from(bytes as Uint8Array).toString('hex');
const time = (milliseconds: unknown): string => new Date(Number(milliseconds)).toISOString();

/** What is stored of a user, without envelopes; times in ISO 8601, keys as SPKI in base64, statements in base64, hashes in
 * hex. @throws Failure `unknown-user` */
export function exportUser(database: DatabaseSync, name: string): Record<string, unknown> {
  const { identity, identity_key, registered } = findUser(database, name);
  const rows = (sql: string): Record<string, unknown>[] => database.prepare(sql).all(identity);
  const prekeys = rows('SELECT device, created, bytes, signature FROM prekeys WHERE identity = ?');
  const statements = rows(
    'SELECT version, bytes, signature FROM device_statements WHERE identity = ? ORDER BY version',
  );
  const signIns = rows('SELECT device, nonce FROM sign_ins WHERE identity = ?');
  const signed = ({ bytes, signature }: Record<string, unknown>) => ({
    statement: base64(bytes),
    signature: base64(signature),
  });
  return {
    name,
    registered: time(registered),
    fingerprint: hex(identity),
    identityKey: base64(spkiOf(Buffer.from(identity_key))),
    deviceStatements: statements.map((row) => ({ version: row['version'], ...signed(row) })),
    prekeys: prekeys.map((row) => ({ device: row['device'], created: time(row['created']), ...signed(row) })),
    lastSignIns: signIns.map(({ device, nonce }) => ({ device, nonce: hex(nonce) })),
  };
}

/** The envelopes that wait for a user, or that a user has sent and that wait for others, oldest first. Each with the
 * fields that it shows to a relay, and the whole of it in base64. */
export function* exportEnvelopes(
  database: DatabaseSync,
  name: string,
  side: 'recipient' | 'sender',
): Generator<Record<string, unknown>> {
  const identity = hex(findUser(database, name).identity);
  const column = side === 'sender' ? 'sender' : 'substr(mailbox, 1, 64)';
  const sql = `SELECT mailbox, sender, received, envelope FROM envelopes WHERE ${column} = ? ORDER BY position`;
  for (const { received, envelope } of database.prepare(sql).iterate(identity)) {
    const bytes = Buffer.from(envelope as Uint8Array);
    yield { received: time(received), bytes: bytes.length, header: headerOf(bytes), envelope: base64(bytes) };
  }
}

/** What an envelope shows without any key; null if it is damaged. */
function headerOf(envelope: Buffer): Record<string, unknown> | null {
  try {
    const { header } = decodeEnvelope(envelope);
    const address = ({ identity, device }: typeof header.sender) => ({ identity: hex(identity), device });
    return {
      version: envelope[0],
      suite: envelope[1],
      sender: address(header.sender),
      listVersion: header.listVersion,
      recipient: address(header.recipient),
      encryptionKey: hex(header.encryptionKey),
      blockCount: header.blockCount,
      ratchetKey: header.ratchetKey ? hex(header.ratchetKey) : null,
    };
  } catch {
    return null;
  }
}
