// What the relay has stored of its users, as its administrator sees it: all of it, and how to remove it.
import type { DatabaseSync } from 'node:sqlite';
import { decodeEnvelope } from '../protocol/envelope.ts';
import { Failure } from '../protocol/failures.ts';

export type UserRecord = {
  name: string;
  /** SHA-256 of the identity key, 64 hex digits. */
  fingerprint: string;
  /** Milliseconds since 1970. */
  registered: number;
  /** Envelopes that wait for this user, and their bytes. */
  waiting: number;
  bytes: number;
};

/** All users, by name. */
export function listUsers(database: DatabaseSync): UserRecord[] {
  const sql = `SELECT name, lower(hex(fingerprint)) AS fingerprint, registered,
      count(sequence) AS waiting, coalesce(sum(length(envelope)), 0) AS bytes
    FROM users LEFT JOIN mailbox ON recipient = name GROUP BY name ORDER BY name`;
  return database.prepare(sql).all() as unknown as UserRecord[];
}

/** @throws Failure `unknown-user` */
export function assertUser(database: DatabaseSync, name: string): void {
  if (database.prepare('SELECT name FROM users WHERE name = ?').get(name)) return;
  throw new Failure('unknown-user', `Nobody is registered as "${name}". The command "users" lists who is.`);
}

/** Removes a user's name, keys, and the mail that waits for this user; what this user has sent to others waits on.
 * @returns envelopes removed @throws Failure `unknown-user` */
export function removeUser(database: DatabaseSync, name: string): number {
  assertUser(database, name);
  database.exec('BEGIN IMMEDIATE');
  try {
    const { changes } = database.prepare('DELETE FROM mailbox WHERE recipient = ?').run(name);
    database.prepare('DELETE FROM reception_keys WHERE user = ?').run(name);
    database.prepare('DELETE FROM users WHERE name = ?').run(name);
    database.exec('COMMIT');
    return Number(changes);
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

const base64 = (bytes: unknown): string => Buffer.from(bytes as Uint8Array).toString('base64');
const hex = (bytes: unknown): string => Buffer.from(bytes as Uint8Array).toString('hex');
const time = (milliseconds: unknown): string => new Date(Number(milliseconds)).toISOString();

/** What is stored of a user, without letters; times in ISO 8601, keys as SPKI in base64, hashes in hex.
 * @throws Failure `unknown-user` */
export function exportUser(database: DatabaseSync, name: string): Record<string, unknown> {
  assertUser(database, name);
  const user = database.prepare('SELECT * FROM users WHERE name = ?').get(name)!;
  const key = database.prepare('SELECT * FROM reception_keys WHERE user = ?').get(name);
  return {
    name,
    registered: time(user['registered']),
    fingerprint: hex(user['fingerprint']),
    identityKey: base64(user['identity_key']),
    receptionKey: key && {
      class: key['class'],
      created: time(key['created']),
      expires: time(key['expires']),
      key: base64(key['key']),
      signature: base64(key['signature']),
    },
  };
}

/** The letters that wait for a user, or that a user has sent and that wait for others, oldest first. Each with the
 * fields that its envelope shows to a relay, and the whole envelope in base64. */
export function* exportLetters(
  database: DatabaseSync,
  name: string,
  side: 'recipient' | 'sender',
): Generator<Record<string, unknown>> {
  const sql = `SELECT * FROM mailbox WHERE ${side} = ? ORDER BY sequence`;
  for (const { sender, recipient, message, received, envelope } of database.prepare(sql).iterate(name)) {
    const bytes = Buffer.from(envelope as Uint8Array);
    yield {
      from: sender,
      to: recipient,
      message: hex(message),
      received: time(received),
      bytes: bytes.length,
      header: headerOf(bytes),
      envelope: base64(bytes),
    };
  }
}

/** What an envelope shows without any key; null if it is damaged. */
function headerOf(envelope: Buffer): Record<string, unknown> | null {
  try {
    const { header } = decodeEnvelope(envelope);
    return {
      version: envelope[0],
      suite: envelope[1],
      id: hex(header.id),
      sender: hex(header.sender),
      recipient: hex(header.recipient),
      receptionKey: hex(header.receptionKey),
      blockCount: header.blockCount,
    };
  } catch {
    return null;
  }
}
