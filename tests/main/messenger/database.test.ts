// The profile's database: who may open it, and which version it may have.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { Database } from '../../../main/messenger/database.ts';
import { temporaryFolder } from '../../harness.ts';

function stamp(directory: string, version: number): void {
  const database = new DatabaseSync(join(directory, 'signet.sqlite'));
  database.exec(`CREATE TABLE IF NOT EXISTS contacts (name TEXT); PRAGMA user_version = ${version};`);
  database.close();
}

test('a new one has its tables, and is taken as it is the next time', () => {
  const directory = temporaryFolder();
  const first = new Database(directory);
  first.run`INSERT INTO sign_ins (nonce) VALUES (${Buffer.alloc(32, 7)})`;
  first.close();
  const again = new Database(directory);
  expect(again.get`SELECT nonce FROM sign_ins`).toEqual({ nonce: Buffer.alloc(32, 7) });
  again.close();
});

test.each([
  ['database-older', 1],
  ['database-older', 2],
  ['database-newer', 4],
])('%s: one of version %i is refused, and stays as it is', (code, version) => {
  const directory = temporaryFolder();
  stamp(directory, version);
  expect(() => new Database(directory)).toThrow(expect.objectContaining({ code }));
  const database = new DatabaseSync(join(directory, 'signet.sqlite'));
  expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: version });
  expect(database.prepare('SELECT name FROM sqlite_schema').all()).toEqual([{ name: 'contacts' }]);
  database.close();
});

test('a second one on the same folder is refused until the first is closed', () => {
  const directory = temporaryFolder();
  const first = new Database(directory);
  expect(() => new Database(directory)).toThrow(expect.objectContaining({ code: 'folder-in-use' }));
  first.close();
  new Database(directory).close();
});

test('what is no database is told as damaged, and stays as it is', () => {
  const directory = temporaryFolder();
  writeFileSync(
    join(directory, 'signet.sqlite'),
    'not a database at all, but long enough to have a header'.repeat(40),
  );
  expect(() => new Database(directory)).toThrow(expect.objectContaining({ code: 'database-damaged' }));
});

test('a transaction that throws has changed nothing', () => {
  const database = new Database(temporaryFolder());
  const fail = (): void =>
    database.transaction(() => {
      database.run`INSERT INTO sign_ins (nonce) VALUES (${Buffer.alloc(32)})`;
      throw new Error('thought better of it');
    });
  expect(fail).toThrow('thought better of it');
  expect(database.all`SELECT * FROM sign_ins`).toEqual([]);
  database.close();
});
