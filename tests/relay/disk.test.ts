// A relay and its disk: killed right after an answer, on a full disk, on a failing one.
import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { openDatabase } from '../../relay/database.ts';
import { Mailboxes } from '../../relay/mailboxes.ts';
import { openSqlite } from '../../relay/sqlite.ts';
import { SqliteMessages } from '../../relay/sqlite-messages.ts';
import { mailboxOf, type Waiting } from '../../relay/stores.ts';
import { afterwards, openRelay, temporaryFolder, until } from '../harness.ts';
import { call, done, listening, refused, run } from './program.ts';
import { device, envelope, RawClient } from './raw-client.ts';

const [alice, bob] = [device('alice'), device('bob')];
const toBob = (blocks = 1): Buffer => envelope(alice, bob.address, { blocks });
const contents = (client: RawClient): Buffer[] => client.delivered.map((delivered) => delivered.envelope);

test('what was accepted survives kill -9 right after', async () => {
  const data = temporaryFolder();
  const relay = await listening(data);
  (await RawClient.signedIn(relay, bob)).socket.terminate();
  const sender = await RawClient.signedIn(relay, alice);
  const sent = Array.from({ length: 20 }, () => toBob());
  const answers = sent.map((one) => sender.send(one));
  expect((await Promise.all(answers)).every(({ type }) => type === 'accepted')).toBe(true);
  relay.child.kill('SIGKILL');
  await relay.ended;

  const again = await listening(data);
  const recipient = await RawClient.signedIn(again, bob);
  await until(() => recipient.delivered.length >= sent.length);
  expect(contents(recipient)).toEqual(sent);
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

/** A stopped relay with mail for bob, in whose database the first page of a kind is overwritten. @param name a table or an
 * index @param type `overflow`: where the rest of a long envelope is */
async function damaged(name: string, type?: 'overflow'): Promise<string> {
  const relay = await openRelay();
  (await RawClient.signedIn(relay, bob)).socket.terminate();
  const sender = await RawClient.signedIn(relay, alice);
  for (let i = 0; i < 50; i++) expect(await sender.send(toBob(32))).toMatchObject({ type: 'accepted' });
  await relay.close();
  const file = join(relay.data, 'relay.sqlite');
  const database = new DatabaseSync(file);
  // https://sqlite.org/dbstat.html
  const { pageno } = database
    .prepare('SELECT pageno FROM dbstat WHERE name = ? AND (pagetype = ? OR ? IS NULL) ORDER BY path')
    .get(name, type ?? null, type ?? null) as { pageno: number };
  database.close();
  const bytes = readFileSync(file);
  bytes.fill(0xff, (pageno - 1) * 4096, pageno * 4096);
  writeFileSync(file, bytes);
  return relay.data;
}

const tables = ['envelopes', 'users', 'device_statements', 'prekeys', 'sign_ins', 'tokens', 'positions'];
test.for(tables)('damage deep in %s is told at the start', async (table) => {
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
  const data = await damaged('envelopes_by_sender');
  const told = sentence(join(data, 'relay.sqlite'));
  const look = async (args: string[]): Promise<void> => {
    const { code, out, error } = await run([...args, '--data', data]).ended;
    expect({ code, error }).toEqual({ code: 1, error: `signet-relay: ${told}\n` });
    expect(out).not.toContain(' is removed');
  };
  await look(['remove-user', 'bob', '--yes']);
  const { out, code } = await run(['check', '--data', data, '--port', '0']).ended;
  expect(code).toBe(1);
  expect(out).toMatch(/^FAIL {2}database: \S+relay\.sqlite is damaged/m);
  const relay = await listening(data);
  // Bob's mailbox is read in the order of its senders.
  const client = await RawClient.signedIn(relay, bob);
  expect(await client.closed).toMatchObject({ code: 1013, reason: 'busy' });
  relay.child.kill('SIGTERM');
  const { error, code: end } = await relay.ended;
  expect(end).toBe(0);
  expect(error).toContain(sentence('relay.sqlite'));
  expect(error).not.toContain('malformed');
});

test('an envelope whose rest is damaged is told when it is exported, beside a serving relay, too', async () => {
  const data = await damaged('envelopes', 'overflow');
  const exported = async (): Promise<string> => {
    const { code, error } = await run(['export', 'bob', '--data', data]).ended;
    expect(code).toBe(1);
    return error;
  };
  const told = `signet-relay: ${sentence(join(data, 'relay.sqlite'))}\n`;
  expect(await exported()).toBe(told);
  const relay = await listening(data);
  expect(await exported()).toBe(told);
  relay.child.kill('SIGTERM');
  await relay.ended;
});

test('a database without its tables is told as damaged', async () => {
  const data = temporaryFolder();
  const database = new DatabaseSync(join(data, 'relay.sqlite'));
  database.exec('PRAGMA user_version = 2');
  database.close();
  expect(await refused('--json', '--port', '0', '--data', data)).toBe(sentence(join(data, 'relay.sqlite')));
});

test.runIf(process.platform === 'linux')(
  'a full disk is told to senders; with room again, all goes on',
  async () => {
    const data = temporaryFolder();
    // The kernel lets no file of this process grow over 512 KiB, as a quota does.
    const relay = await listening(data, ['bash', '-c', 'ulimit -S -f 512 && exec "$@"', 'bash']);
    (await RawClient.signedIn(relay, bob)).socket.terminate();
    const sender = await RawClient.signedIn(relay, alice);
    const accepted: Buffer[] = [];
    const sendUntilRefused = async (most: number): Promise<unknown> => {
      for (let i = 0; i < most; i++) {
        const one = toBob(64);
        const answer = await sender.send(one);
        if (answer.type === 'failure') return [answer.code, answer.class];
        accepted.push(one);
      }
      return undefined;
    };
    expect(await sendUntilRefused(100)).toEqual(['relay-full', 'later']);
    expect(accepted.length).toBeGreaterThan(0);
    expect(statSync(join(data, 'relay.sqlite-wal')).size).toBeLessThanOrEqual(512 * 1024);
    // Reading works all the same; what room the write-ahead log gave back is soon full, too.
    expect(await sender.lookUp('bob')).toMatchObject({ type: 'bundle' });
    expect(await sendUntilRefused(100)).toEqual(['relay-full', 'later']);

    execFileSync('prlimit', [`--pid=${relay.child.pid}`, '--fsize=unlimited']);
    expect(await sendUntilRefused(20)).toBeUndefined();
    const recipient = await RawClient.signedIn(relay, bob);
    await until(() => recipient.delivered.length >= accepted.length);
    await recipient.lookUp('nobody');
    expect(contents(recipient)).toEqual(accepted);
    relay.child.kill('SIGTERM');
    expect(await relay.ended).toMatchObject({
      code: 0,
      error: expect.stringContaining('the database refused a commit') as string,
    });
  },
);

test('a database that is full refuses all of the batch, and takes envelopes again when it has room', async () => {
  const database = openDatabase(temporaryFolder());
  afterwards(() => database.close());
  const limits = { mailboxBytes: 1e9, mailboxBytesPerSender: 1e9 };
  const mailboxes = new Mailboxes(new SqliteMessages(database), limits, Date.now);
  const faults: string[] = [];
  mailboxes.onFault = (error) => faults.push(String(error));
  const [mailbox, sender] = [mailboxOf(bob.address), alice.address.identity.toString('hex')];
  const put = async (one: Buffer): Promise<void> => {
    const { stored } = await mailboxes.put(mailbox, sender, one, () => false);
    await stored;
  };
  const read = async (): Promise<Waiting[]> => (await mailboxes.read(mailbox, sender, 0, 1000)).envelopes;
  await put(toBob());
  const { page_count: pages } = database.prepare('PRAGMA page_count').get() as { page_count: number };
  database.exec(`PRAGMA max_page_count = ${pages + 20}`);
  const refused = async (): Promise<unknown> => {
    for (;;) {
      try {
        await put(toBob(16));
      } catch (failure) {
        return failure;
      }
    }
  };
  expect(await refused()).toMatchObject({ code: 'relay-full' });
  expect(faults).toEqual([expect.stringContaining('database or disk is full')]);
  const kept = await read();
  expect(kept.length).toBeGreaterThan(1);
  // A batch stands or falls as a whole: nobody is told `accepted` for what isn't there.
  const outcomes = await Promise.allSettled([toBob(16), toBob(16), toBob()].map(put));
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(faults).toHaveLength(2);
  expect(await read()).toEqual(kept);

  for (const one of kept) mailboxes.acknowledge(one);
  await until(async () => (await mailboxes.totals()).messages === 0);
  await put(toBob());
  expect(await read()).toHaveLength(1);
  expect(await refused()).toMatchObject({ code: 'relay-full' });
  await mailboxes.close();
});

test('an expiry that fails is told in the log, and no crash; the next one makes up for it', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  afterwards(() => vi.useRealTimers());
  let text = '';
  const log = pino({ level: 'error' }, { write: (line: string) => (text += line) });
  const data = temporaryFolder();
  const database = openDatabase(data);
  database.exec("INSERT INTO envelopes VALUES (1, 'bob/1', 'alice', x'00', 0, x'00')");
  database.close();
  const stores = openSqlite(data, undefined, Date.now);
  const expire = vi.spyOn(stores.messages, 'expire');
  expire.mockRejectedValueOnce(new Error('attempt to write a readonly database'));
  const relay = await openRelay({ data, log, stores });
  await until(() => text.includes('readonly'));
  expect(text).toContain('what is old could not be removed');
  expect(await relay.report()).toMatchObject({ messages: 1 });
  vi.advanceTimersByTime(60 * 60 * 1000);
  await until(async () => (await relay.report()).messages === 0);
});
