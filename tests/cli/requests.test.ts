// Decisions in the console client: message requests, blocking, device lists that don't match, old copies of a profile.
import { cpSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  arrive,
  bringOnline,
  openRelay,
  type Person,
  stateOf,
  temporaryFolder,
  type TestRelay,
  texts,
  until,
} from '../harness.ts';
import { acknowledged, type Client, events, heard, plain, printed, startHere, tell } from './clients.ts';
import { withRestoredRelay } from './restored-relay.ts';

const options = (name: string, { invite }: TestRelay, profile = temporaryFolder()): string[] => [
  ...['--profile', profile, '--name', name, '--invite', invite],
];
const inJson = (name: string, relay: TestRelay, profile?: string): Client =>
  startHere(['--json', ...options(name, relay, profile)]);

/** Gives a JSON command. @returns its answer */
async function answerTo(client: Client, command: Record<string, unknown>): Promise<Record<string, unknown>> {
  const ref = `${events(client).length} ${String(command['do'])}`;
  tell(client, { ...command, ref });
  const answer = await heard(client, { ref });
  delete answer['ref'];
  return answer;
}
const contactsOf = async (client: Client): Promise<unknown> =>
  (await answerTo(client, { do: 'contacts' }))['contacts'];

/** Types a line. @returns what it brings, up to an expected text */
async function typed(client: Client, line: string, answer: string): Promise<void> {
  const before = plain(client).length;
  client.type(`${line}\n`);
  await until(() => plain(client).slice(before).includes(answer) || client.ended());
  expect(plain(client).slice(before)).toContain(answer);
}

/** Waits until a message has left, and a receipt would have come back. */
async function hasNoReceipt(sender: Person, to: string, text: string): Promise<void> {
  await until(async () => (await stateOf(sender, to, text)) === 'sent');
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(await stateOf(sender, to, text)).toBe('sent');
}

test('a script accepts, declines, blocks and unblocks', async () => {
  const relay = await openRelay();
  const alice = await arrive('alice', relay);
  const bob = inJson('bob', relay);
  await heard(bob, { event: 'connection', state: 'online' });
  await alice.send('bob', 'one');
  expect(await heard(bob, { event: 'message', text: 'one' })).toMatchObject({ from: 'alice', request: true });
  expect(await contactsOf(bob)).toMatchObject([{ name: 'alice', status: 'request' }]);
  await hasNoReceipt(alice, 'bob', 'one');

  const done = (did: string): object => ({ event: 'done', did, with: 'alice' });
  expect(await answerTo(bob, { do: 'decline', with: 'alice' })).toEqual(done('decline'));
  expect(await answerTo(bob, { do: 'history', with: 'alice' })).toMatchObject({ messages: [] });
  await alice.send('bob', 'two');
  expect(await heard(bob, { event: 'message', text: 'two' })).toMatchObject({ request: true });
  expect(await answerTo(bob, { do: 'acceptRequest', with: 'alice' })).toEqual(done('acceptRequest'));
  expect(await contactsOf(bob)).toMatchObject([{ name: 'alice', status: 'accepted' }]);
  await until(async () => (await stateOf(alice, 'bob', 'two')) === 'delivered');
  // Of what was declined the sender hears nothing.
  expect(await stateOf(alice, 'bob', 'one')).toBe('sent');
  await alice.send('bob', 'three');
  expect(await heard(bob, { event: 'message', text: 'three' })).not.toHaveProperty('request');

  expect(await answerTo(bob, { do: 'block', with: 'alice' })).toEqual(done('block'));
  expect(await contactsOf(bob)).toMatchObject([{ name: 'alice', status: 'blocked' }]);
  await alice.send('bob', 'four');
  await hasNoReceipt(alice, 'bob', 'four');
  expect(await answerTo(bob, { do: 'unblock', with: 'alice' })).toEqual(done('unblock'));
  await alice.send('bob', 'five');
  await heard(bob, { event: 'message', text: 'five' });
  await until(async () => (await stateOf(alice, 'bob', 'five')) === 'delivered');
  const heardTexts = events(bob).flatMap(({ event, text }) => (event === 'message' ? [text] : []));
  expect(heardTexts).toEqual(['one', 'two', 'three', 'five']);
});

test('a person accepts, declines, blocks and unblocks', async () => {
  const relay = await openRelay();
  const alice = await arrive('alice', relay);
  const bob = startHere(options('bob', relay));
  await printed(bob, '-- online --');
  await alice.send('bob', 'one');
  const offer = '-- alice is not a contact yet: /accept alice, /decline alice or /block alice --';
  await printed(bob, offer);
  expect(plain(bob)).toContain('alice: one\n');
  const isRequest = '  alice (a message request: /accept alice, /decline alice or /block alice)\n';
  await typed(bob, '/contacts', isRequest);
  // Shown is not read: a stranger isn't told.
  await hasNoReceipt(alice, 'bob', 'one');

  await typed(bob, '/accept', 'Choose somebody first, with /to NAME.');
  await typed(bob, '/accept Two Words', 'There is no conversation with two.');
  await typed(bob, '/decline @Alice', "Declined. alice isn't told.\n");
  await typed(bob, '/to alice', 'bob to alice: ');
  await typed(bob, '/history', 'Nothing yet.');
  await alice.send('bob', 'two');
  await until(() => plain(bob).split(offer).length === 3);
  await typed(bob, '/accept', 'Accepted. Write to alice with /to alice.\n');
  await until(async () => (await stateOf(alice, 'bob', 'two')) === 'read');
  expect(await stateOf(alice, 'bob', 'one')).toBe('sent');
  await typed(bob, '/contacts', '  alice (not verified)\n');
  await typed(bob, '/decline', 'There is no message request from alice.');
  await typed(bob, '/accept', "There is nothing of alice's to accept.");

  await typed(bob, '/block', "alice is blocked, and isn't told.\n");
  await typed(bob, '/contacts', '  alice (blocked: /unblock alice ends that)\n');
  await alice.send('bob', 'three');
  await hasNoReceipt(alice, 'bob', 'three');
  await typed(bob, '/unblock', 'alice is not blocked any more.\n');
  await alice.send('bob', 'four');
  await printed(bob, 'alice: four');
  await until(async () => (await stateOf(alice, 'bob', 'four')) === 'read');
  expect(plain(bob)).not.toContain('alice: three');
});

