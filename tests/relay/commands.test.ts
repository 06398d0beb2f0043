// What an administrator asks of a relay's folder: invite, users, removal, export; while it serves or not.
import { createPublicKey } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { decodeInvite } from '../../protocol/invite.ts';
import { temporaryFolder, until } from '../town.ts';
import { populated } from './populated.ts';
import { done, listening, refused, run, stop } from './program.ts';
import { alice, bob, letter, mallory, receptionSpkis, Wire } from './wire.ts';

const fingerprintOf = ({ identity }: typeof alice): string => identity.publicKey.fingerprint.toString('hex');
type Letter = { from: string; to: string; message: string; bytes: number; envelope: string; header: unknown };
type Export = { name: string; waiting: Letter[]; sent: Letter[]; receptionKey: { key: string } } & Record<
  string,
  string
>;

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
    `A relay serves ${data} now. Stop it first, and start it again after.`,
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
