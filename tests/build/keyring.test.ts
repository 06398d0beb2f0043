// npm run chat where no desktop has a keyring: one is made and unlocked, in a real GNOME Keyring, at a real terminal.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { type Client, heard, startProcess } from '../cli/clients.ts';
import { openScreen, type Screen } from '../cli/screen.ts';
import { openRelay, temporaryFolder, until } from '../harness.ts';

const CHAT = ['build/start.mjs', 'chat'];

/** The surroundings of a login over SSH: neither a display nor a D-Bus session. */
function loggedIn(home: string, more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const none = { DISPLAY: '', WAYLAND_DISPLAY: '', DBUS_SESSION_BUS_ADDRESS: '', XDG_RUNTIME_DIR: '' };
  return { ...process.env, ...none, XDG_DATA_HOME: '', XDG_CACHE_HOME: '', HOME: home, ...more };
}

const shown = (screen: Screen, line: string | RegExp): Promise<void> =>
  vi.waitFor(
    async () =>
      expect(await screen.lines()).toContainEqual(
        typeof line === 'string' ? line : expect.stringMatching(line),
      ),
    { timeout: 120_000 },
  );
const sessionEnded = (home: string): Promise<void> =>
  until(() => !existsSync(join(home, '.cache', 'signet', 'keyring-session')));
const last = (screen: Screen, line: string): Promise<void> =>
  vi.waitFor(async () => expect((await screen.lines()).at(-1)).toBe(line), { timeout: 120_000 });

test.runIf(process.platform === 'linux')(
  'it is asked for once, created, refused with a wrong password, and shared by those who come meanwhile',
  async () => {
    const relay = await openRelay();
    const [home, profile] = [temporaryFolder(), temporaryFolder()];
    const options = (name: string): string[] => ['--name', name, '--invite', relay.invite];
    const open = (args: string[]): Screen => openScreen([...CHAT, ...args], 300, 40, loggedIn(home));
    const alice = open(['--profile', profile, ...options('alice')]);
    await last(alice, 'Choose a password for it:');
    alice.type('\r');
    await shown(alice, 'An empty password protects nothing.');
    alice.type('correct horse\r');
    await last(alice, 'Repeat the password:');
    alice.type('correct house\r');
    await shown(alice, "The passwords don't match.");
    alice.type('correct horse\r');
    await last(alice, 'Repeat the password:');
    alice.type('correct horse\r');
    await last(alice, 'To whom?');
    expect((await alice.lines()).join()).not.toContain('horse');

    // Neither in a command line nor in the surroundings of any process.
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      for (const file of ['cmdline', 'environ']) {
        const path = join('/proc', pid, file);
        let text = '';
        try {
          text = readFileSync(path, 'utf8');
        } catch {
          continue; // it has just ended
        }
        expect(text.includes('correct horse'), path).toBe(false);
      }
    }

    // Others come in without a question, also when the one who was asked has left.
    const bob = open(['--profile', temporaryFolder(), ...options('bob')]);
    await last(bob, 'To whom?');
    alice.type('/quit\r');
    expect(await alice.exit).toBe(0);
    const carol = open(['--profile', temporaryFolder(), ...options('carol')]);
    await last(carol, 'To whom?');
    carol.type('bob\r');
    await last(carol, 'carol to bob:');
    carol.type('here I am\r');
    await shown(bob, /carol: here I am$/);
    for (const client of [carol, bob]) {
      client.type('/quit\r');
      expect(await client.exit).toBe(0);
    }
    await sessionEnded(home);

    const again = open(['--profile', profile]);
    await last(again, 'Password of your keyring:');
    again.type('wrong\r');
    await shown(again, 'That is not the password of the keyring.');
    await last(again, 'Password of your keyring:');
    again.type('correct horse\r');
    await shown(again, '-- online --');
    again.type('/quit\r');
    expect(await again.exit).toBe(0);

    const never = open(['--profile', profile]);
    for (let i = 0; i < 3; i++) {
      await vi.waitFor(
        async () =>
          expect((await never.lines()).filter((line) => line.startsWith('Password of'))).toHaveLength(i + 1),
        { timeout: 120_000 },
      );
      never.type(`wrong ${i}\r`);
    }
    expect(await never.exit).toBe(1);
    await shown(never, /^That was the last try\. Start again\. If the password is lost, see/);
  },
);

test.runIf(process.platform === 'linux')('without a terminal the password comes out of a file', async () => {
  const relay = await openRelay();
  const home = temporaryFolder();
  const file = join(home, 'password');
  const args = [...CHAT, '--json', '--profile', temporaryFolder()];
  const chat = async (
    more: Record<string, string>,
  ): Promise<{ code: number | null; out: string; error: string }> => {
    const client = startProcess(args, loggedIn(home, { SIGNET_INVITE: relay.invite, ...more }));
    client.type('{"do":"quit"}\n');
    return { code: await client.exit, out: client.output(), error: client.errors() };
  };
  expect(await chat({})).toMatchObject({
    code: 1,
    out: '',
    error: expect.stringContaining('name the file in SIGNET_KEYRING_PASSWORD_FILE.') as string,
  });
  const named = { SIGNET_KEYRING_PASSWORD_FILE: file };
  expect((await chat(named)).error).toContain(`${file}, cannot be read (ENOENT).`);
  writeFileSync(file, 'from a file\n', { mode: 0o600 });
  args.push('--name', 'alice');
  const first = await chat(named);
  expect(first.code, first.out + first.error).toBe(0);
  // Nothing but the client's own lines, so that a script can read them.
  for (const line of first.out.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('event');
  expect(first.error).toBe('');
  // Started at the same moment, they share one keyring, and each finds its keys in it again.
  const names = ['bob', 'carol', 'dave'];
  const start = (name: string, folder: string): Client =>
    startProcess(
      [...CHAT, '--json', '--profile', join(home, folder), '--name', name],
      loggedIn(home, { SIGNET_INVITE: relay.invite, ...named }),
    );
  for (let i = 0; i < 2; i++) {
    const clients = names.map((name) => start(name, name));
    for (const client of clients) await heard(client, { event: 'connection', state: 'online' });
    for (const client of clients) client.type('{"do":"quit"}\n');
    for (const client of clients) expect(await client.exit, client.output() + client.errors()).toBe(0);
  }
  await sessionEnded(home);
  writeFileSync(file, 'another\n');
  expect(await chat(named)).toMatchObject({
    code: 1,
    out: '',
    error: 'That is not the password of the keyring.\n',
  });
});
