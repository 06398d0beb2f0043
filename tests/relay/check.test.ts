// What check says of a relay: all in order, or what is wrong.
import { once } from 'node:events';
import { chmodSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { ownCertificate } from '../../relay/certificate.ts';
import { afterwards, openRelay, temporaryFolder } from '../harness.ts';
import { populated } from './populated.ts';
import { call, listening, run, stop } from './program.ts';

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
    database: 'whole, schema 2, 2 users, 2 waiting; a relay serves it now',
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
    'ok    database: whole, schema 2, 2 users, 2 waiting; no relay serves it now',
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

test('check ignores a file that goes while it looks', async () => {
  const data = temporaryFolder();
  await stop(await listening(data));
  // A name that is listed, and at which nothing is found: like that of a write-ahead log that is removed meanwhile.
  symlinkSync(join(data, 'none'), join(data, 'relay-gone'));
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
  expect(await at(join(empty, 'diary.txt'))).toBe(`${join(empty, 'diary.txt')} is not a folder.`);
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
  const keyless = { key: expect.stringContaining('holds no key of a relay yet') as string };
  expect(await failures()).toEqual(keyless);
  const stranded = await openRelay();
  expect(await failures(stranded.port)).toEqual({
    ...keyless,
    port: expect.stringContaining('another program uses it') as string,
  });
  await ownCertificate(data);

  const change = (sql: string): void => {
    const database = new DatabaseSync(join(data, 'relay.sqlite'), { defensive: false });
    database.exec(sql);
    database.close();
  };
  change("PRAGMA foreign_keys = OFF; INSERT INTO prekeys VALUES (x'00', 1, 0, x'', x'')");
  expect(await failures()).toEqual({ database: expect.stringContaining('keys without a user') as string });
  change("DELETE FROM prekeys WHERE identity = x'00'");
  change("PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE name = 'envelopes_by_sender'");
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

test('check finds a relay whole while it starts, serves and stops', async () => {
  const data = temporaryFolder();
  const relay = await listening(data);
  const look = (): ReturnType<typeof checked> => checked('--data', data, '--port', `${relay.port}`);
  const { says, failing } = await look();
  expect(failing).toEqual([]);
  expect(says['database']).toContain('a relay serves it now');
  expect(says['port']).toBe(`this relay answers on port ${relay.port}`);
  await stop(relay);
  expect((await look()).says['database']).toContain('no relay serves it now');
});
