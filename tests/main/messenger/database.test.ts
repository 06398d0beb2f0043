// The profile's database: one of an earlier version is taken over with all that it holds.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { Database } from '../../../main/messenger/database.ts';
import { arrive, bringOnline, openPerson, openRelay, temporaryFolder, until } from '../../town.ts';

const firstVersion = readFileSync(new URL('../../vectors/database-1.sql', import.meta.url), 'utf8');

/** What a database is made of, whoever has made it. */
function shape(directory: string): unknown {
  const database = new DatabaseSync(join(directory, 'signet.sqlite'), { readOnly: true });
  try {
    const tables = database
      .prepare(`SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`)
      .all();
    return {
      version: database.prepare('PRAGMA user_version').get(),
      indexes: database.prepare(`SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY name`).all(),
      tables: tables.map(({ name }) => ({
        name,
        columns: database.prepare('SELECT name, type, pk FROM pragma_table_info(?)').all(String(name)),
      })),
    };
  } finally {
    database.close();
  }
}

/** Writes a closed profile down again as the first version would have. @returns the folder */
function asFirstVersion(profile: string): string {
  const directory = temporaryFolder();
  const database = new DatabaseSync(join(directory, 'signet.sqlite'));
  database.exec(`${firstVersion} DELETE FROM revision; PRAGMA user_version = 1;`);
  database.prepare('ATTACH ? AS now').run(join(profile, 'signet.sqlite'));
  const tables = database
    .prepare(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'`)
    .all();
  for (const { name } of tables) {
    const columns = database.prepare('SELECT name FROM pragma_table_info(?)').all(String(name));
    const list = columns.map((column) => String(column['name'])).join();
    database.exec(`INSERT INTO main.${String(name)} (${list}) SELECT ${list} FROM now.${String(name)}`);
  }
  database.close();
  return directory;
}

test('a database of the first version gets the same shape as a new one', () => {
  const [fresh, old] = [temporaryFolder(), temporaryFolder()];
  new Database(fresh).close();
  const database = new DatabaseSync(join(old, 'signet.sqlite'));
  database.exec(`${firstVersion} PRAGMA user_version = 1;`);
  database.close();
  const before = shape(old);
  new Database(old).close();
  expect(shape(old)).toEqual(shape(fresh));
  expect(shape(old)).not.toEqual(before);
  // Once: what is up to date stays as it is.
  new Database(old).close();
  expect(shape(old)).toEqual(shape(fresh));
});

test('a profile of the first version goes on with its keys, contacts and messages', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  await alice.send('bob', 'before');
  await bob.send('alice', 'answer');
  await until(() => alice.conversations.get('bob')?.count === 2);
  alice.markCompared('bob', bob.fingerprint);
  await alice.close();
  const directory = asFirstVersion(alice.directory);

  const back = await openPerson('alice', relay.invite, { directory });
  expect(back.fingerprint).toBe(alice.fingerprint);
  // When that was, the first version didn't write down.
  expect(back.conversations.list()).toMatchObject([
    { contact: 'bob', count: 2, unread: 1, hasDraft: false, verified: 'compared', verifiedAt: null },
  ]);
  await back.saveDraft('bob', 'begun');
  expect(await back.conversations.draft('bob')).toBe('begun');
  back.markCompared('bob', bob.fingerprint);
  expect(back.conversations.get('bob')!.verifiedAt).toBeGreaterThan(0);
  await bringOnline(back);
  await back.send('bob', 'after');
  await until(() => bob.conversations.get('alice')!.count === 3);
  const page = await back.conversations.page('bob', 0, 9);
  expect(page.map(({ text }) => text).sort()).toEqual(['after', 'answer', 'before']);
  const received = await bob.conversations.page('alice', 0, 9);
  expect(received.map(({ kind }) => kind)).toEqual(['text', 'text', 'text']);
});
