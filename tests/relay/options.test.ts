// Settings: from the command line, the environment or a file, in this order; and what is said about wrong ones.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { decodeInvite } from '../../protocol/links.ts';
import { ownCertificate } from '../../relay/certificate.ts';
import { temporaryFolder } from '../harness.ts';
import { refused, run } from './program.ts';

/** A file that configures a relay, and a data folder beside it that is not made yet. */
function configured(settings: object): { data: string; config: string; folder: string } {
  const folder = temporaryFolder();
  const data = join(folder, 'data');
  const config = join(folder, 'relay.json');
  writeFileSync(config, JSON.stringify(settings));
  return { data, config, folder };
}

/** The addresses that the command "invite" names. */
async function addresses(args: string[], environment: Record<string, string> = {}): Promise<string[]> {
  const { code, out, error } = await run(['invite', '--json', ...args], [], environment).ended;
  if (code !== 0) throw new Error(error);
  const { invite, addresses } = JSON.parse(out) as { invite: string; addresses: string[] };
  expect(decodeInvite(invite).relays).toEqual(addresses);
  return addresses;
}

test('the command line goes before the environment, that before the file, that before what is built in', async () => {
  const data = temporaryFolder();
  await ownCertificate(data);
  const { config } = configured({ host: '10.0.0.3', port: 3003 });
  const environment = { SIGNET_RELAY_HOST: '10.0.0.2', SIGNET_RELAY_PORT: '2002' };
  const flags = ['--host', '10.0.0.1', '--port', '1001'];
  const base = ['--data', data];
  expect(await addresses([...base, '--config', config, ...flags], environment)).toEqual(['10.0.0.1:1001']);
  expect(await addresses([...base, '--config', config], environment)).toEqual(['10.0.0.2:2002']);
  expect(
    await addresses([...base, '--config', config, '--port', '1001'], { SIGNET_RELAY_HOST: '10.0.0.2' }),
  ).toEqual(['10.0.0.2:1001']);
  expect(await addresses(base, { SIGNET_RELAY_CONFIG: config })).toEqual(['10.0.0.3:3003']);
  expect(await addresses([...base, '--host', '127.0.0.1'])).toEqual(['127.0.0.1:7443']);
});

test('addresses come as a list from each place, and the first place counts alone', async () => {
  const data = temporaryFolder();
  await ownCertificate(data);
  const { config } = configured({ address: ['file.example:1', '[2001:db8::1]:2'] });
  const environment = { SIGNET_RELAY_ADDRESS: 'one.example:7443, two.example:7443' };
  const args = ['--data', data, '--config', config];
  expect(await addresses(args)).toEqual(['file.example:1', '[2001:db8::1]:2']);
  expect(await addresses(args, environment)).toEqual(['one.example:7443', 'two.example:7443']);
  const flags = ['--address', 'a.example:1', '--address', 'b.example:2'];
  expect(await addresses([...args, ...flags], environment)).toEqual(['a.example:1', 'b.example:2']);
});

test('paths in the file start from its own folder', async () => {
  const { config, data } = configured({ data: './data', host: '127.0.0.1' });
  const { error } = await run(['invite', '--config', config]).ended;
  expect(error).toBe(
    `signet-relay: ${data} holds no key of a relay yet: start the relay there once, or restore a backup.\n`,
  );
  const { folder } = configured({});
  await ownCertificate(folder);
  writeFileSync(join(folder, 'relay.json'), JSON.stringify({ data: '.', host: '127.0.0.1' }));
  expect(await addresses(['--config', join(folder, 'relay.json')])).toEqual(['127.0.0.1:7443']);
});

test.for<[string, string]>([
  ['SIGNET_RELAY_PORT', 'http'],
  ['SIGNET_RELAY_PORT', ''],
  ['SIGNET_RELAY_ADDRESS', 'chat.example.org'],
  ['SIGNET_RELAY_ADDRESS', 'chat.example.org:1,,'],
  ['SIGNET_RELAY_LOG_LEVEL', 'loud'],
  ['SIGNET_RELAY_DATA', ''],
  ['SIGNET_RELAY_HOST', ' '],
])('a wrong variable %s=%j is named', async ([name, value]) => {
  const { code, out, error } = await run([], [], { [name]: value }).ended;
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(error.split('\n')[0]).toMatch(
    new RegExp(
      `^error: option '--[\\w-]+ <[\\w:]+>' value '${value}' from env '${name}' is invalid\\. (A|An|It) .+\\.$`,
    ),
  );
});

