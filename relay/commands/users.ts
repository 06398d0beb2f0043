// signet-relay users, remove-user and export: who is registered, and what is stored of each.
import { createInterface } from 'node:readline';
import { Failure } from '../../protocol/failures.ts';
import { exportEnvelopes, exportUser, findUser, listUsers, removeUser } from '../admin-queries.ts';
import { openStopped, readDatabase } from '../database.ts';
import type { FolderOptions } from './options.ts';

export function users({ data, json }: FolderOptions & { json: boolean }): void {
  const database = readDatabase(data);
  try {
    const list = listUsers(database).map(({ registered, ...user }) => ({
      ...user,
      registered: new Date(registered).toISOString(),
    }));
    if (json) return console.log(JSON.stringify({ users: list }));
    if (list.length === 0) return console.log('Nobody has registered yet.');
    const rows = [
      ['name', 'registered', 'waiting', 'bytes', 'fingerprint'],
      ...list.map(({ name, registered, waiting, bytes, fingerprint }) => [
        name,
        registered.slice(0, 16).replace('T', ' '),
        `${waiting}`,
        `${bytes}`,
        fingerprint,
      ]),
    ];
    const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
    const isNumber = (column: number): boolean => column === 2 || column === 3;
    for (const row of rows) {
      const cells = row.map((cell, i) => (isNumber(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)));
      console.log(cells.join('  ').trimEnd());
    }
  } finally {
    database.close();
  }
}

const meaning = (name: string): string =>
  `This removes the name ${name}, its keys, and the mail that waits for it. Whoever registers as ${name} after that has
another identity: contacts of ${name} are shown the change and nothing is sent before they accept it. If ${name}'s own
client comes back, it registers again with the identity that it has.`;

/** @throws Failure `unknown-user`, `folder-in-use`, `command-invalid` without a yes */
export async function removeUserNamed(
  name: string,
  { data, yes }: FolderOptions & { yes: boolean },
): Promise<void> {
  const database = openStopped(data);
  try {
    findUser(database, name);
    console.log(meaning(name));
    if (!yes) await confirm(name);
    const removed = removeUser(database, name);
    console.log(`${name} is removed, with ${removed} waiting ${removed === 1 ? 'message' : 'messages'}.`);
  } finally {
    database.close();
  }
}

async function confirm(name: string): Promise<void> {
  if (!process.stdin.isTTY) {
    throw new Failure(
      'command-invalid',
      'Nobody is at a terminal to confirm it: say --yes. Nothing was removed.',
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await new Promise<string | undefined>((resolve) => {
    // Ctrl+C and Ctrl+D end it without an answer.
    terminal.once('close', () => resolve(undefined)).question(`\nType ${name} to go on: `, resolve);
  });
  terminal.close();
  if (answer === undefined) console.log();
  if (answer?.trim() !== name) throw new Failure('command-invalid', 'Nothing was removed.');
}

/** Prints one JSON object, envelope by envelope: a mailbox may be larger than a string can be.
 * @throws Failure `unknown-user` */
export function exportNamed(name: string, { data }: FolderOptions): void {
  const database = readDatabase(data);
  try {
    const own = JSON.stringify(exportUser(database, name), undefined, 2);
    process.stdout.write(own.slice(0, -2));
    for (const [key, side] of [
      ['waiting', 'recipient'],
      ['sent', 'sender'],
    ] as const) {
      let separator = '';
      process.stdout.write(`,\n  "${key}": [`);
      for (const envelope of exportEnvelopes(database, name, side)) {
        const lines = JSON.stringify(envelope, undefined, 2).replaceAll('\n', '\n    ');
        process.stdout.write(`${separator}\n    ${lines}`);
        separator = ',';
      }
      process.stdout.write(separator ? '\n  ]' : ']');
    }
    process.stdout.write('\n}\n');
  } finally {
    database.close();
  }
}
