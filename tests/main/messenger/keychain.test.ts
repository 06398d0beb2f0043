// The keychain in every state that it can be in: each its own failure, nothing new is made, and all is well after.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { type Client, type ClientEvent, events, heard, startProcess, tell } from '../../cli/clients.ts';
import { afterwards, arrive, openRelay, temporaryFolder, until } from '../../harness.ts';

type Environment = NodeJS.ProcessEnv;

/** A login of its own: folders that know no keyring yet, and no D-Bus. */
function logIn(): Environment {
  const home = temporaryFolder();
  const runtime = join(home, 'run');
  mkdirSync(runtime);
  chmodSync(runtime, 0o700);
  const { PATH } = process.env;
  return { PATH, HOME: home, XDG_RUNTIME_DIR: runtime };
}

/** Starts a daemon; ended after the test. @returns what ends it before */
function startDaemon(
  args: string[],
  env: Environment,
  input = '',
): { first: Promise<string>; end(): Promise<void> } {
  // Without input, no pipe: a daemon that closes its end at once would break it.
  const child = spawn(args[0]!, args.slice(1), { env, stdio: [input ? 'pipe' : 'ignore', 'pipe', 'ignore'] });
  const exit = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const first = new Promise<string>((resolve) => {
    child.stdout!.setEncoding('utf8').once('data', (text: string) => resolve(text.trim()));
  });
  child.stdin?.end(input);
  const end = async (): Promise<void> => {
    child.kill();
    await exit;
  };
  afterwards(end);
  return { first, end };
}

/** A session bus that starts no services by itself, as on a machine that has none. */
async function openBus(login: Environment): Promise<Environment> {
  const configuration = join(login['HOME']!, 'bus.conf');
  writeFileSync(
    configuration,
    `<busconfig><type>session</type><listen>unix:tmpdir=${login['HOME']}</listen>
     <policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/></policy>
     </busconfig>`,
  );
  const bus = startDaemon(
    ['dbus-daemon', '--nofork', '--print-address', '--config-file', configuration],
    login,
  );
  return { ...login, DBUS_SESSION_BUS_ADDRESS: await bus.first };
}

