// The console client's command line: options, refusals, signals, and whole processes that chat.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openRelay, temporaryFolder } from '../harness.ts';
import { type Client, events, heard, printed, startHere, startProcess, tell } from './clients.ts';

const KEY = Buffer.alloc(32).toString('base64url');
const INVITE = `signet://join?v=1&relay=127.0.0.1%3A1&key=${KEY}`;

function startRelay(data: string, port: unknown): Client {
  const options = ['--json', '--host', '127.0.0.1', '--log-level', 'silent'];
  return startProcess(['relay/index.ts', ...options, '--data', data, '--port', String(port)]);
}

test('two processes chat through the process of a relay, which is killed in between', async () => {
  const data = temporaryFolder();
  const relay = startRelay(data, 0);
  const { port, invite } = await heard(relay, { event: 'listening' });
  const options = ['cli/index.ts', '--json', '--invite', String(invite)];
  const [alice, bob] = ['alice', 'bob'].map((name) =>
    startProcess([...options, '--name', name, '--profile', temporaryFolder()]),
  ) as [Client, Client];
  await Promise.all([alice, bob].map((client) => heard(client, { event: 'connection', state: 'online' })));
  tell(alice, { do: 'send', to: 'bob', text: 'Hello Bob', ref: 1 });
  await heard(bob, { event: 'message', from: 'alice', text: 'Hello Bob' });
  tell(bob, { do: 'send', to: 'alice', text: 'Hello Alice' });
  await heard(alice, { event: 'message', from: 'bob', text: 'Hello Alice' });

  relay.stop('SIGKILL');
  await Promise.all([alice, bob].map((client) => heard(client, { event: 'connection', state: 'offline' })));
  tell(alice, { do: 'send', to: 'bob', text: 'Are you there?', ref: 2 });
  await heard(alice, { event: 'queued', ref: 2 });
  startRelay(data, port);
  await heard(bob, { event: 'message', text: 'Are you there?' });
  const { id } = await heard(alice, { event: 'queued', ref: 2 });
  await heard(alice, { event: 'state', id, state: 'delivered' });

  alice.stop('SIGTERM');
  bob.stop('SIGINT');
  expect(await Promise.all([alice.exit, bob.exit])).toEqual([0, 0]);
  expect(alice.errors() + bob.errors()).toBe('');
  expect(events(bob).filter(({ event }) => event === 'message')).toHaveLength(2);
});

test('SIGTERM ends the face for people, too', async () => {
  const relay = await openRelay();
  const options = ['--profile', temporaryFolder(), '--name', 'alice', '--invite', relay.invite];
  const alice = startProcess(['cli/index.ts', ...options]);
  await printed(alice, 'online');
  alice.stop('SIGTERM');
  const code = await alice.exit;
  expect(alice.errors()).toBe('');
  expect(code).toBe(0);
});

test('being asked to end while the keys are made ends the client once they are there', async () => {
  const relay = await openRelay();
  const profile = temporaryFolder();
  const alice = startHere(['--json', '--profile', profile, '--name', 'alice', '--invite', relay.invite]);
  await heard(alice, { event: 'progress', step: 0 });
  alice.stop();
  expect(await alice.exit).toBe(0);
  const again = startHere(['--json', '--profile', profile]);
  await heard(again, { event: 'connection', state: 'online' });
});

test.each([
  [[], /required option '--profile <folder>'/],
  [['--profile'], /--profile <folder>.* argument missing/],
  [['--profile', 'x', '--frob'], /unknown option '--frob'/],
  [['--profile', 'x', 'more'], /too many arguments/],
])('wrong options get a sentence: %j', async (args, sentence) => {
  const client = startHere(args);
  expect(await client.exit).toBe(1);
  expect(client.errors()).toMatch(sentence);
  expect(client.output()).toBe('');
});

