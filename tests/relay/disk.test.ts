// A relay and its disk: killed right after an answer, on a full disk, on a failing one.
import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { type Letter } from '../../relay/mailbox.ts';
import { openRelay, temporaryFolder, until } from '../town.ts';
import { openMailbox, toBob } from './bare-mailbox.ts';
import { call, done, listening, refused, run } from './program.ts';
import { alice, bob, letter, Wire } from './wire.ts';

test('what was accepted survives kill -9 right after', async () => {
  const data = temporaryFolder();
  const relay = await listening(data);
  (await Wire.signedIn(relay, bob)).socket.terminate();
  const sender = await Wire.signedIn(relay, alice);
  const letters = Array.from({ length: 20 }, () => letter(alice, bob));
  const answers = letters.map(({ envelope }) => sender.post(bob, envelope));
  expect((await Promise.all(answers)).every(({ type }) => type === 'accepted')).toBe(true);
  relay.child.kill('SIGKILL');
  await relay.ended;

  const again = await listening(data);
  const recipient = await Wire.signedIn(again, bob);
  await until(() => recipient.delivered.length >= letters.length);
  expect(recipient.delivered.map(({ id }) => id)).toEqual(letters.map(({ id }) => id.toString('hex')));
});

const sentence = (file: string): string =>
  `${file} is damaged. Restore a backup of the relay, or move it away.`;

test('a database that was emptied is told as damaged and stays empty; a start that was cut short goes on', async () => {
  const relay = await openRelay();
  await relay.close();
  const file = join(relay.data, 'relay.sqlite');
  writeFileSync(file, '');
  const serve = ['--json', '--host', '127.0.0.1', '--port', '0'];
  const commands = [['users'], ['export', 'bob'], ['remove-user', 'bob'], ['backup', `${file}.backup`]];
  for (const args of [serve, ...commands]) {
    expect(await refused(...args, '--data', relay.data)).toBe(sentence(file));
  }
  const { code, out } = await call('check', '--data', relay.data, '--port', '0');
  expect(code).toBe(1);
  expect(out).toContain(`FAIL  database: ${sentence(file)}`);
  expect(statSync(file).size).toBe(0);
  // What it held may still be in the log, which SQLite would clear away.
  writeFileSync(`${file}-wal`, 'all that is left');
  expect(await refused(...serve, '--data', relay.data)).toBe(sentence(file));
  expect(readFileSync(`${file}-wal`, 'utf8')).toBe('all that is left');
  rmSync(`${file}-wal`);
  // With a certificate from elsewhere a folder has no key; a command has nothing to begin there, either.
  const key = join(temporaryFolder(), 'key.pem');
  renameSync(join(relay.data, 'relay-tls.pem'), key);
  commands.push([...serve, '--certificate', key, '--key', key]);
  for (const args of commands) expect(await refused(...args, '--data', relay.data)).toBe(sentence(file));
  expect(statSync(file).size).toBe(0);
  const { child, ended } = await listening(relay.data);
  child.kill('SIGTERM');
  expect(await ended).toMatchObject({ code: 0 });
});

test('a database whose tables went with its log is told, and a backup takes its place', async () => {
  const data = temporaryFolder();
  const relay = await listening(data);
  const backup = join(temporaryFolder(), 'backup');
  await done('backup', backup, '--data', data);
  relay.child.kill('SIGKILL');
  await relay.ended;
  rmSync(join(data, 'relay.sqlite-wal'));
  expect(await refused('--json', '--port', '0', '--data', data)).toBe(sentence(join(data, 'relay.sqlite')));
  await done('restore', backup, '--force', '--data', data);
  expect((await listening(data)).key).toEqual(relay.key);
});

/** A stopped relay with mail for bob, in whose database the first page of a table or an index is overwritten. */
async function damaged(name: string): Promise<string> {
  const relay = await openRelay();
  (await Wire.signedIn(relay, bob)).socket.terminate();
  const sender = await Wire.signedIn(relay, alice);
  for (let i = 0; i < 50; i++) await sender.post(bob, letter(alice, bob, { blocks: 8 }).envelope);
  await relay.close();
  const file = join(relay.data, 'relay.sqlite');
  const database = new DatabaseSync(file);
  const { rootpage } = database.prepare('SELECT rootpage FROM sqlite_master WHERE name = ?').get(name) as {
    rootpage: number;
  };
  database.close();
  const bytes = readFileSync(file);
  bytes.fill(0xff, (rootpage - 1) * 4096, rootpage * 4096);
  writeFileSync(file, bytes);
  return relay.data;
}

test.for(['mailbox', 'users', 'reception_keys'])('damage deep in %s is told at the start', async (table) => {
  const data = await damaged(table);
  for (const args of [
    ['--json', '--port', '0'],
    ['users'],
    ['export', 'bob'],
    ['remove-user', 'bob', '--yes'],
  ]) {
    expect(await refused(...args, '--data', data)).toBe(sentence(join(data, 'relay.sqlite')));
  }
});

