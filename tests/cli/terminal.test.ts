// The console client's face for people: its commands, and a screen on which nothing tears the line being typed.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test, vi } from 'vitest';
import type { Messenger } from '../../main/messenger/messenger.ts';
import {
  arrive,
  bringOnline,
  openPerson,
  openRelay,
  stateOf,
  temporaryFolder,
  type TestRelay,
  until,
} from '../harness.ts';
import { withAnotherBob } from './another-bob.ts';
import { type Client, events, heard, plain, printed, startHere, startProcess, tell } from './clients.ts';
import { openScreen, type Screen } from './screen.ts';

/** A guard against hanging; a busy machine takes its time. */
const PATIENCE_MS = 120_000;

const COLUMNS = 60;

const options = (name: string, { invite }: TestRelay, profile = temporaryFolder()): string[] => [
  ...['--profile', profile, '--name', name, '--invite', invite],
];

/** Types a line, and waits for what it brings. */
async function ask(client: Client, line: string, answer: RegExp): Promise<void> {
  const before = plain(client).length;
  client.type(`${line}\n`);
  await vi.waitFor(() => expect(plain(client).slice(before), line).toMatch(answer), { timeout: PATIENCE_MS });
}

test('a person finds out how, chooses whom to write to, chats, looks back, verifies, and leaves', async () => {
  const relay = await openRelay();
  const bob = await arrive('bob', relay);
  const [received, states]: string[][] = [[], []];
  bob.on('message', ({ text }) => received!.push(text));
  bob.on('messageChanged', (_contact, { mine, state }) => mine && states!.push(state));
  const alice = startHere(options('alice', relay));
  await printed(alice, '-- online --');
  for (const step of [0, 1, 2, 3, 4]) expect(plain(alice)).toContain(`Making your keys: ${step} of 4\n`);
  expect(plain(alice)).toContain('You are alice. /help shows what you can do.');

  const words = [
    'to NAME',
    'contacts',
    'history',
    'verify',
    'accept',
    'refuse',
    'decline',
    'block',
    'unblock',
  ];
  for (const word of [...words, 'continue', 'invite', 'quit'])
    await ask(alice, '/help', new RegExp(`/${word}`));
  await ask(alice, '/contacts', /Nobody yet/);
  await ask(alice, '/history', /Choose with \/to NAME/);
  await ask(alice, '/dance', /There is no "\/dance". \/help shows/);
  await ask(alice, 'two words', /2 to 32 characters/);
  await ask(alice, '/to', /Choose somebody first/);
  await ask(alice, 'nobody', /alice to nobody: /);
  await ask(alice, 'hello', /Nobody has this name/);
  await ask(alice, '/to @Bob', /alice to bob: /);
  await ask(alice, '/history', /There is no conversation with bob\./);
  await ask(alice, '/history 0', /Write it as \/history 20/);
  await ask(alice, 'x'.repeat(32 * 1024 + 1), /32769 bytes; a message holds 32768/);

  alice.type('Hello Bob\n  //to be written with two\n//to be\n');
  await until(() => received!.length === 3);
  expect(received).toEqual(['Hello Bob', '  //to be written with two', '/to be']);
  await bob.send('alice', 'Hello Alice');
  await printed(alice, 'bob: Hello Alice');
  await until(() => states!.includes('read'));
  await ask(alice, '/contacts', / {2}bob \(not verified\)\n/);
  await ask(alice, '/history', /alice: Hello Bob \((sent|delivered)\)\n(.*\n){2}.*bob: Hello Alice\n/);
  await ask(alice, '/history 1', /^[^\n]*bob: Hello Alice\n/);
  await ask(alice, '/history 1e99', /Write it as \/history 20|bob: Hello Alice/);
  const digits = (await bob.trust.safetyNumber('alice')).match(/.{5}/g)!.join(' ');
  await ask(alice, '/verify', new RegExp(`Safety number with bob:\n${digits}`));
  await ask(alice, 'n', /bob is not marked as verified\. If the numbers differ, someone may be intercepting/);
  await ask(alice, '/verify bob', /Does bob see the same number\? \[y\/N\] /);
  await ask(alice, 'yes', /bob is verified\./);
  await ask(alice, '/contacts', / {2}bob \(verified by comparing\)\n/);
  await ask(alice, '/verify', /Does bob see the same number\? \[y\/N\] /);
  await ask(alice, 'n', /Nothing changed: bob stays verified by comparing\. If the numbers differ/);
  await ask(alice, '/to alice', /That is your own name/);
  alice.type('/to bob\n');
  await ask(alice, '/invite', /signet:\/\/join\?.*from=alice&identity=/);
  await ask(alice, '/accept', /There is nothing of bob's to accept/);
  await ask(alice, '/refuse', /There is no new identity of bob's to decide on/);
  await ask(alice, '/decline', /There is no message request from bob/);
  await ask(alice, '/refuse nobody', /There is no conversation with nobody\./);
  await ask(alice, '/verify nobody', /Nobody has this name/);
  alice.type('\n   \n/quit\n');
  expect(await alice.exit).toBe(0);
  expect(alice.errors()).toBe('');
  expect(alice.output()).not.toContain('inside Signet');
});

test('another identity is refused or accepted, after a question', async () => {
  const { alice, other } = await withAnotherBob(
    (relay) => startHere(options('alice', relay)),
    (client) => client.type('/accept bob\n'),
  );
  const received: string[] = [];
  other.on('message', ({ text }) => received.push(text));
  await ask(alice, 'bob', /alice to bob: /);
  await ask(alice, 'Hello', /safety number of bob has changed.*\n.*\/accept or \/refuse it/);
  await ask(
    alice,
    '/contacts',
    / {2}bob \(a new identity: ask bob about it, then \/accept bob or \/refuse bob\)/,
  );
  await ask(alice, '/accept', /Has bob told you about a new computer\? \[y\/N\] /);
  await ask(alice, '', /Nothing changed/);
  await ask(alice, '/refuse', /Refused\. Nothing is sent to bob(.*\n)*-- online --/);
  await ask(alice, 'Hello', /safety number of bob has changed/);
  await ask(alice, '/accept', /Has bob told you/);
  await ask(alice, 'y', /bob's new identity is accepted\. It is not verified(.*\n)*-- online --/);
  await ask(alice, 'Hello', /alice to bob: /);
  await until(() => received.length > 0);
  expect(received).toEqual(['Hello']);
});

test('where a new profile cannot reach the relay it is told once, and takes another invite', async () => {
  const relay = await openRelay();
  const wrong = relay.invite.replace(/%3A\d+/, '%3A1');
  const screen = openScreen(
    ['cli/index.ts', '--profile', temporaryFolder(), '--name', 'Alice', '--invite', wrong],
    400,
    40,
  );
  const NOT_JOINED =
    /^You have not joined yet\. Signet goes on trying\. If the invite is wrong, paste another/;
  await until(async () => (await screen.lines()).some((line) => NOT_JOINED.test(line)));
  // Longer than several further attempts, which say nothing new.
  await new Promise((resolve) => setTimeout(resolve, 5000));
  const lines = await screen.lines();
  for (const line of ['-- connecting --', '-- offline --'])
    expect(lines.filter((one) => one === line)).toHaveLength(1);
  expect(lines.filter((line) => line.includes("can't be reached"))).toHaveLength(1);
  screen.type(`${relay.invite}\r`);
  await until(async () => (await screen.lines()).includes('You are alice. /help shows what you can do.'));
  expect(await screen.lines()).toContain('-- online --');
  screen.type('/quit\r');
  expect(await screen.exit).toBe(0);
});

test('a new profile is asked for its invite and its name, for another name if that is taken, and chats', async () => {
  const relay = await openRelay();
  const [bob] = await Promise.all([arrive('bob', relay), arrive('alice', relay)]);
  const received: string[] = [];
  bob.on('message', ({ from, text }) => received.push(`${from}: ${text}`));
  const screen = openScreen(['cli/index.ts', '--profile', temporaryFolder()], 400, 40);
  const shown = (line: string): Promise<void> =>
    vi.waitFor(async () => expect((await screen.lines()).at(-1)).toBe(line), { timeout: PATIENCE_MS });
  const question = 'Invite (signet://join?...):';
  await shown(question);
  screen.type('signet://join?v=1\r');
  await until(async () =>
    (await screen.lines()).some((line) => line.startsWith('This is not a usable invite')),
  );
  // As mail programs and terminals do it: broken lines, within the marks of a paste.
  screen.type(`\u001b[200~${relay.invite.slice(0, 60)}\r\n${relay.invite.slice(60)}\n\u001b[201~\r`);
  await shown('Your name:');
  screen.type('two words\r');
  await until(async () => (await screen.lines()).some((line) => line.startsWith('A name has 2 to 32')));
  screen.type(' @Alice\r');
  await until(async () =>
    (await screen.lines()).includes('Somebody else has this name on the relay. Choose another.'),
  );
  await shown('Your name:');
  screen.type('alicia\r');
  await shown('To whom?');
  // Typed while the connection is being made, or after: what needs the relay waits for it.
  screen.type('Bob\r');
  await shown('alicia to bob:');
  // Several pasted lines are one message, even if the mark of the end comes in two pieces.
  screen.type('\u001b[200~one\ntwo\r\n\nfour\u001b[20');
  screen.type('1~ and more\r');
  await until(() => received.length > 0);
  expect(received).toEqual(['alicia: one\ntwo\n\nfour and more']);
  await shown('alicia to bob:');
  screen.type('/quit\r');
  expect(await screen.exit).toBe(0);
});

test('output that is no terminal gets text alone', async () => {
  const relay = await openRelay();
  const environment = { ...process.env };
  delete environment['FORCE_COLOR'];
  const alice = startProcess(['cli/index.ts', ...options('alice', relay)], environment);
  await printed(alice, '-- online --');
  alice.type('/help\n');
  await printed(alice, '/quit ');
  alice.end();
  expect(await alice.exit).toBe(0);
  expect(alice.output()).not.toContain('\u001b');
});

test('messages that do not fit together show as a notice in both faces', async () => {
  const relay = await openRelay();
  const [profile, copy, bobs] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
  const write = async (directory: string, text: string): Promise<void> => {
    const alice = await openPerson('alice', relay.invite, { directory });
    await bringOnline(alice);
    await alice.send('bob', text);
    await until(async () => (await stateOf(alice, 'bob', text)) === 'delivered');
    await alice.close();
  };
  const bob = startHere(['--json', ...options('bob', relay, bobs)]);
  await heard(bob, { event: 'connection', state: 'online' });
  const first = write(profile, 'one');
  await heard(bob, { event: 'message', text: 'one' });
  tell(bob, { do: 'acceptRequest', with: 'alice' });
  await first;
  cpSync(profile, copy, { recursive: true });
  await write(profile, 'two');
  // The relay, restored from a backup, doesn't know of the last sign-in. The copy gives the second number to another
  // message.
  const database = new DatabaseSync(join(relay.data, 'relay.sqlite'));
  database.exec('DELETE FROM sign_ins');
  database.close();
  await write(copy, 'another two');
  const notice = await heard(bob, { event: 'notice' });
  expect(notice).toMatchObject({ with: 'alice', kind: 'fork' });
  bob.type('{"do":"history","with":"alice"}\n{"do":"quit"}\n');
  const history = await heard(bob, { event: 'history' });
  expect(history['messages']).toContainEqual(expect.objectContaining({ kind: 'fork' }));
  expect(await bob.exit).toBe(0);
  expect(events(bob).filter(({ event }) => event === 'notice')).toHaveLength(1);

  const again = startHere(['--profile', bobs]);
  await printed(again, '-- online --');
  await ask(again, '/to alice', /bob to alice: /);
  await ask(again, '/history', /one\n(.*\n)*.*-- The messages here don't fit together/);
});

/** The lines since the connection was made, each time of day taken out. */
async function transcript(screen: Screen): Promise<string[]> {
  const lines = await screen.lines();
  const start = lines.indexOf('-- online --');
  return lines.slice(start + 1).map((line) => line.replace(/^\d\d:\d\d(\s[AP]M)? /, ''));
}

async function sit(relay: TestRelay): Promise<{ screen: Screen; bob: Messenger; shows: typeof shows }> {
  const bob = await arrive('bob', relay);
  // An invite of bob's: what he writes is no message request.
  const invited = options('alice', { ...relay, invite: bob.invite() });
  const screen = openScreen(['cli/index.ts', ...invited], COLUMNS, 12);
  const shows = async (...lines: string[]): Promise<void> =>
    vi.waitFor(async () => expect(await transcript(screen)).toEqual(lines), { timeout: PATIENCE_MS });
  await until(async () => (await screen.lines()).includes('-- online --'));
  await shows('To whom?');
  screen.type('bob\r');
  await shows('To whom? bob', 'alice to bob:');
  return { screen, bob, shows };
}

test('a message that comes in stands above the half-typed line, which stays whole at the bottom', async () => {
  const { screen, bob, shows } = await sit(await openRelay());
  const prompt = 'alice to bob: ';
  const above = ['To whom? bob'];
  const left = '\u001b[D';
  const typed: [text: string, rows: number][] = [
    ['half', 1],
    // Exactly to the edge: the cursor already stands in the next row.
    ['e'.repeat(COLUMNS - prompt.length), 2],
    ['two rows '.repeat(9).trim(), 2],
    ['three rows '.repeat(14).trim(), 3],
    ['Grüße 👋 漢字 '.repeat(5).trim(), 2],
  ];
  for (const [i, [text, rows]] of typed.entries()) {
    screen.type(text);
    await shows(...above, prompt + text);
    expect(screen.lastLineRows(), text).toBe(rows);
    for (const message of [`short ${i}`, `${i} ${'long '.repeat(30)}end`]) {
      await bob.send('alice', message);
      above.push(`bob: ${message}`);
      await shows(...above, prompt + text);
      expect(screen.lastLineRows(), text).toBe(rows);
    }
    // Ctrl-U takes the line back.
    screen.type('\u0015');
    await shows(...above, prompt.trim());
  }
  // The cursor stays where it was: in the upper of two rows.
  const text = 'm'.repeat(COLUMNS);
  screen.type(text);
  await shows(...above, prompt + text);
  await bob.send('alice', 'at the end');
  above.push('bob: at the end');
  await shows(...above, prompt + text);
  screen.type(left.repeat(COLUMNS - 3));
  await shows(...above, prompt + text);
  await bob.send('alice', 'in the middle');
  above.push('bob: in the middle');
  await shows(...above, prompt + text);
  screen.type('HERE');
  const line = `mmmHERE${'m'.repeat(COLUMNS - 3)}`;
  await shows(...above, prompt + line);
  screen.type('\r');
  await until(async () => (await bob.history('alice', 1))[0]?.text === line);
  // Ctrl-D on an empty line leaves.
  await shows(...above, prompt + line, prompt.trim());
  screen.type('\u0004');
  expect(await screen.exit).toBe(0);
});

test("a hostile message changes nothing on the screen but its own lines, and can't pass for another's", async () => {
  const { screen, bob, shows } = await sit(await openRelay());
  const [first, prompt] = ['To whom? bob', 'alice to bob: half'];
  screen.type('half');
  await shows(first, prompt);
  const hostile = [
    '\u001b[2J\u001b[1;1Hgone \u001b[31mred',
    '\u001b]0;title\u0007 and \u009b2J \u009d0;title\u009c',
    'back\b\b\b\b\rstart\u000b\u000c\u007f',
    '\u202Eleft\u202C \u2066isolated\u2069 \u200Emark\u200F',
    '\u001bc\u001b[?1049h\u001b[8m',
  ];
  const shown: string[] = [];
  const visible = (text: string): string =>
    text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
  for (const text of hostile) {
    await bob.send('alice', text);
    shown.push(`bob: ${visible(text)}`);
    await shows(first, ...shown, prompt);
  }
  await bob.send('alice', 'mine\n10:00 carol: forged\n-- offline --');
  await until(async () => (await screen.lines()).some((line) => line.includes('forged')));
  const lines = await screen.lines();
  expect(lines.filter((line) => /^(10:00 carol|-- offline)/.test(line))).toEqual([]);
  expect(lines.at(-1)).toBe(prompt);
  expect(screen.alarms).toEqual([]);
  // Ctrl-C leaves.
  screen.type('\u0003');
  expect(await screen.exit).toBe(0);
});
