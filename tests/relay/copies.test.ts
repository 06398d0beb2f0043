// The copy that a serving relay makes for a command: whole, for its owner alone, and gone when it was read.
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { inUse, offerCopies, openRecords, openStopped } from '../../relay/copies.ts';
import { openDatabase } from '../../relay/database.ts';
import { afterwards, openRelay, temporaryFolder, until, type TestRelay } from '../town.ts';
import { listening, refused } from './program.ts';
import { alice, bob, letter, Wire } from './wire.ts';

const log = pino({ level: 'silent' });
const copies = (data: string): string[] => readdirSync(data).filter((name) => name.startsWith('relay-copy-'));

/** A relay in this process that offers copies. */
async function offering(
  copy?: (file: string) => Promise<void>,
): Promise<TestRelay & { stopOffering: () => void }> {
  const relay = await openRelay();
  const stopOffering = await offerCopies(relay.data, copy ?? relay.copy, log);
  afterwards(stopOffering);
  return { ...relay, stopOffering };
}

test('is whole and can only be read, while letters come in', async () => {
  const relay = await offering();
  (await Wire.signedIn(relay, bob)).socket.terminate();
  const sender = await Wire.signedIn(relay, alice);
  let posting = true;
  let accepted = 0;
  const post = (async () => {
    while (posting) {
      await sender.post(bob, letter(alice, bob, { blocks: 16 }).envelope);
      accepted++;
    }
  })();
  await until(() => accepted > 30);
  for (let i = 0; i < 3; i++) {
    const before = accepted;
    const { database, serving, close } = await openRecords(relay.data);
    expect(serving).toBe(true);
    expect(database.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    const { count } = database.prepare('SELECT count(*) AS count FROM mailbox').get() as { count: number };
    // All that was accepted before it was asked for.
    expect(count).toBeGreaterThanOrEqual(before);
    expect(() => database.exec('DELETE FROM users')).toThrow('readonly');
    const [name = ''] = copies(relay.data);
    expect(statSync(join(relay.data, name)).mode & 0o777).toBe(0o600);
    close();
    await until(() => copies(relay.data).length === 0);
  }
  posting = false;
  await post;
});

test('is made one after the other, and goes when its reader dies', async () => {
  const relay = await offering();
  const first = connect(join(relay.data, 'relay.sock'));
  await once(first, 'data');
  const [own] = copies(relay.data);
  const second = connect(join(relay.data, 'relay.sock'));
  await once(second, 'connect');
  await Wire.signedIn(relay, alice);
  expect(copies(relay.data)).toEqual([own]);
  first.destroy();
  await once(second, 'data');
  expect(copies(relay.data)).not.toContain(own);
  expect(copies(relay.data)).toHaveLength(1);
  second.destroy();
  await until(() => copies(relay.data).length === 0);
});

test('that can not be made is told, and leaves nothing', async () => {
  const relay = await offering(() => Promise.reject(new Error('disk full')));
  await expect(openRecords(relay.data)).rejects.toMatchObject({
    code: 'folder-in-use',
    message: expect.stringContaining("can't make a copy to read from; its log says why. Stop it") as string,
  });
  await until(() => copies(relay.data).length === 0);
});

test('a relay that ends while one is read or made ends cleanly', async () => {
  const relay = await offering();
  const { database, close } = await openRecords(relay.data);
  const waiting = connect(join(relay.data, 'relay.sock')).on('error', () => {});
  await once(waiting, 'connect');
  relay.stopOffering();
  await relay.close();
  expect(database.prepare('SELECT count(*) AS count FROM users').get()).toEqual({ count: 0 });
  close();
  await until(() => copies(relay.data).length === 0);
  expect(existsSync(join(relay.data, 'relay.sock'))).toBe(false);
});

test('what a relay that was killed has left is cleared away by the next', async () => {
  const data = temporaryFolder();
  const relay = await listening(data);
  const reader = connect(join(data, 'relay.sock')).on('error', () => {});
  await once(reader, 'data');
  relay.child.kill('SIGKILL');
  await relay.ended;
  expect(copies(data)).toHaveLength(1);
  expect(existsSync(join(data, 'relay.sock'))).toBe(true);
  // In between, the database itself is read.
  const records = await openRecords(data);
  expect(records.serving).toBe(false);
  records.close();
  await listening(data);
  expect(copies(data)).toEqual([]);
  const again = await openRecords(data);
  expect(again.serving).toBe(true);
  again.close();
});

test('a folder whose path is too long for a socket is served; commands say to stop the relay', async () => {
  const data = join(temporaryFolder(), 'x'.repeat(120));
  mkdirSync(data);
  const relay = await listening(data);
  expect(await refused('users', '--data', data)).toContain(`${data} is in use: by another command`);
  relay.child.kill('SIGTERM');
  const { error } = await relay.ended;
  expect(error).toContain('commands can read this folder only while the relay is stopped');
  expect(error).toContain('"closed"');
});

test('to change a database, its relay has to be stopped', async () => {
  const relay = await offering();
  expect(() => openStopped(relay.data)).toThrow(inUse(relay.data).message);
  await relay.close();
  const database = openStopped(relay.data);
  expect(database.isOpen).toBe(true);
  database.close();
  const damaged = temporaryFolder();
  writeFileSync(join(damaged, 'relay.sqlite'), 'noise '.repeat(2000));
  expect(() => openStopped(damaged)).toThrow(expect.objectContaining({ code: 'database-damaged' }));
  await expect(openRecords(damaged)).rejects.toMatchObject({ code: 'database-damaged' });
  expect(() => openDatabase(damaged)).toThrow('is damaged');
});
