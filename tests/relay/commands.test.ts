// What an administrator asks of a relay's folder: invite, users, removal, export, check; while it serves or not.
import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { decodeInvite } from '../../protocol/invite.ts';
import { ownCertificate } from '../../relay/certificate.ts';
import { openDatabase } from '../../relay/database.ts';
import { afterwards, openRelay, temporaryFolder, until } from '../town.ts';
import { call, done, listening, refused, run } from './program.ts';
import { alice, bob, letter, mallory, receptionSpkis, Wire } from './wire.ts';

const fingerprintOf = ({ identity }: typeof alice): string => identity.publicKey.fingerprint.toString('hex');
type Letter = { from: string; to: string; message: string; bytes: number; envelope: string; header: unknown };
type Export = { name: string; waiting: Letter[]; sent: Letter[]; receptionKey: { key: string } } & Record<
  string,
  string
>;

/** A serving relay with alice and bob, for whom `count` letters of alice's wait. */
async function populated(
  count = 2,
): Promise<{ relay: Awaited<ReturnType<typeof listening>>; data: string; envelopes: Buffer[] }> {
  const data = temporaryFolder();
  const relay = await listening(data);
  const recipient = await Wire.signedIn(relay, bob);
  recipient.socket.close();
  await recipient.closed;
  const sender = await Wire.signedIn(relay, alice);
  const envelopes = Array.from({ length: count }, () => letter(alice, bob).envelope);
  for (const envelope of envelopes)
    expect(await sender.post(bob, envelope)).toMatchObject({ type: 'accepted' });
  return { relay, data, envelopes };
}

async function stop({
  child,
  ended,
}: Pick<Awaited<ReturnType<typeof listening>>, 'child' | 'ended'>): Promise<void> {
  child.kill('SIGTERM');
  await ended;
}

test('invite names the key of the serving relay, as text, code and JSON, and never makes one', async () => {
  const data = temporaryFolder();
  const relay = await listening(data);
  const args = ['invite', '--data', data, '--host', '127.0.0.1', '--port', `${relay.port}`];
  const { invite, addresses, key } = JSON.parse(await done(...args, '--json')) as Record<string, string>;
  expect(decodeInvite(invite!)).toEqual({ relays: relay.addresses, key: relay.key });
  expect({ addresses, key }).toEqual({ addresses: relay.addresses, key: relay.key.toString('hex') });
  const text = await done(...args);
  expect(text).toContain(`\n\n${invite}\n`);
  expect(text).toContain(`\n  ${key}\n`);
  expect(text).toContain(`\n  ${relay.addresses[0]}\n`);
  expect(text).not.toContain('▄▄▄');
  expect(await done(...args, '--qr')).toContain('▄▄▄');

  const empty = temporaryFolder();
  expect(await refused('invite', '--data', empty)).toBe(
    `${empty} holds no key of a relay yet: start the relay there once, or restore a backup.`,
  );
  expect(readdirSync(empty)).toEqual([]);
  expect(await refused('invite', '--data', data, '--port', '0')).toContain('name it with --port');
  writeFileSync(join(data, 'relay-tls.pem'), 'noise');
  expect(await refused('invite', '--data', data)).toContain('relay-tls.pem cannot be read');
});

test('users lists names, keys and what waits, the same beside a serving relay as without', async () => {
  const { relay, data, envelopes } = await populated();
  const bytes = envelopes[0]!.length + envelopes[1]!.length;
  const serving = await done('users', '--data', data, '--json');
  const { users } = JSON.parse(serving) as { users: Record<string, unknown>[] };
  expect(users).toEqual([
    {
      name: 'alice',
      fingerprint: fingerprintOf(alice),
      registered: expect.any(String) as string,
      waiting: 0,
      bytes: 0,
    },
    {
      name: 'bob',
      fingerprint: fingerprintOf(bob),
      registered: expect.any(String) as string,
      waiting: 2,
      bytes,
    },
  ]);
  expect(Math.abs(Date.parse(String(users[0]!['registered'])) - Date.now())).toBeLessThan(
    24 * 60 * 60 * 1000,
  );
  const table = await done('users', '--data', data);
  expect(table.split('\n')[2]).toMatch(
    new RegExp(`^bob    \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d        2   ${bytes}  ${fingerprintOf(bob)}$`),
  );
  // The copy that was read is gone.
  await until(() => readdirSync(data).every((name) => !name.startsWith('relay-copy')));
  await stop(relay);
  expect(await done('users', '--data', data, '--json')).toBe(serving);
  expect(readdirSync(data).sort()).toEqual(['.relay-lock', 'relay-tls.pem', 'relay.sqlite']);

  const empty = temporaryFolder();
  await stop(await listening(empty));
  expect(await done('users', '--data', empty)).toBe('Nobody has registered yet.\n');
});

