// A backup's file: damage is told, nothing of it is taken, and no folder of a relay is touched.
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { readBackup } from '../../relay/backup-file.ts';
import { temporaryFolder } from '../harness.ts';
import { backedUp } from './populated.ts';
import { refused, stop } from './program.ts';

const change =
  (sql: string) =>
  (file: string): void => {
    const database = new DatabaseSync(file, { defensive: false });
    database.exec(sql);
    database.close();
  };

const TABLES = ['users', 'device_statements', 'prekeys', 'sign_ins', 'tokens', 'envelopes', 'positions'];
const isNone = /^\S+ isn't a backup of a relay, or it is damaged\.$/;
const isDamaged = /^\S+ is damaged\. Use another backup\.$/;
const damages: [string, (file: string) => void, RegExp][] = [
  ['empty', (file) => writeFileSync(file, ''), isNone],
  ['something else', (file) => writeFileSync(file, 'PK\x03\x04 something else '.repeat(300)), isNone],
  ["another program's database", (file) => (rmSync(file), change('CREATE TABLE t (x)')(file)), isNone],
  ['cut within its first page', (file) => truncateSync(file, 60), isNone],
  ['cut after its first page', (file) => truncateSync(file, 4096), isNone],
  ['cut by a byte', (file) => truncateSync(file, readFileSync(file).length - 1), isDamaged],
  ['another key', change("UPDATE backup SET certificate = 'other'"), isDamaged],
  ['no key', change('UPDATE backup SET certificate = NULL'), isDamaged],
  ['another date', change("UPDATE backup SET made = '2020-01-01'"), isDamaged],
  ['another envelope', change("UPDATE envelopes SET envelope = x'00'"), isDamaged],
  ['another prekey', change("UPDATE prekeys SET signature = x'00'"), isDamaged],
  ['another nonce', change("UPDATE sign_ins SET nonce = x'00'"), isDamaged],
  ['a position that was given already', change('UPDATE positions SET next = 1'), isDamaged],
  ['another user', change("UPDATE users SET registered = registered + 1 WHERE name = 'bob'"), isDamaged],
  ['a user less', change("PRAGMA foreign_keys = OFF; DELETE FROM users WHERE name = 'bob'"), isDamaged],
  ['a table more', change('CREATE TABLE more (x); INSERT INTO more VALUES (1)'), isDamaged],
  ['no checksum', change('DELETE FROM backup'), isDamaged],
  ['without its own table', change('DROP TABLE backup'), isDamaged],
  ['without the mail', change('DROP TABLE envelopes'), isDamaged],
  [
    'a broken index',
    change("PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE name = 'envelopes_by_sender'"),
    isDamaged,
  ],
  [
    'of a newer relay',
    change("PRAGMA user_version = 3; UPDATE backup SET program = '9.9.9'"),
    /^\S+ was made by a newer relay \(9\.9\.9\)\. Update this one, then try again\.$/,
  ],
  [
    'of the development version',
    change("PRAGMA user_version = 1; UPDATE backup SET program = '0.9.9'"),
    /^\S+ was made by a development version of the relay \(0\.9\.9\), which this one can't read\. Use another backup\.$/,
  ],
  ['missing', (file) => rmSync(file), /cannot be read \(ENOENT\)\.$/],
  ['a folder', (file) => (rmSync(file), mkdirSync(file)), /cannot be read \(EISDIR\)\.$/],
];

test('every damage is told, and the folder holds no relay after', async () => {
  const { relay, file } = await backedUp();
  await stop(relay);
  const whole = readFileSync(file);
  const data = temporaryFolder();
  for (const [name, damage, sentence] of damages) {
    rmSync(file, { recursive: true, force: true });
    writeFileSync(file, whole);
    damage(file);
    expect(await refused('restore', file, '--data', data), name).toMatch(sentence);
    expect(readdirSync(data)).toEqual(['.relay-lock']);
  }
});

test('a flipped bit anywhere in a backup either changes nothing that is restored, or is told', async () => {
  const { relay, file } = await backedUp();
  await stop(relay);
  const whole = readFileSync(file);
  const folder = temporaryFolder();
  const restored = (name: string): [object, Record<string, unknown>[][]] => {
    const target = join(folder, name);
    try {
      const backup = readBackup(file, target);
      const database = new DatabaseSync(target);
      const rows = TABLES.map((table) => database.prepare(`SELECT * FROM ${table}`).all());
      database.close();
      return [{ ...backup }, rows];
    } finally {
      rmSync(target, { force: true });
    }
  };
  const expected = restored('whole');
  let told = 0;
  const step = 37;
  for (let position = 0; position < whole.length; position += step) {
    const bytes = Buffer.from(whole);
    bytes[position]! ^= 1 << (position % 8);
    writeFileSync(file, bytes);
    try {
      expect(restored(`${position}`)).toEqual(expected);
    } catch (error) {
      expect(error).toMatchObject({ name: 'Failure' });
      told++;
    }
  }
  // Most of a small database's pages is free space.
  expect(told).toBeGreaterThan(whole.length / step / 20);
});

test('what comes behind the end of a backup is no part of it', async () => {
  const { relay, file } = await backedUp();
  await stop(relay);
  const target = join(temporaryFolder(), 'restored');
  appendFileSync(file, '\n');
  expect(readBackup(file, target)).toMatchObject({ program: expect.any(String) as string });
});