test('who writes back has accepted', async () => {
  const relay = await openRelay();
  const alice = await arrive('alice', relay);
  const [script, person] = [inJson('bob', relay), startHere(options('carol', relay))];
  await heard(script, { event: 'connection', state: 'online' });
  await printed(person, '-- online --');
  for (const name of ['bob', 'carol']) await alice.send(name, `to ${name}`);
  await heard(script, { event: 'message' });
  await printed(person, 'alice: to carol');
  expect(await answerTo(script, { do: 'send', to: 'alice', text: 'from bob' })).toMatchObject({
    event: 'queued',
  });
  expect(await contactsOf(script)).toMatchObject([{ status: 'accepted' }]);
  person.type('/to alice\nfrom carol\n');
  await until(() => texts(alice).length === 2);
  for (const name of ['bob', 'carol']) await acknowledged(alice, name, `to ${name}`);
});

test('a script takes the device list that a restored relay shows', async () => {
  const { bob, laptop } = await withRestoredRelay(
    (relay) => inJson('bob', relay),
    (client) => tell(client, { do: 'acceptRequest', with: 'alice' }),
  );
  const send = { do: 'send', to: 'alice', text: 'Hello' };
  expect(await answerTo(bob, send)).toMatchObject({ event: 'failure', code: 'list-changed' });
  expect(await contactsOf(bob)).toMatchObject([{ name: 'alice', held: 'rollback' }]);
  expect(await answerTo(bob, { do: 'acceptDevices', with: 'alice' })).toEqual({
    ...{ event: 'done', did: 'acceptDevices', with: 'alice' },
  });
  expect(await contactsOf(bob)).toMatchObject([{ name: 'alice', held: null }]);
  expect(await answerTo(bob, send)).toMatchObject({ event: 'queued' });
  await bringOnline(laptop);
  await until(() => texts(laptop).length > 0);
  expect(texts(laptop)).toEqual(['Hello']);
});

test('a person takes the device list that a restored relay shows, after a question', async () => {
  const { bob, laptop } = await withRestoredRelay(
    (relay) => startHere(options('bob', relay)),
    (client) => client.type('/accept alice\n'),
  );
  await typed(bob, '/to alice', 'bob to alice: ');
  await typed(bob, 'Hello', '/accept it, after asking them: /help shows how.');
  const isHeld = "  alice (a device list that doesn't match: ask alice about it, then /accept alice)\n";
  await typed(bob, '/contacts', isHeld);
  const question = 'Has alice told you that the list is right? [y/N] ';
  await typed(bob, '/accept', question);
  await typed(bob, '', 'Nothing changed.');
  await typed(bob, '/contacts', isHeld);
  await typed(bob, '/accept', question);
  await typed(bob, 'y', "alice's device list is accepted.");
  await typed(bob, '/contacts', '  alice (not verified)\n');
  bob.type('Hello\n');
  await bringOnline(laptop);
  await until(() => texts(laptop).length > 0);
  expect(texts(laptop)).toEqual(['Hello']);
});

/** A profile of alice's, and an older copy of it. */
async function copied(relay: TestRelay): Promise<{ bob: Person; copy: string }> {
  const bob = await arrive('bob', relay);
  const [profile, copy] = [temporaryFolder(), temporaryFolder()];
  const used = async (): Promise<void> => {
    const alice = inJson('alice', relay, profile);
    await heard(alice, { event: 'connection', state: 'online' });
    tell(alice, { do: 'quit' });
    expect(await alice.exit).toBe(0);
  };
  await used();
  cpSync(profile, copy, { recursive: true });
  await used();
  return { bob, copy };
}

test('an old copy of a profile goes on only when a script says so', async () => {
  const relay = await openRelay();
  const { bob, copy } = await copied(relay);
  const alice = inJson('alice', relay, copy);
  await heard(alice, { event: 'failure', code: 'profile-copied' });
  expect(alice.ended()).toBe(false);
  expect(events(alice)).not.toContainEqual({ event: 'connection', state: 'online' });
  expect(await answerTo(alice, { do: 'continueHere' })).toEqual({ event: 'done', did: 'continueHere' });
  await heard(alice, { event: 'connection', state: 'online' });
  expect(await answerTo(alice, { do: 'send', to: 'bob', text: 'Hello' })).toMatchObject({ event: 'queued' });
  await until(() => texts(bob).length > 0);
  expect(texts(bob)).toEqual(['Hello']);
});

test('an old copy of a profile goes on only when a person says so', async () => {
  const relay = await openRelay();
  const { bob, copy } = await copied(relay);
  const alice = startHere(options('alice', relay, copy));
  await printed(alice, 'To continue with this copy, type /continue.');
  expect(plain(alice)).not.toContain('-- online --');
  await typed(alice, '/continue', '-- online --');
  alice.type('/to bob\nHello\n');
  await until(() => texts(bob).length > 0);
  expect(texts(bob)).toEqual(['Hello']);
});