test('a folder without a relay is told by every command that reads one', async () => {
  const folder = temporaryFolder();
  const missing = join(folder, 'none');
  for (const args of [
    ['users'],
    ['remove-user', 'bob', '--yes'],
    ['export', 'bob'],
    ['backup', join(folder, 'file')],
  ]) {
    expect(await refused(...args, '--data', folder)).toBe(
      `${folder} holds no relay. Name the relay's data folder with --data.`,
    );
    expect(await refused(...args, '--data', missing)).toBe(
      `There is no folder ${missing}. Name the relay's data folder with --data.`,
    );
  }
  expect(readdirSync(folder)).toEqual([]);
});

test('a user who is removed is gone with keys and mail; the name is free, and other mail stays', async () => {
  const { relay, data } = await populated();
  const sender = await Wire.signedIn(relay, mallory);
  (await Wire.signedIn(relay, alice)).socket.terminate();
  await until(async () => (await sender.post(alice, letter(mallory, alice).envelope)).type === 'accepted');
  const args = ['remove-user', 'bob', '--data', data];
  expect(await refused(...args, '--yes')).toBe(
    `A relay serves ${data} now and holds relay.sqlite locked. Stop it first, and start it again after.`,
  );
  await stop(relay);
  const asked = await run(args).ended;
  expect(asked).toMatchObject({
    code: 1,
    error: expect.stringContaining('say --yes. Nothing was removed.') as string,
  });
  expect(await refused('remove-user', 'carol', '--yes', '--data', data)).toBe(
    'Nobody is registered as "carol". The command "users" lists who is.',
  );
  const out = await done(...args, '--yes');
  expect(out).toContain('contacts of bob are shown the change');
  expect(out).toContain('bob is removed, with 2 waiting messages.\n');
  const database = new DatabaseSync(join(data, 'relay.sqlite'));
  expect(database.prepare('SELECT user FROM reception_keys ORDER BY user').all()).toEqual([
    { user: 'alice' },
    { user: 'mallory' },
  ]);
  expect(database.prepare('SELECT recipient FROM mailbox').all()).toEqual([{ recipient: 'alice' }]);
  database.close();
  const { users } = JSON.parse(await done('users', '--json', '--data', data)) as {
    users: { name: string }[];
  };
  expect(users.map(({ name }) => name)).toEqual(['alice', 'mallory']);
  // Somebody else may have the name now.
  const again = await listening(data);
  expect(await (await Wire.open(again)).signIn('register', bob)).toMatchObject({ type: 'done' });
});

test.runIf(process.platform === 'linux')('at a terminal, remove-user asks for the name', async () => {
  const { relay, data } = await populated(1);
  await stop(relay);
  const command = ['remove-user', 'bob', '--data', data];
  // script(1) gives it a terminal, and types.
  const typing = (line: string): Promise<{ code: number | null; out: string }> =>
    run(command, ['bash', '-c', `printf '${line}\\n' | script -qec "$(printf '%q ' "$@")" /dev/null`, 'bash'])
      .ended;
  const refusal = await typing('alice');
  expect(refusal.code).toBe(1);
  expect(refusal.out).toContain('Type bob to go on:');
  expect(refusal.out).toContain('signet-relay: Nothing was removed.');
  // Ctrl+C and Ctrl+D, once it asks.
  for (const key of ['\\003', '\\004']) {
    const typed = `for i in {1..400}; do grep -q 'to go on' "$0" && break; sleep 0.05; done; printf '${key}'; sleep 1`;
    const file = join(temporaryFolder(), 'typescript');
    const script = `(${typed}) | script -qefc "$(printf '%q ' "$@")" "$0"`;
    const { code, out } = await run(command, ['bash', '-c', script, file]).ended;
    expect(code).toBe(1);
    expect(out.split('\r\n').slice(-2)).toEqual(['signet-relay: Nothing was removed.', '']);
  }
  const removal = await typing('bob');
  expect(removal.code).toBe(0);
  expect(removal.out).toContain('bob is removed, with 1 waiting message.');
});