test.for<[unknown, string]>([
  [{ prot: 7443 }, 'sets the unknown key "prot". Known keys: data, port, host, address, '],
  [{ config: 'other.json' }, 'sets the unknown key "config".'],
  [{ port: '7443' }, 'is wrong: "port" has to be a number.'],
  [{ host: 1 }, 'is wrong: "host" has to be text.'],
  [{ address: 'chat.example.org:7443' }, 'is wrong: "address" has to be a list of texts.'],
  [{ address: [1] }, 'is wrong: "address" has to be a list of texts.'],
  [[], 'has to be one JSON object.'],
  [null, 'has to be one JSON object.'],
  [{ port: 70000 }, '"port" is 70000. A port is a number from 0 to 65535; 0 lets the system choose.'],
  [{ port: 74.43 }, '"port" is 74.43. A port is'],
  [{ address: ['no-port'] }, '"address" is ["no-port"]. An address is host:port, such as'],
  [{ address: Array.from({ length: 17 }, (_, i) => `h:${i + 1}`) }, 'An invite holds 16 addresses at most.'],
  [{ data: '' }, '"data" is "". It is empty.'],
  [{ 'log-level': 'loud' }, '"log-level" is "loud". It is one of silent, error, warn, info, debug.'],
])('a file with %j is refused by name', async ([settings, words]) => {
  const { config } = configured(settings as object);
  // Also by a command that has no use for the setting, and where another place sets it.
  for (const args of [['users'], ['serve', '--port', '0']]) {
    const sentence = await refused(...args, '--config', config);
    expect(sentence).toContain(config);
    expect(sentence).toContain(words);
  }
});

test('a file may begin with a byte order mark', async () => {
  const { config, folder } = configured({});
  await ownCertificate(folder);
  writeFileSync(config, '\uFEFF{"data": ".", "host": "127.0.0.1"}');
  expect(await addresses(['--config', config])).toEqual(['127.0.0.1:7443']);
});

test('a file that is missing or no JSON is told', async () => {
  const { config, folder } = configured({});
  writeFileSync(config, '{"port": 7443,}');
  const { error } = await run(['users', '--config', config]).ended;
  expect(error).toMatch(/^signet-relay: The configuration \S+relay\.json is not JSON: .+\n$/);
  const missing = join(folder, 'none.json');
  expect((await run(['users'], [], { SIGNET_RELAY_CONFIG: missing }).ended).error).toBe(
    `signet-relay: The configuration ${missing} cannot be read (ENOENT).\n`,
  );
});

test('certificate and key go together, wherever they are set', async () => {
  const { config } = configured({ certificate: 'cert.pem' });
  const alone = await run(['--config', config]).ended;
  expect(alone).toMatchObject({
    code: 1,
    error: expect.stringContaining('--certificate and --key go together') as string,
  });
  // The key from another place makes the pair; then it is about the files.
  const pair = await run(['--config', config, '--port', '0'], [], { SIGNET_RELAY_KEY: 'key.pem' }).ended;
  expect(pair.error).toMatch(/^signet-relay: \S+cert\.pem cannot be read \(ENOENT\)\. Check its path, .+\n$/);
});

test.for<[string[], string]>([
  [['nonsense'], "error: unknown command 'nonsense'"],
  [['remove-user'], "error: missing required argument 'name'"],
  [['export', 'a', 'b'], "error: too many arguments for 'export'"],
  [['users', '--port', '1'], "error: unknown option '--port'"],
  [['serve', '--data', ''], "error: option '--data <folder>' argument '' is invalid. It is empty."],
])('%j is wrong usage', async ([args, words]) => {
  const { code, out, error } = await run(args).ended;
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(error.split('\n')[0]).toContain(words);
  expect(error).toContain('(signet-relay --help lists the commands and options.)');
});

test('--help names every command and variable, and the exit codes', async () => {
  const { out } = await run(['--help']).ended;
  const names = ['serve', 'invite', 'users', 'remove-user', 'export', 'backup', 'restore', 'check'];
  const helps = await Promise.all(names.map((name) => run([name, '--help']).ended));
  for (const [i, name] of names.entries()) {
    expect(out).toMatch(new RegExp(`^  ${name} `, 'm'));
    expect(helps[i]).toMatchObject({ code: 0, error: '' });
    expect(helps[i]!.out).toContain('SIGNET_RELAY_DATA');
    expect(helps[i]!.out).toContain('Exit codes: 0 done');
  }
  for (const name of ['PORT', 'HOST', 'DATA', 'ADDRESS', 'CERTIFICATE', 'KEY', 'LOG_LEVEL', 'CONFIG']) {
    expect(out.replace(/\s+/g, ' ')).toContain(`env: SIGNET_RELAY_${name})`);
  }
});
