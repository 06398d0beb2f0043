// The command line: a real relay process, started, stopped, and given nonsense.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dial } from '../../main/messenger/dial.ts';
import { decodeInvite } from '../../protocol/links.ts';
import { everywhere, reachableAddresses } from '../../relay/addresses.ts';
import { temporaryFolder, until } from '../harness.ts';
import { listening, run } from './program.ts';
import { device, RawClient } from './raw-client.ts';

const alice = device('alice');

test('--help and --version answer on standard output', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const [help, told] = await Promise.all([run(['--help']).ended, run(['--version']).ended]);
  expect(help).toMatchObject({ code: 0, error: '' });
  for (const option of ['--port', '--host', '--data', '--address', '--certificate', '--key', '--json']) {
    expect(help.out).toContain(option);
  }
  expect(told).toEqual({ code: 0, signal: null, out: `${version}\n`, error: '' });
});

test.for([
  [['--nonsense'], 'unknown option'],
  [['extra'], "unknown command 'extra'"],
  [['serve', 'extra'], 'too many arguments'],
  [['--port', '65536'], '0 to 65535'],
  [['--port', 'http'], '0 to 65535'],
  [['--port', '-1'], '0 to 65535'],
  [['--address', 'no-port'], 'host:port'],
  [['--address', '2001:db8::1:7443'], 'host:port'],
  [['--log-level', 'loud'], 'silent, error'],
  [['--certificate', 'cert.pem'], 'go together'],
  [['--key', 'key.pem'], 'go together'],
  [['--certificate', 'missing.pem', '--key', 'missing.pem'], 'missing.pem'],
] as [string[], string][])('%j is refused with a sentence', async ([args, words]) => {
  const { code, out, error } = await run(args).ended;
  expect(code).toBe(1);
  expect(out).toBe('');
  expect(error).toContain(words);
  expect(error).not.toContain('    at ');
});

test.runIf(process.platform === 'linux')('output that finds no room is a failure, and is told', async () => {
  const data = temporaryFolder();
  const relay = await listening(data);
  const full = ['sh', '-c', '"$@" > /dev/full', 'sh'];
  const known = ['--data', data, '--port', `${relay.port}`];
  for (const args of [
    ['--help'],
    ['--version'],
    ['users', '--data', data],
    ['check', ...known],
    ['invite', ...known],
    ['serve', '--port', '0', '--data', temporaryFolder(), '--log-level', 'silent'],
  ]) {
    expect(await run(args, full).ended).toMatchObject({
      code: 1,
      error: 'signet-relay: Standard output cannot be written (ENOSPC).\n',
    });
  }
});

test('prints the invite for people', async () => {
  const addresses = ['chat.example.org:7443', '[2001:db8::1]:7443'];
  const args = ['--host', '127.0.0.1', '--port', '0', '--log-level', 'silent'];
  args.push(...addresses.flatMap((address) => ['--address', address]));
  const { child, ended } = run(['--data', 'data', ...args]);
  let out = '';
  child.stdout!.on('data', (data) => (out += String(data)));
  await until(() => out.includes('signet://'));
  child.kill('SIGTERM');
  const result = await ended;
  expect(result).toMatchObject({ code: 0, error: '' });
  const invite = /signet:\/\/\S+/.exec(result.out)?.[0] ?? '';
  expect(decodeInvite(invite).relays).toEqual(addresses);
});

test.for(['SIGTERM', 'SIGINT'] as const)('%s closes it cleanly, with clients connected', async (signal) => {
  const data = temporaryFolder();
  const relay = await listening(data);
  expect(relay.addresses).toEqual([`127.0.0.1:${relay.port}`]);
  const client = await RawClient.signedIn(relay, alice);
  relay.child.kill(signal);
  expect(await client.closed).toMatchObject({ code: 1001 });
  const { code, out, error } = await relay.ended;
  expect(code).toBe(0);
  expect(out.trim().split('\n')).toHaveLength(1);
  expect(error).toContain('"closed"');
  // Closed as it should be, a database leaves no log of its own behind.
  expect(existsSync(join(data, 'relay.sqlite-wal'))).toBe(false);
});

/** That a relay answers there with its key. */
const answers = async (host: string, { port, key }: { port: number; key: Buffer }): Promise<boolean> =>
  (await dial([`${host}:${port}`], key)).destroy().destroyed;

test('without --host it is reached by IPv4, and by IPv6 where there is one; a taken port is told', async ({
  skip,
}) => {
  const data = temporaryFolder();
  const relay = await listening(data, [], { host: null });
  expect(relay.addresses).toEqual(reachableAddresses(everywhere(), relay.port));
  expect(await answers('127.0.0.1', relay)).toBe(true);
  skip(everywhere() !== '::', 'this computer has no IPv6');
  expect(await answers('[::1]', relay)).toBe(true);
  const taken = await run(['--port', `${relay.port}`, '--data', temporaryFolder()]).ended;
  expect(taken).toMatchObject({
    code: 1,
    error: `signet-relay: The relay cannot listen on port ${relay.port}: another program uses it. Choose another port.\n`,
  });
});