test('export shows all that is stored of a user, and it is only ciphertext and public keys', async () => {
  const { relay, data, envelopes } = await populated();
  const serving = await done('export', 'bob', '--data', data);
  const { waiting, sent, ...own } = JSON.parse(serving) as Export;
  expect(own).toMatchObject({ name: 'bob', fingerprint: fingerprintOf(bob) });
  expect(Buffer.from(own['identityKey']!, 'base64')).toEqual(bob.identity.publicKey.spki);
  expect(own.receptionKey).toMatchObject({ class: 'rotating', key: receptionSpkis[0].toString('base64') });
  createPublicKey({ key: Buffer.from(own.receptionKey.key, 'base64'), format: 'der', type: 'spki' });
  expect(sent).toEqual([]);
  expect(waiting.map(({ envelope }) => envelope)).toEqual(
    envelopes.map((envelope) => envelope.toString('base64')),
  );
  expect(waiting[0]).toMatchObject({
    from: 'alice',
    to: 'bob',
    message: envelopes[0]!.toString('hex', 2, 18),
    bytes: envelopes[0]!.length,
    header: {
      version: 1,
      suite: 1,
      id: envelopes[0]!.toString('hex', 2, 18),
      sender: fingerprintOf(alice),
      recipient: fingerprintOf(bob),
      receptionKey: envelopes[0]!.toString('hex', 82, 114),
      blockCount: 1,
    },
  });
  const sender = JSON.parse(await done('export', 'alice', '--data', data)) as Export;
  expect(sender.waiting).toEqual([]);
  expect(sender.sent).toEqual(waiting);
  expect(await refused('export', 'carol', '--data', data)).toContain('Nobody is registered as "carol"');
  await stop(relay);
  expect(await done('export', 'bob', '--data', data)).toBe(serving);

  // Every column of every table is in it, so that nothing is stored that isn't shown.
  const database = new DatabaseSync(join(data, 'relay.sqlite'));
  const columns = database
    .prepare(
      "SELECT m.name AS t, p.name AS c FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'",
    )
    .all();
  database.close();
  expect(columns.map(({ t, c }) => `${String(t)}.${String(c)}`).sort()).toEqual([
    'mailbox.envelope',
    'mailbox.message',
    'mailbox.received',
    'mailbox.recipient',
    'mailbox.sender',
    'mailbox.sequence',
    'reception_keys.class',
    'reception_keys.created',
    'reception_keys.expires',
    'reception_keys.key',
    'reception_keys.signature',
    'reception_keys.user',
    'users.fingerprint',
    'users.identity_key',
    'users.name',
    'users.registered',
  ]);
});

test('an envelope that is damaged is exported as it is; a reader who stops early is no failure', async () => {
  const { relay, data } = await populated(1);
  await stop(relay);
  const database = new DatabaseSync(join(data, 'relay.sqlite'));
  database.exec("UPDATE mailbox SET envelope = x'00'");
  database
    .prepare('INSERT INTO mailbox VALUES (9, ?, ?, ?, 0, ?)')
    .run('bob', 'alice', Buffer.alloc(16), Buffer.alloc(5e6));
  database.close();
  const { waiting } = JSON.parse(await done('export', 'bob', '--data', data)) as Export;
  expect(waiting[0]).toMatchObject({ bytes: 1, header: null, envelope: 'AA==' });
  const script = '"$@" | head -c 10; exit ${PIPESTATUS[0]}';
  const early = await run(['export', 'bob', '--data', data], ['bash', '-c', script, 'bash']).ended;
  expect(early).toEqual({ code: 0, signal: null, out: '{\n  "name"', error: '' });
});

type Report = { ok: boolean; checks: { check: string; ok: boolean; says: string }[] };