/** Asks over D-Bus. @returns the answer's text */
function call(
  env: Environment,
  destination: string,
  object: string,
  method: string,
  ...values: string[]
): string {
  const address = ['--session', '--print-reply', `--dest=${destination}`, object, method, ...values];
  const { stdout, stderr, status } = spawnSync('dbus-send', address, { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

const SECRETS = 'org.freedesktop.secrets';
const KEYRING = '/org/freedesktop/secrets/collection/login';

/** Starts the secret service. @param unlock whether the user has given the password */
async function openKeyring(env: Environment, unlock: boolean): Promise<{ end(): Promise<void> }> {
  const args = [
    'gnome-keyring-daemon',
    '--foreground',
    '--components=secrets',
    ...(unlock ? ['--unlock'] : []),
  ];
  const daemon = startDaemon(args, env, 'password');
  const owned = (): string =>
    call(
      env,
      'org.freedesktop.DBus',
      '/org/freedesktop/DBus',
      'org.freedesktop.DBus.NameHasOwner',
      `string:${SECRETS}`,
    );
  await until(() => owned().includes('true'));
  return {
    end: async () => {
      await daemon.end();
      await until(() => owned().includes('false'));
    },
  };
}

const GET = 'org.freedesktop.DBus.Properties.Get';
const items = (env: Environment): string[] =>
  call(env, SECRETS, KEYRING, GET, 'string:org.freedesktop.Secret.Collection', 'string:Items').match(
    /login\/\d+/g,
  ) ?? [];

/** Does something to an item of the keyring by keytar, as any other program of the user could. */
function tamper(env: Environment, call: string): string {
  const script = `import keytar from 'keytar'; process.stdout.write(String(await keytar.${call}));`;
  const args = ['--input-type=module', '-e', script];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

/** Whose profile it is, by its database. */
function account(profile: string): { profile: string; fingerprint: string } {
  const database = new DatabaseSync(join(profile, 'signet.sqlite'));
  const row = database.prepare('SELECT profile, hex(signingKey) AS fingerprint FROM account').get();
  database.close();
  return row as { profile: string; fingerprint: string };
}

const client = (env: Environment, args: string[]): Client =>
  startProcess(['cli/index.ts', '--json', ...args], env);

/** Runs the client, which has to refuse. @returns its one event */
async function refusal(env: Environment, args: string[]): Promise<ClientEvent> {
  const refused = client(env, args);
  expect(await refused.exit).toBe(1);
  expect(refused.errors()).toBe('');
  expect(events(refused)).toHaveLength(1);
  return events(refused)[0]!;
}

const failing = (code: string, steps: RegExp): ClientEvent => ({
  event: 'failure',
  code,
  text: expect.stringMatching(steps) as string,
});

test('an identity outlives every state of its keychain, and is never replaced', async () => {
  const relay = await openRelay();
  const bob = await arrive('bob', relay);
  const login = logIn();
  const profile = ['--profile', join(login['HOME']!, 'profile')];
  const joining = [...profile, '--name', 'alice', '--invite', relay.invite];
  const bus = await openBus(login);

  // A first start without a keychain makes nothing that would be in the way later.
  const noBus = failing('keychain-no-bus', /no D-Bus session.*Log in to a desktop.*npm run chat/);
  expect(await refusal(login, [...profile, '--name', 'alice', '--invite', bob.invite()])).toEqual(noBus);

  let keyring = await openKeyring(bus, true);
  const alice = client(bus, joining);
  const { fingerprint } = await heard(alice, { event: 'ready' });
  await heard(alice, { event: 'connection', state: 'online' });
  // Whom the first invite was from is still known to be the right one, though the second says nothing of it.
  tell(alice, { do: 'contacts' });
  const { contacts } = await heard(alice, { event: 'contacts' });
  expect(contacts).toMatchObject([{ name: 'bob', verified: 'invite', fingerprint: bob.fingerprint }]);
  await bob.startConversation('alice');
  tell(alice, { do: 'send', to: 'bob', text: 'Before' });
  await heard(alice, { event: 'state', state: 'delivered' });
  tell(alice, { do: 'quit' });
  expect(await alice.exit).toBe(0);
  const identity = account(profile[1]!);
  expect(identity.fingerprint.toLowerCase()).toBe(fingerprint);
  expect(items(bus)).toHaveLength(1);

  const unchanged = (): void => expect(account(profile[1]!)).toEqual(identity);
  const works = async (env: Environment): Promise<void> => {
    const again = client(env, profile);
    expect(await heard(again, { event: 'ready' })).toMatchObject({ name: 'alice', fingerprint });
    await heard(again, { event: 'connection', state: 'online' });
    tell(again, { do: 'history', with: 'bob', limit: 1 });
    expect(await heard(again, { event: 'history' })).toMatchObject({ messages: [{ text: 'Before' }] });
    tell(again, { do: 'quit' });
    expect(await again.exit).toBe(0);
    expect(items(env)).toHaveLength(1);
    unchanged();
  };
  await works(bus);

  const locked = failing('keychain-locked', /keyring is locked. Unlock it/);
  const lock = ['org.freedesktop.Secret.Service.Lock', `array:objpath:${KEYRING}`] as const;
  call(bus, SECRETS, '/org/freedesktop/secrets', ...lock);
  expect(await refusal(bus, profile)).toEqual(locked);
  await keyring.end();
  const noService = failing('keychain-no-service', /No secret service runs.*apt install gnome-keyring/);
  expect(await refusal(bus, profile)).toEqual(noService);
  keyring = await openKeyring(bus, false);
  expect(await refusal(bus, profile)).toEqual(locked);
  expect(items(bus)).toHaveLength(1);
  await keyring.end();
  expect(await refusal(login, profile)).toEqual(noBus);
  const deadBus = { ...bus, DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(login['HOME']!, 'nothing')}` };
  expect(await refusal(deadBus, profile)).toEqual(noBus);
  unchanged();

  await openKeyring(bus, true);
  await works(bus);
  const item = `'Signet', '${identity.profile}'`;
  const secret = tamper(bus, `getPassword(${item})`);
  tamper(bus, `deletePassword(${item})`);
  const missing = failing(
    'keychain-item-missing',
    new RegExp(`"${identity.profile}".*is gone. Restore it from a backup`),
  );
  expect(await refusal(bus, profile)).toEqual(missing);
  expect(items(bus)).toEqual([]);
  unchanged();

  const bytes = Buffer.from(secret, 'base64');
  const half = bytes.length / 2;
  const others = {
    'something else': 'x',
    'a bit that fell over': Buffer.from(bytes.map((byte, i) => (i === 100 ? byte ^ 1 : byte))).toString(
      'base64',
    ),
    'no primes': randomBytes(bytes.length).toString('base64'),
    // Both are good keys, but the identity would be another.
    'the keys of the wrong purpose': Buffer.concat([bytes.subarray(half), bytes.subarray(0, half)]).toString(
      'base64',
    ),
  };
  const damaged = failing('keychain-item-damaged', /was changed. Restore it from a backup/);
  for (const [what, other] of Object.entries(others)) {
    tamper(bus, `setPassword(${item}, '${other}')`);
    expect(await refusal(bus, profile), what).toEqual(damaged);
    expect(tamper(bus, `getPassword(${item})`), what).toBe(other);
    unchanged();
  }
  tamper(bus, `setPassword(${item}, '${secret}')`);
  await works(bus);
  expect(await bob.history('alice', 10)).toMatchObject([{ text: 'Before' }]);
});