test.for([
  ['0', '0.0.0.0'],
  ['::0', '::'],
])('a relay on %s names the addresses of this computer', async ([given, host], { skip }) => {
  skip(host === '::' && everywhere() !== '::', 'this computer has no IPv6');
  const data = temporaryFolder();
  const relay = await listening(data, [], { host: given! });
  expect(relay.addresses).toEqual(reachableAddresses(host!, relay.port));
  const { out } = await run(['check', '--data', data, '--host', given!, '--port', `${relay.port}`]).ended;
  expect(out).toContain(`ok    port: this relay answers on port ${relay.port}`);
});

test('a host that is none of this computer is told', async () => {
  const at = async (host: string): Promise<string> =>
    (await run(['--host', host, '--port', '0', '--data', 'data']).ended).error;
  // Without a name server it is the second.
  expect(await at('no.such.name.invalid')).toMatch(
    /no\.such\.name\.invalid, port 0: (nobody knows this name|names cannot be looked up now)\. Name an address of this computer with --host\.\n$/,
  );
  expect(await at('192.0.2.1')).toMatch(
    /port 0: this computer has no such address\. Choose another with --host\.\n$/,
  );
});

test.for(['127.0.0.1', '::1'])('a check finds a relay that listens on %s alone', async (host, { skip }) => {
  skip(host === '::1' && everywhere() !== '::', 'this computer has no IPv6');
  const data = temporaryFolder();
  const { port } = await listening(data, [], { host });
  const { out } = await run(['check', '--data', data, '--port', `${port}`]).ended;
  expect(out).toContain(`ok    port: this relay answers on port ${port}`);
});

test.runIf(process.platform === 'linux')('a system without IPv6 is served by IPv4', async ({ skip }) => {
  // A network of its own, in which IPv6 is switched off.
  const off = 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && ip link set lo up && exec "$@"';
  const apart = ['unshare', '--user', '--map-root-user', '--net', 'sh', '-c', off, 'sh'];
  skip(spawnSync(apart[0]!, [...apart.slice(1), 'true']).status !== 0, 'networks can not be made here');
  const { addresses, port } = await listening(temporaryFolder(), apart, { host: null });
  expect(addresses).toEqual([`127.0.0.1:${port}`]);
  const { code, error } = await run(['--host', '::1', '--port', '0', '--data', 'data'], apart).ended;
  expect({ code, error }).toEqual({
    code: 1,
    error:
      'signet-relay: The relay cannot listen on ::1, port 0: this computer has no such address. Choose another with --host.\n',
  });
});

test('the same folder has the same key and users after a restart', async () => {
  const data = temporaryFolder();
  const first = await listening(data);
  await RawClient.signedIn(first, alice);
  first.child.kill('SIGTERM');
  await first.ended;
  const second = await listening(data);
  expect(second.key).toEqual(first.key);
  expect(await (await RawClient.open(second)).signIn('login', alice)).toMatchObject({ type: 'done' });
});

test('a second relay on the same folder, or the same port, is refused and disturbs nothing', async () => {
  const data = temporaryFolder();
  const first = await listening(data);
  const client = await RawClient.signedIn(first, alice);
  const [folder, port] = await Promise.all([
    run(['--json', '--host', '127.0.0.1', '--port', '0', '--data', data]).ended,
    run(['--json', '--host', '127.0.0.1', '--port', `${first.port}`, '--data', temporaryFolder()]).ended,
  ]);
  expect(folder).toMatchObject({ code: 1, out: '' });
  expect(folder.error).toContain('Another relay already runs');
  expect(port).toMatchObject({ code: 1, out: '' });
  expect(port.error).toContain('another program uses it');
  expect(await client.lookUp('alice')).toMatchObject({ type: 'bundle' });
});

test.for<[string, string, (data: string) => void]>([
  ['a file in the place of the folder', 'cannot be made or used', (data) => writeFileSync(data, '')],
  [
    'noise in the place of the database',
    'is damaged',
    (data) => {
      mkdirSync(data);
      writeFileSync(join(data, 'relay.sqlite'), 'noise '.repeat(2000));
    },
  ],
  [
    'noise in the place of the TLS key',
    'relay-tls.pem cannot be read',
    (data) => {
      mkdirSync(data);
      writeFileSync(join(data, 'relay-tls.pem'), 'noise');
    },
  ],
])('%s is refused with a sentence', async ([, words, prepare]) => {
  const data = join(temporaryFolder(), 'data');
  prepare(data);
  const { code, out, error } = await run(['--json', '--port', '0', '--data', data]).ended;
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(error).toContain(words);
  expect(error.trim().split('\n')).toHaveLength(1);
});

test.runIf(process.platform === 'linux').for(['/sys/signet', '/proc/signet', '/proc/signet/relay'])(
  '%s, where no folder can be made, is refused with a sentence',
  async (data) => {
    // Nobody can write there, not even root.
    const { code, error } = await run(['--json', '--port', '0', '--data', data]).ended;
    expect({ code, error }).toEqual({
      code: 1,
      error: `signet-relay: The data folder ${data} cannot be made or used.\n`,
    });
    const restored = await run(['restore', 'no-file', '--data', data]).ended;
    expect(restored.code).toBe(1);
    expect(restored.error).toMatch(new RegExp(`^signet-relay: ${data} cannot be [^\n]+\\.\n$`));
  },
);
