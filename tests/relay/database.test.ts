// The relay's file: safe on the disk, for one relay at a time, and never touched when it is not understood.
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { isServed, openDatabase, openStopped, readDatabase } from '../../relay/database.ts';
import { mailboxOf } from '../../relay/stores.ts';
import { afterwards, openRelay, temporaryFolder, until } from '../harness.ts';
import { listening } from './program.ts';
import { device, envelope, RawClient } from './raw-client.ts';

const [alice, bob] = [device('alice'), device('bob')];

function open(data: string): DatabaseSync {
  const database = openDatabase(data);
  afterwards(() => database.isOpen && database.close());
  return database;
}

const fileIn = (data: string): string => join(data, 'relay.sqlite');
const pragma = (database: DatabaseSync, name: string): unknown =>
  Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];

test('every commit reaches the disk, on a new file and on each one after', () => {
  const data = temporaryFolder();
  for (let i = 0; i < 2; i++) {
    const database = open(data);
    expect(pragma(database, 'journal_mode')).toBe('wal');
    expect(pragma(database, 'synchronous')).toBe(2);
    expect(pragma(database, 'fullfsync')).toBe(1);
    expect(pragma(database, 'checkpoint_fullfsync')).toBe(1);
    expect(pragma(database, 'secure_delete')).toBe(1);
    expect(pragma(database, 'foreign_keys')).toBe(1);
    database.close();
  }
});

test('the file and its folder are for their owner alone', () => {
  const data = join(temporaryFolder(), 'new', 'folder');
  open(data);
  expect(statSync(fileIn(data)).mode & 0o777).toBe(0o600);
  expect(statSync(data).mode & 0o777).toBe(0o700);
});

test('what was written is there when it is opened again', () => {
  const data = temporaryFolder();
  const insert = "INSERT INTO users VALUES ('alice', x'01', x'02', 3)";
  const first = open(data);
  first.exec(insert);
  first.close();
  expect(open(data).prepare('SELECT name FROM users').all()).toEqual([{ name: 'alice' }]);
});

test('a folder serves one relay at a time', () => {
  const data = temporaryFolder();
  const first = open(data);
  expect(() => openDatabase(data)).toThrow(expect.objectContaining({ code: 'folder-in-use' }));
  first.close();
  open(data);
});

test.for([
  [3, 'database-newer', /was written by a newer relay\. Start that one, or update this\.$/],
  [1, 'database-older', /was written by a development version of the relay, .+ Name another folder\.$/],
] as const)('a file of schema %i is left as it is', ([version, code, message]) => {
  const data = temporaryFolder();
  const other = new DatabaseSync(fileIn(data));
  other.exec(`PRAGMA user_version = ${version}; CREATE TABLE mailbox (x)`);
  other.close();
  const refusal = expect.objectContaining({
    code,
    message: expect.stringMatching(message) as string,
  }) as Error;
  for (const openAny of [openDatabase, openStopped, readDatabase]) {
    expect(() => openAny(data)).toThrow(refusal);
  }
  // Nor is it kept locked: another relay can open it at once.
  const again = new DatabaseSync(fileIn(data));
  expect(again.prepare('SELECT name FROM sqlite_master').all()).toEqual([{ name: 'mailbox' }]);
  expect(pragma(again, 'user_version')).toBe(version);
  again.exec('DROP TABLE mailbox');
  again.close();
});

test('a file that is no database is told and left as it is', () => {
  const data = temporaryFolder();
  const noise = randomBytes(8192);
  writeFileSync(fileIn(data), noise);
  expect(() => openDatabase(data)).toThrow(expect.objectContaining({ code: 'database-damaged' }));
  expect(readFileSync(fileIn(data))).toEqual(noise);
});

test('a database whose pages are damaged is told', () => {
  const data = temporaryFolder();
  open(data).close();
  const bytes = readFileSync(fileIn(data));
  bytes.fill(0xff, 100, 4096);
  writeFileSync(fileIn(data), bytes);
  expect(() => openDatabase(data)).toThrow(expect.objectContaining({ code: 'database-damaged' }));
});

test('a database that was cut short is told', () => {
  const data = temporaryFolder();
  open(data).close();
  const bytes = readFileSync(fileIn(data));
  writeFileSync(fileIn(data), bytes.subarray(0, 8192));
  expect(() => openDatabase(data)).toThrow(expect.objectContaining({ code: 'database-damaged' }));
});