/** What check says, and the names of those that fail. */
async function checked(...args: string[]): Promise<{ says: Record<string, string>; failing: string[] }> {
  const { code, out, error } = await call('check', '--json', '--host', '127.0.0.1', ...args);
  expect(error).toBe('');
  const { ok, checks } = JSON.parse(out) as Report;
  expect(code).toBe(ok ? 0 : 1);
  const failing = checks.filter((one) => !one.ok).map(({ check }) => check);
  expect(failing.length === 0).toBe(ok);
  return { failing, says: Object.fromEntries(checks.map(({ check, says }) => [check, says])) };
}

test('check finds all in order, beside a serving relay and without', async () => {
  const { relay, data } = await populated();
  const args = ['--data', data, '--port', `${relay.port}`];
  const { says, failing } = await checked(...args);
  expect(failing).toEqual([]);
  expect(says).toEqual({
    folder: data,
    permissions: 'for the owner alone',
    database: 'whole, schema 1, 2 users, 2 waiting; a relay serves it now',
    key: `SHA-256 ${relay.key.toString('hex')}, belongs to its certificate`,
    disk: expect.stringMatching(/^\d+ MiB free$/) as string,
    port: `this relay answers on port ${relay.port}`,
  });
  await stop(relay);
  const { out, code } = await call('check', '--host', '127.0.0.1', ...args);
  expect(code).toBe(0);
  expect(out.split('\n')).toEqual([
    `ok    folder: ${data}`,
    'ok    permissions: for the owner alone',
    'ok    database: whole, schema 1, 2 users, 2 waiting; no relay serves it now',
    expect.stringMatching(/^ok {4}key: SHA-256 [0-9a-f]{64}, belongs/),
    expect.stringMatching(/^ok {4}disk: /),
    `ok    port: 127.0.0.1, port ${relay.port} is free`,
    '',
  ]);
  expect((await checked('--data', data, '--port', '0')).says['port']).toBe('the system chooses one');
  const whole = await run(['check', '--data', data, '--port', '0']).ended;
  expect(whole).toMatchObject({ code: 0, error: '' });
  chmodSync(data, 0o755);
  const open = await run(['check', '--data', data, '--port', '0']).ended;
  expect(open).toMatchObject({ code: 1, error: '' });
  expect(open.out.split('\n')[1]).toMatch(/^FAIL {2}permissions: Others may read /);
});

test('check minds no copy that goes while it looks', async () => {
  const data = temporaryFolder();
  await stop(await listening(data));
  // A name that is listed, and at which nothing is found: like that of a copy that is removed in between.
  symlinkSync(join(data, 'none'), join(data, 'relay-copy-1-1.sqlite'));
  expect((await checked('--data', data, '--port', '0')).failing).toEqual([]);
});

test('check names what is wrong with the folder', async () => {
  const empty = temporaryFolder();
  const at = async (data: string): Promise<string | undefined> => {
    const { says, failing } = await checked('--data', data, '--port', '0');
    expect(failing).toEqual(['folder']);
    return says['folder'];
  };
  expect(await at(empty)).toBe(
    `${empty} holds no relay yet: start the relay there once, or restore a backup.`,
  );
  expect(await at(join(empty, 'none'))).toContain('There is no folder ');
  writeFileSync(join(empty, 'diary.txt'), '');
  expect(await at(empty)).toContain('holds other files (diary.txt) and no relay');
  expect(await at(join(empty, 'diary.txt'))).toBe(`${join(empty, 'diary.txt')} is no folder.`);
});

