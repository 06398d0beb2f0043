// Part of the demonstrations: reads what a relay's folder holds once the relay is closed, and tells about it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { styleText } from 'node:util';
import { decodeEnvelope } from '../protocol/envelope.ts';

/** What waits in a mailbox: everything that a relay has of a message, and the names of the two as it knows them. */
export type Waiting = { sender: string; recipient: string; received: number; envelope: Buffer };

/** A message of the chat; its id has 64 hex digits. */
export type Written = { id: string; from: string; text: string };

function query(file: string, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

/** What waits in the mailboxes, of a relay that is closed. */
export function mailbox(relayFolder: string): Waiting[] {
  const file = join(relayFolder, 'relay.sqlite');
  const sql = `SELECT s.name AS sender, r.name AS recipient, received, envelope FROM envelopes
    JOIN users AS s ON lower(hex(s.identity)) = sender
    JOIN users AS r ON lower(hex(r.identity)) = substr(mailbox, 1, 64)`;
  return query(file, sql).map((row) => ({
    sender: String(row['sender']),
    recipient: String(row['recipient']),
    received: Number(row['received']),
    envelope: Buffer.from(row['envelope'] as Uint8Array),
  }));
}

/** The names of these closed profiles' keychain items; a profile that was never made has none. */
export function keychainAccounts(profiles: string[]): string[] {
  return profiles
    .map((profile) => join(profile, 'signet.sqlite'))
    .filter((file) => existsSync(file))
    .flatMap((file) => query(file, 'SELECT profile FROM account').map((row) => String(row['profile'])));
}

/** Bytes in hex, two by two: the first few of them. */
const first = (bytes: Buffer, count: number): string =>
  `${bytes.toString('hex', 0, count).replace(/(..)(?=.)/g, '$1 ')}${bytes.length > count ? ' ...' : ''}`;

/** Each message, and the envelope that the relay had of it, out of its writer's own closed profile. */
export function passed(written: Written[], profiles: string[]): string[] {
  const sql =
    'SELECT lower(hex(id)) AS id, bytes FROM messages JOIN envelopes ON message = messages.position';
  const rows = profiles.flatMap((profile) => query(join(profile, 'signet.sqlite'), sql));
  return written.flatMap(({ id, from, text }) => {
    const envelope = Buffer.from(rows.find((row) => row['id'] === id)!['bytes'] as Uint8Array);
    const ciphertext = first(Buffer.concat(decodeEnvelope(envelope).blocks), 16);
    return [
      `${`${from}:`.padEnd(7)}${text.split('\n')[0]}`,
      styleText('dim', `       ${envelope.length} bytes, ciphertext ${ciphertext}`),
    ];
  });
}

/** All that can be read of it, one line each. */
export function describe({ sender, recipient, received, envelope }: Waiting): string[] {
  const { header, headerBytes, blocks, signature } = decodeEnvelope(envelope);
  const [version = 0, suite = 0] = headerBytes;
  const lines: [string, string][] = [
    ['received', new Date(received).toISOString()],
    ['envelope', `${envelope.length} bytes:`],
    ['  version', `${version}`],
    ['  suite', `${suite} (RSA-3072, OAEP and PSS with SHA-256)`],
    ['  from', `${first(header.sender.identity, 12)} (${sender}), device ${header.sender.device}`],
    ['  to', `${first(header.recipient.identity, 12)} (${recipient}), device ${header.recipient.device}`],
    ['  sealed to', `${first(header.encryptionKey, 12)} (fingerprint of ${recipient}'s encryption key)`],
    ['  blocks', `${header.blockCount}`],
    ['  ciphertext', `${first(Buffer.concat(blocks), 20)}`],
    ['  signature', `${first(signature, 20)}`],
  ];
  return lines.map(([name, value]) => `${styleText('dim', name.padEnd(14))}${value}`);
}

/** The bytes of every file in a folder. */
export function filesOf(folder: string): Buffer[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
}

/** Whether a line stands in any of these files: as it is, in UTF-16, in hex, or in base64. */
function stands(line: string, files: Buffer[]): boolean {
  const bytes = Buffer.from(line);
  // In base64 a text looks different at each of three offsets; its first and last characters depend on what is
  // around it.
  const base64 = [0, 1, 2].map((offset) =>
    Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .slice(4, -4),
  );
  const forms = [bytes, Buffer.from(line, 'utf16le'), bytes.toString('hex'), ...base64];
  return files.some((file) => forms.some((form) => file.includes(form)));
}

/** Those messages of which at least one line stands in a file. Looks for a name first that is certainly there, since a
 * search that can't find anything would prove nothing. */
export function search(written: Written[], files: Buffer[]): Written[] {
  if (!stands('alice', files)) throw new Error('The search did not even find what is there.');
  return written.filter(({ text }) => text.split('\n').some((line) => stands(line, files)));
}