test('--help and --version answer and end', async () => {
  const [help, version] = [startHere(['--help']), startHere(['--version'])];
  expect(await Promise.all([help.exit, version.exit])).toEqual([0, 0]);
  for (const option of ['--profile', '--name', '--invite', '--invite-file', 'SIGNET_INVITE', '--json'])
    expect(help.output()).toContain(option);
  expect(version.output()).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test.each([
  [
    [],
    'profile-new',
    /new\. Add --name NAME and the invite \(--invite LINK, --invite-file FILE, or SIGNET_INVITE\)\./,
  ],
  [['--name', 'alice'], 'profile-new', /new\. Add the invite \(--invite LINK/],
  [['--invite', INVITE], 'profile-new', /new\. Add --name NAME\./],
  [
    ['--name', 'alice', '--invite-file', '/nowhere'],
    'command-invalid',
    /file \/nowhere cannot be read \(ENOENT\)/,
  ],
  [['--name', 'Al ice', '--invite', INVITE], 'name-invalid', /2 to 32 characters/],
  [['--name', 'a'.repeat(33), '--invite', INVITE], 'name-invalid', /2 to 32 characters/],
  [
    ['--name', 'alice', '--invite', 'https://example.org'],
    'invite-invalid',
    /doesn't start with signet:\/\/join\?/,
  ],
  [['--name', 'alice', '--invite', INVITE.slice(0, -1)], 'invite-invalid', /"key" is not 32 bytes/],
  [['--name', 'alice', '--invite', `${INVITE}&key=${KEY}`], 'invite-invalid', /names "key" twice/],
  // An invite comes from others: what it holds must not write over the screen.
  [
    ['--name', 'alice', '--invite', `${INVITE}&relay=%1b%5b2J`],
    'invite-invalid',
    /".{1,2}\[2J" is not host:port/,
  ],
  [['--name', 'alice', '--invite', INVITE.replace('v=1', 'v=2')], 'invite-invalid', /another version/],
  [['--name', 'alice', '--invite', INVITE.replace('%3A1&', '%3A0&')], 'invite-invalid', /0 is not a port/],
])('a wrong name or invite gets a sentence: %j', async (args, code, sentence) => {
  const profile = ['--profile', temporaryFolder()];
  const [json, text] = [startHere([...profile, '--json', ...args]), startHere([...profile, ...args])];
  expect(await Promise.all([json.exit, text.exit])).toEqual([1, 1]);
  expect(events(json)).toEqual([{ event: 'failure', code, text: expect.stringMatching(sentence) as string }]);
  expect(json.errors()).toBe('');
  expect(text.errors()).toMatch(sentence);
  expect(text.errors()).toMatch(/^signet-chat: .*\n$/);
  expect(text.errors()).not.toContain('\u001b');
  expect(text.output()).toBe('');
});

test("a profile is kept to one user, one relay, one client at a time; a folder that can't be is refused", async () => {
  const relay = await openRelay();
  const profile = ['--json', '--profile', temporaryFolder()];
  const alice = startHere([...profile, '--name', 'alice', '--invite', relay.invite]);
  await heard(alice, { event: 'connection', state: 'online' });
  const refused = async (args: string[], fields: Record<string, unknown>): Promise<void> => {
    const client = startHere(args);
    expect(await client.exit).toBe(1);
    expect(events(client)).toMatchObject([{ event: 'failure', ...fields }]);
  };
  await refused(profile, { code: 'folder-in-use' });
  tell(alice, { do: 'quit' });
  expect(await alice.exit).toBe(0);
  await refused([...profile, '--name', 'bob'], {
    code: 'profile-differs',
    text: expect.stringMatching(/belongs to alice/),
  });
  await refused([...profile, '--invite', INVITE], {
    code: 'profile-differs',
    text: expect.stringMatching(/another relay/),
  });
  await refused(['--json', '--profile', '/dev/null/x'], { code: 'folder-unusable' });

  const again = startHere([...profile, '--name', 'alice', '--invite', relay.invite]);
  expect(await heard(again, { event: 'ready' })).toEqual(await heard(alice, { event: 'ready' }));
});

test('a name that somebody else has is refused, and may be chosen anew', async () => {
  const relay = await openRelay();
  const alice = startHere([
    '--json',
    '--profile',
    temporaryFolder(),
    '--name',
    'alice',
    '--invite',
    relay.invite,
  ]);
  await heard(alice, { event: 'connection', state: 'online' });
  const profile = ['--json', '--profile', temporaryFolder(), '--invite', relay.invite];
  const second = startHere([...profile, '--name', 'alice']);
  await heard(second, { event: 'failure', code: 'name-taken' });
  // It waits for nobody: a new profile that the relay refuses has nothing to show.
  expect(await second.exit).toBe(1);
  expect(events(second).filter(({ code }) => code === 'name-taken')).toHaveLength(1);
  const inText = startHere([...profile.slice(1), '--name', 'alice']);
  expect(await inText.exit).toBe(1);
  expect(inText.errors()).toBe('signet-chat: Somebody else has this name on the relay. Choose another.\n');
  const renamed = startHere([...profile, '--name', 'alicia']);
  await heard(renamed, { event: 'ready', name: 'alicia' });
});

test('a new profile takes its invite out of a file or the environment, with all that a shell would cut at', async () => {
  const relay = await openRelay();
  const file = join(temporaryFolder(), 'invite.txt');
  writeFileSync(file, `  ${relay.invite}\n`);
  const options = ['--json', '--profile', temporaryFolder(), '--name', 'alice'];
  const alice = startHere([...options, '--invite-file', file], {
    environment: { SIGNET_INVITE: 'nonsense' },
  });
  await heard(alice, { event: 'connection', state: 'online' });
  tell(alice, { do: 'quit' });
  await alice.exit;
  const bob = startHere(['--json', '--profile', temporaryFolder(), '--name', 'bob'], {
    environment: { SIGNET_INVITE: relay.invite },
  });
  await heard(bob, { event: 'connection', state: 'online' });
  // A profile that has joined needs none, and a stale one does no harm.
  const again = startHere(options, { environment: { SIGNET_INVITE: INVITE } });
  await heard(again, { event: 'connection', state: 'online' });
});

test('what nobody expected is told as such, with its cause for whoever looks into it', async () => {
  const keychain = {
    load: () => Promise.reject(new TypeError('a stray bug')),
    assertUnlocked: () => Promise.resolve(),
    save: () => Promise.resolve(),
  };
  const args = ['--json', '--profile', temporaryFolder(), '--name', 'alice', '--invite', INVITE];
  const client = startHere(args, { keychain });
  expect(await client.exit).toBe(1);
  expect(events(client)).toMatchObject([{ event: 'failure', code: 'internal' }]);
  expect(client.output()).not.toContain('stray');
  expect(client.errors()).toContain('TypeError: a stray bug');
});