test('check names open permissions, a damaged database, a key of another, a port in use', async () => {
  const { relay, data } = await populated();
  await stop(relay);
  const key = join(data, 'relay-tls.pem');
  const failures = async (port = 0): Promise<Record<string, string>> => {
    const { says, failing } = await checked('--data', data, '--port', `${port}`);
    return Object.fromEntries(failing.map((name) => [name, says[name]!]));
  };
  chmodSync(key, 0o644);
  chmodSync(data, 0o750);
  expect(await failures()).toEqual({
    permissions: `Others may read ${data}, ${key}. Run: chmod go= ${data} ${key}`,
  });
  chmodSync(key, 0o600);
  chmodSync(data, 0o700);

  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterwards(() => server.close());
  const { port } = server.address() as AddressInfo;
  expect(await failures(port)).toEqual({
    port: `The relay cannot listen on 127.0.0.1, port ${port}: another program uses it. Choose another port.`,
  });

  const stranger = temporaryFolder();
  await ownCertificate(stranger);
  const [own] = readFileSync(key, 'utf8').split('-----BEGIN CERTIFICATE-----');
  const [, other] = readFileSync(join(stranger, 'relay-tls.pem'), 'utf8').split(
    '-----BEGIN CERTIFICATE-----',
  );
  writeFileSync(key, `${own}-----BEGIN CERTIFICATE-----${other}`);
  expect(await failures()).toEqual({
    key: expect.stringContaining('relay-tls.pem cannot be read') as string,
  });
  rmSync(key);
  expect(await failures()).toEqual({ key: expect.stringContaining('holds no key of a relay yet') as string });
  await ownCertificate(data);

  const change = (sql: string): void => {
    const database = new DatabaseSync(join(data, 'relay.sqlite'), { defensive: false });
    database.exec(sql);
    database.close();
  };
  change("PRAGMA foreign_keys = OFF; INSERT INTO reception_keys VALUES ('nobody', '', 0, 0, x'', x'')");
  expect(await failures()).toEqual({ database: expect.stringContaining('keys without a user') as string });
  change("DELETE FROM reception_keys WHERE user = 'nobody'");
  change("PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE name = 'mailbox_by_recipient'");
  expect(await failures()).toEqual({
    database: expect.stringMatching(
      /relay\.sqlite is damaged \(Page \d+: .+\)\. Restore a backup\.$/,
    ) as string,
  });
});

test('check tells when a relay serves the folder, but another or nobody answers on the port', async () => {
  const { data } = await populated(0);
  const other = await openRelay();
  const at = async (port: number): Promise<string> =>
    (await checked('--data', data, '--port', `${port}`)).says['port']!;
  expect(await at(other.port)).toMatch(/^Another relay answers on port /);
  await other.close();
  expect(await at(other.port)).toMatch(/^Nobody answers on port .+: is it on another --port\?$/);
});

test('check knows its own relay on the port when that gives it no copy, and waits for one that is starting', async () => {
  const data = temporaryFolder();
  const relay = await listening(data);
  rmSync(join(data, 'relay.sock'));
  const { says, failing } = await checked('--data', data, '--port', `${relay.port}`);
  expect(failing).toEqual(['database']);
  expect(says['database']).toContain('is in use: by another command (then try again), or by a relay');
  expect(says['port']).toBe(`this relay answers on port ${relay.port}`);
  await stop(relay);

  // As long as a relay starts or ends, it holds the lock and can't be asked.
  const lock = openDatabase(data);
  const looking = checked('--data', data, '--port', `${relay.port}`);
  await delay(300);
  lock.close();
  expect((await looking).failing).toEqual([]);
});

test('a relay moves into an empty folder, never among the files of others', async () => {
  const data = join(temporaryFolder(), 'data');
  mkdirSync(join(data, 'lost+found'), { recursive: true });
  writeFileSync(join(data, '.DS_Store'), '');
  await stop(await listening(data));
  const documents = temporaryFolder();
  writeFileSync(join(documents, 'diary.txt'), '');
  expect(await refused('--json', '--port', '0', '--data', documents)).toBe(
    `${documents} holds other files (diary.txt) and no relay. Name an empty or a new folder.`,
  );
  expect(readdirSync(documents)).toEqual(['diary.txt']);
  // In its own folder it doesn't mind.
  writeFileSync(join(data, 'notes.txt'), '');
  await stop(await listening(data));
});

test('a database of a newer relay is told by serve and by the commands', async () => {
  const data = temporaryFolder();
  await stop(await listening(data));
  const database = new DatabaseSync(join(data, 'relay.sqlite'));
  database.exec('PRAGMA user_version = 2');
  database.close();
  const sentence = `${join(data, 'relay.sqlite')} was written by a newer relay. Start that one, or update this.`;
  for (const args of [['serve', '--json', '--port', '0'], ['users'], ['backup', join(data, 'file')]]) {
    expect(await refused(...args, '--data', data)).toBe(sentence);
  }
});

