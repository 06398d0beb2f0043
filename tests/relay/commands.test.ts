// What an administrator asks of a relay's folder: invite, users, removal; while it serves or not.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { decodeInvite } from '../../protocol/links.ts';
import { mailboxOf } from '../../relay/stores.ts';
import { temporaryFolder } from '../harness.ts';
import { identityOf } from '../vectors/keys.ts';
import { populated, withTwoDevices } from './populated.ts';
import { done, listening, refused, run, stop } from './program.ts';
import { type Device, device, envelope, RawClient } from './raw-client.ts';

const [alice, alice2, bob, mallory] = [device('alice'), device('alice', 2), device('bob'), device('mallory')];
/** Somebody else who is called alice. */
const namesake = (): Device => ({
  ...{ name: 'alice', key: alice2.key, modulus: alice2.modulus, identityKey: alice2.modulus },
  address: { identity: identityOf('alice2'), device: 1 },
});
const fingerprintOf = ({ address }: Device): string => address.identity.toString('hex');
const mailboxes = (database: DatabaseSync): unknown[] =>
  database
    .prepare('SELECT mailbox FROM envelopes ORDER BY position')
    .all()
    .map(({ mailbox }) => mailbox);

test('invite names the key of the serving relay, as text, code and JSON, and never makes one', async () => {
  const data = temporaryFolder();
  const relay = await listening(data);
  const args = ['invite', '--data', data, '--host', '127.0.0.1', '--port', `${relay.port}`];
  const { invite, addresses, key } = JSON.parse(await done(...args, '--json')) as Record<string, string>;
  expect(decodeInvite(invite!)).toEqual({ relays: relay.addresses, relayKey: relay.key });
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

test('users counts what waits for all devices of a user', async () => {
  const { data, answers } = await withTwoDevices();
  const { users } = JSON.parse(await done('users', '--data', data, '--json')) as { users: object[] };
  const bytes = answers[0]!.length + answers[1]!.length;
  expect(users).toMatchObject([
    { name: 'alice', waiting: 2, bytes },
    { name: 'bob', waiting: 2 },
  ]);
});

test('a user who is removed is gone with devices, keys and mail; the name is free, and other mail stays', async () => {
  const { relay, data } = await withTwoDevices();
  const sender = await RawClient.signedIn(relay, mallory);
  expect(await sender.send(envelope(mallory, bob.address))).toMatchObject({ type: 'accepted' });
  const args = ['remove-user', 'alice', '--data', data];
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
  expect(out).toContain('contacts of alice are shown the change');
  expect(out).toContain('alice is removed, with 2 waiting messages.\n');
  const database = new DatabaseSync(join(data, 'relay.sqlite'));
  for (const table of ['users', 'device_statements', 'prekeys', 'sign_ins']) {
    const rows = database.prepare(`SELECT lower(hex(identity)) AS identity FROM ${table}`).all();
    const left = table === 'device_statements' ? [] : [bob, mallory].map(fingerprintOf).sort();
    expect(rows.map(({ identity }) => identity).sort(), table).toEqual(left);
  }
  // What she had sent waits on, beside what others have sent.
  expect(mailboxes(database)).toEqual(Array(3).fill(mailboxOf(bob.address)));
  database.close();
  const { users } = JSON.parse(await done('users', '--json', '--data', data)) as {
    users: { name: string }[];
  };
  expect(users.map(({ name }) => name)).toEqual(['bob', 'mallory']);
  // Somebody else may have the name now.
  const again = await listening(data);
  const other = await RawClient.open(again);
  expect(await other.signIn('register', namesake())).toMatchObject({ type: 'done' });
  expect(await other.lookUp('alice')).toMatchObject({ newestVersion: 0, identityKey: alice2.modulus });
  const late = await RawClient.open(again);
  expect(await late.signIn('register', alice)).toMatchObject({ code: 'name-taken' });
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

test('an invite with --uses lets so many people register at a relay that asks for a token', async () => {
  const data = temporaryFolder();
  const { port, key } = await listening(data, [], {
    environment: { SIGNET_RELAY_REGISTRATION: 'token' },
  });
  const args = ['--data', data, '--host', '127.0.0.1', '--port', `${port}`, '--json'];
  const { invite } = JSON.parse(await done('invite', '--uses', '1', ...args)) as { invite: string };
  const plain = JSON.parse(await done('invite', ...args)) as { invite: string };
  const { token } = decodeInvite(invite);
  expect(decodeInvite(plain.invite).token).toBeUndefined();

  const register = async (name: 'alice' | 'bob', withToken: boolean): Promise<string> => {
    const client = await RawClient.open({ port, key });
    const answer = await client.signIn('register', device(name), withToken ? { token: token! } : {});
    client.socket.close();
    return answer.type === 'failure' ? answer.code : answer.type;
  };
  expect(await register('alice', false)).toBe('token-refused');
  expect(await register('alice', true)).toBe('done');
  expect(await register('bob', true)).toBe('token-refused');
  expect((await run(['invite', '--uses', '0', ...args]).ended).error).toContain(
    'It is a number from 1 to 10000.',
  );
});