test('a folder that can not be one is told', () => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  for (const data of [file, join(file, 'below'), 'nul\0byte']) {
    expect(() => openDatabase(data)).toThrow(expect.objectContaining({ code: 'folder-unusable' }));
  }
});

test('a folder or a link in the place of the file is told, and what the link leads to is left as it is', () => {
  const [data, elsewhere] = [temporaryFolder(), temporaryFolder()];
  const message = `${fileIn(data)} is a link or a folder. Put the database itself there, or name its own folder with --data.`;
  const refusal = expect.objectContaining({ code: 'folder-unusable', message }) as Error;
  mkdirSync(fileIn(data));
  expect(() => openDatabase(data)).toThrow(refusal);
  rmdirSync(fileIn(data));
  const foreign = join(elsewhere, 'foreign');
  symlinkSync(foreign, fileIn(data));
  expect(() => openDatabase(data)).toThrow(refusal);
  expect(readdirSync(elsewhere)).toEqual([]);
  writeFileSync(foreign, '');
  chmodSync(foreign, 0o644);
  expect(() => openDatabase(data)).toThrow(refusal);
  expect(statSync(foreign)).toMatchObject({ size: 0, mode: 0o100644 });
});

test('a lock that is none is told as such, not as a damaged database', async () => {
  const relay = await openRelay();
  await relay.close();
  const lock = join(relay.data, '.relay-lock');
  writeFileSync(lock, 'noise '.repeat(1000));
  expect(() => openDatabase(relay.data)).toThrow(
    `${lock} is not what a relay has made. Remove it, then try again.`,
  );
  rmSync(lock);
  openDatabase(relay.data).close();
});

test('readers see all that was accepted, change nothing, and hold up nobody, while envelopes come in', async () => {
  const relay = await listening(temporaryFolder());
  const data = relay.data;
  (await RawClient.signedIn(relay, bob)).socket.terminate();
  const sender = await RawClient.signedIn(relay, alice);
  let isSending = true;
  let accepted = 0;
  const sending = (async () => {
    while (isSending) {
      const answer = await sender.send(envelope(alice, bob.address, { blocks: 16 }));
      expect(answer).toMatchObject({ type: 'accepted' });
      accepted++;
    }
  })();
  await until(() => accepted > 30);
  for (let i = 0; i < 3; i++) {
    const before = accepted;
    const database = readDatabase(data);
    database.exec('BEGIN');
    expect(database.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    const { count } = database.prepare('SELECT count(*) AS count FROM envelopes').get() as { count: number };
    expect(count).toBeGreaterThanOrEqual(before);
    expect(() => database.exec('DELETE FROM users')).toThrow('readonly');
    // The relay commits while the reader holds its snapshot.
    const during = accepted;
    await until(() => accepted > during + 5);
    expect(database.prepare('SELECT count(*) AS count FROM envelopes').get()).toEqual({ count });
    database.close();
  }
  isSending = false;
  await sending;
});

test('a reader of what a killed relay has left sees it all, and the next relay starts', async () => {
  const relay = await listening(temporaryFolder());
  (await RawClient.signedIn(relay, bob)).socket.terminate();
  const sender = await RawClient.signedIn(relay, alice);
  expect(await sender.send(envelope(alice, bob.address))).toMatchObject({ type: 'accepted' });
  relay.child.kill('SIGKILL');
  await relay.ended;
  const database = readDatabase(relay.data);
  expect(database.prepare('SELECT mailbox FROM envelopes').all()).toEqual([
    { mailbox: mailboxOf(bob.address) },
  ]);
  await listening(relay.data);
  database.close();
});

test('to change a database, its relay has to be stopped', async () => {
  const relay = await openRelay();
  expect(isServed(relay.data)).toBe(true);
  expect(() => openStopped(relay.data)).toThrow(
    `A relay serves ${relay.data} now. Stop it first, and start it again after.`,
  );
  await relay.close();
  expect(isServed(relay.data)).toBe(false);
  openStopped(relay.data).close();
  const damaged = temporaryFolder();
  writeFileSync(fileIn(damaged), 'noise '.repeat(2000));
  for (const openAny of [openStopped, readDatabase, openDatabase]) {
    expect(() => openAny(damaged)).toThrow(expect.objectContaining({ code: 'database-damaged' }));
  }
});