/** A relay on a disk with this much room, in a mount of its own; undefined where that isn't allowed. */
const smallDisk = (data: string, kib: number): string[] => [
  'unshare',
  '--user',
  '--map-root-user',
  '--mount',
  'bash',
  '-c',
  `mount -t tmpfs -o size=${kib}k tmpfs '${data}' && exec "$@"`,
  'bash',
];

test.runIf(process.platform === 'linux')('a disk that is full at the start is told', async (context) => {
  const data = temporaryFolder();
  const allowed = await run(['--version'], smallDisk(data, 4096)).ended;
  if (allowed.code !== 0) {
    console.log('This system lets no test mount a disk of its own: a full one was not seen.');
    return context.skip();
  }
  const { code, out, error } = await run(['--json', '--port', '0', '--data', data], smallDisk(data, 8)).ended;
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(error).toBe(
    `signet-relay: There is no room left on the disk for ${join(data, 'relay.sqlite')}. Make some, then try again.\n`,
  );
});

test.runIf(process.getuid?.() === 0)('a folder of somebody else is told', async (context) => {
  const data = temporaryFolder();
  await stop(await listening(data));
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  if ((await run(['--version'], nobody).ended).code !== 0) {
    console.log('Another user can not run Node.js here: what is said to one was not seen.');
    return context.skip();
  }
  const backup = ['backup', join(temporaryFolder(), 'file')];
  for (const args of [['--json', '--port', '0'], ['invite'], ['users'], backup, ['check']]) {
    // Nor is it told as missing where a folder above may not be read.
    for (const folder of [data, join(data, 'below')]) {
      const { code, out, error } = await run([...args, '--data', folder], nobody).ended;
      expect(code).toBe(1);
      expect(out + error).toContain(
        `: ${folder} may not be read. Run this as the user who owns it, with sudo for example.\n`,
      );
    }
  }
  chmodSync(data, 0o755);
  chmodSync(join(data, 'relay.sqlite'), 0o644);
  const { code, error } = await run(['--json', '--port', '0', '--data', data], nobody).ended;
  expect(code).toBe(1);
  expect(error).toContain(
    `${join(data, 'relay.sqlite')} cannot be opened or written. Check the folder's permissions, and as whom this runs.`,
  );
});

test('serve --json --report tells how it is, again only when that has changed, and why it could not start', async () => {
  const data = temporaryFolder();
  const args = ['serve', '--json', '--host', '127.0.0.1', '--port', '0', '--data', data, '--report', '1'];
  const { child, ended } = run(args);
  const lines: Record<string, unknown>[] = [];
  createInterface({ input: child.stdout! }).on('line', (line) =>
    lines.push(JSON.parse(line) as object as never),
  );
  await until(() => lines.length >= 2);
  const [first, second] = lines as [{ event: string; invite: string; port: number }, object];
  expect(first.event).toBe('listening');
  const { relays: addresses, key } = decodeInvite(first.invite);
  expect(second).toEqual({ event: 'report', connected: 0, messages: 0, bytes: 0, addresses });

  const relay = { port: first.port, key, addresses };
  const sender = await Wire.signedIn(relay, alice);
  const recipient = await Wire.signedIn(relay, bob);
  await until(() => lines.length >= 3 && lines.at(-1)!['connected'] === 2);
  recipient.socket.close();
  await recipient.closed;
  const { envelope } = letter(alice, bob);
  expect(await sender.post(bob, envelope)).toMatchObject({ type: 'accepted' });
  await until(() => lines.at(-1)!['messages'] === 1);
  expect(lines.at(-1)).toMatchObject({ connected: 1, messages: 1, bytes: envelope.length });
  const texts = lines.map((line) => JSON.stringify(line));
  texts.slice(1).forEach((text, i) => expect(text).not.toBe(texts[i]));

  const other = run([
    'serve',
    '--json',
    '--host',
    '127.0.0.1',
    '--port',
    `${first.port}`,
    '--data',
    temporaryFolder(),
    '--report',
    '1',
  ]);
  const { code, out } = await other.ended;
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject({ event: 'failed', code: 'port-unusable' });
  await stop({ child, ended });
});