test('damage that shows only at work is told in a sentence, by the commands and by the relay', async () => {
  const data = await damaged('mailbox_by_recipient');
  const told = sentence(join(data, 'relay.sqlite'));
  const look = async (args: string[]): Promise<void> => {
    const { code, error } = await run([...args, '--data', data]).ended;
    expect({ code, error }).toEqual({ code: 1, error: `signet-relay: ${told}\n` });
  };
  await look(['export', 'bob']);
  await look(['remove-user', 'bob', '--yes']);
  const { out, code } = await run(['check', '--data', data, '--port', '0']).ended;
  expect(code).toBe(1);
  expect(out).toMatch(/^FAIL {2}database: \S+relay\.sqlite is damaged/m);
  const relay = await listening(data);
  // Beside a serving relay, too.
  await look(['export', 'bob']);
  await (await Wire.open(relay)).signIn('login', bob);
  relay.child.kill('SIGTERM');
  const { error, code: end } = await relay.ended;
  expect(end).toBe(0);
  expect(error).toContain(sentence('relay.sqlite'));
  expect(error).not.toContain('malformed');
});

test('a database without its tables is told as damaged', async () => {
  const data = temporaryFolder();
  const database = new DatabaseSync(join(data, 'relay.sqlite'));
  database.exec('PRAGMA user_version = 1');
  database.close();
  expect(await refused('--json', '--port', '0', '--data', data)).toBe(sentence(join(data, 'relay.sqlite')));
});

test.runIf(process.platform === 'linux')(
  'a full disk is told to senders; with room again, all goes on',
  async () => {
    const data = temporaryFolder();
    // The kernel lets no file of this process grow over 512 KiB, as a quota does.
    const relay = await listening(data, ['bash', '-c', 'ulimit -S -f 512 && exec "$@"', 'bash']);
    (await Wire.signedIn(relay, bob)).socket.terminate();
    const sender = await Wire.signedIn(relay, alice);
    const accepted: string[] = [];
    const postUntilRefused = async (most: number): Promise<unknown> => {
      for (let i = 0; i < most; i++) {
        const { id, envelope } = letter(alice, bob, { blocks: 64 });
        const answer = await sender.post(bob, envelope);
        if (answer.type === 'failure') return answer.code;
        accepted.push(id.toString('hex'));
      }
      return undefined;
    };
    expect(await postUntilRefused(100)).toBe('relay-full');
    expect(accepted.length).toBeGreaterThan(0);
    expect(statSync(join(data, 'relay.sqlite-wal')).size).toBeLessThanOrEqual(512 * 1024);
    // Reading works all the same; what room the write-ahead log gave back is soon full, too.
    expect(await sender.ask({ type: 'lookup', user: 'bob' })).toMatchObject({ type: 'user' });
    expect(await postUntilRefused(100)).toBe('relay-full');

    execFileSync('prlimit', [`--pid=${relay.child.pid}`, '--fsize=unlimited']);
    expect(await postUntilRefused(20)).toBeUndefined();
    const recipient = await Wire.signedIn(relay, bob);
    await until(() => recipient.delivered.length >= accepted.length);
    await recipient.settle();
    expect(recipient.delivered.map(({ id }) => id)).toEqual(accepted);
    relay.child.kill('SIGTERM');
    expect(await relay.ended).toMatchObject({
      code: 0,
      error: expect.stringContaining('the database refused a commit') as string,
    });
  },
);

test('a database that is full refuses all of the batch, and takes letters again when it has room', async () => {
  const { mailbox, database, faults } = openMailbox();
  const { page_count: pages } = database.prepare('PRAGMA page_count').get() as { page_count: number };
  database.exec(`PRAGMA max_page_count = ${pages + 20}`);
  const kept: Letter[] = [];
  const refused = async (): Promise<unknown> => {
    for (;;) {
      const one = toBob(16);
      try {
        await mailbox.put(one, () => false);
        kept.push(one);
      } catch (failure) {
        return failure;
      }
    }
  };
  expect(await refused()).toMatchObject({ code: 'relay-full' });
  expect(faults).toEqual([expect.stringContaining('database or disk is full')]);
  // A batch stands or falls as a whole: nobody is told `accepted` for what isn't there.
  const batch = [toBob(16), toBob(16), toBob()].map((one) => mailbox.put(one, () => false));
  const outcomes = await Promise.allSettled(batch);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(mailbox.read('bob', 0, 1000).letters.map(({ message }) => message)).toEqual(
    kept.map(({ message }) => message),
  );

  for (const one of kept) mailbox.acknowledge(one);
  await mailbox.put(toBob(), () => true);
  expect(mailbox.read('bob', 0, 1000).letters).toHaveLength(1);
  expect(await refused()).toMatchObject({ code: 'relay-full' });
});

test('an expiry that fails is a fault, and no crash; the next one makes up for it', () => {
  const { mailbox, database, faults } = openMailbox();
  database.exec("INSERT INTO mailbox VALUES (1, 'bob', 'alice', x'00', 0, x'00')");
  const count = (): unknown => database.prepare('SELECT count(*) AS count FROM mailbox').get();
  database.exec('PRAGMA query_only = ON');
  expect(() => mailbox.expire()).not.toThrow();
  expect(faults).toEqual([expect.stringContaining('readonly')]);
  expect(count()).toEqual({ count: 1 });
  database.exec('PRAGMA query_only = OFF');
  mailbox.expire();
  expect(count()).toEqual({ count: 0 });
});
