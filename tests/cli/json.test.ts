// The console client's JSON face: what a script tells it, and what it is told.
import { expect, test } from 'vitest';
import { arrive, openPerson, openRelay, temporaryFolder, texts, type TestRelay, until } from '../harness.ts';
import { type Client, events, heard, startHere, tell } from './clients.ts';
import { withAnotherBob } from './another-bob.ts';

const start = (name: string, { invite }: TestRelay, profile = temporaryFolder()): Client =>
  startHere(['--json', '--profile', profile, '--name', name, '--invite', invite]);

const statesOf = (client: Client, id: unknown): unknown[] =>
  events(client)
    .filter((event) => event.event === 'state' && event['id'] === id)
    .map(({ state }) => state);

test('a text may hold the two characters at which some readers of lines would end one', async () => {
  const relay = await openRelay();
  const [alice, bob] = [start('alice', relay), start('bob', relay)];
  await Promise.all([alice, bob].map((client) => heard(client, { event: 'connection', state: 'online' })));
  const text = 'one\u2028two\u2029three';
  tell(alice, { do: 'send', to: 'bob', text });
  await heard(bob, { event: 'message', text });
  expect(bob.output()).toContain('one\\u2028two\\u2029three');
});

test('a script that begins with a message to somebody new, and ends there, has sent it', async () => {
  const relay = await openRelay();
  const bob = start('bob', relay);
  await heard(bob, { event: 'connection', state: 'online' });
  const alice = start('alice', relay);
  for (const text of ['one', 'two']) tell(alice, { do: 'send', to: 'bob', text });
  tell(alice, { do: 'verify', with: 'bob' });
  alice.end();
  expect(await alice.exit).toBe(0);
  await heard(bob, { event: 'message', text: 'two' });
  const texts = events(bob).filter(({ event }) => event === 'message');
  expect(texts.map(({ text }) => text)).toEqual(['one', 'two']);
  expect(events(alice).filter(({ event }) => event === 'failure')).toEqual([]);
  expect(events(alice).filter(({ event }) => event === 'safetyNumber')).toHaveLength(1);
});

test('without a relay it is told at once that nobody new can be written to', async () => {
  const relay = await openRelay();
  await relay.close();
  const alice = start('alice', relay);
  await heard(alice, { event: 'connection', state: 'connecting' });
  tell(alice, { do: 'send', to: 'bob', text: 'Hello' });
  expect(await heard(alice, { event: 'failure', code: 'offline' })).toMatchObject({
    text: 'There is no connection to the relay.',
  });
});

test('two scripts chat, and each is told what it asked for', async () => {
  const relay = await openRelay();
  const [alice, bob] = [start('alice', relay), start('bob', relay)];
  await Promise.all([alice, bob].map((client) => heard(client, { event: 'connection', state: 'online' })));
  expect(events(alice).filter(({ event }) => event !== 'progress')).toEqual([
    { event: 'connection', state: 'connecting' },
    { event: 'ready', name: 'alice', fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    { event: 'connection', state: 'online' },
  ]);
  expect(events(alice).filter(({ event }) => event === 'progress')).toEqual(
    [0, 1, 2, 3, 4].map((step) => ({ event: 'progress', step, of: 4 })),
  );

  tell(alice, { do: 'send', to: 'bob', text: 'Grüße 👋🏽\n"und" Küsse', ref: 'first' });
  const queued = await heard(alice, { event: 'queued' });
  const { id } = queued;
  expect(queued).toEqual({
    event: 'queued',
    id: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    ref: 'first',
  });
  const message = await heard(bob, { event: 'message' });
  expect(message).toEqual({
    event: 'message',
    id,
    from: 'alice',
    text: 'Grüße 👋🏽\n"und" Küsse',
    timestamp: expect.any(Number) as number,
    request: true,
  });
  tell(bob, { do: 'acceptRequest', with: 'alice' });
  await heard(alice, { event: 'state', id, state: 'delivered' });
  tell(bob, { do: 'read', with: 'alice' });
  expect(await heard(alice, { event: 'state', id, state: 'read' })).toEqual({
    event: 'state',
    id,
    to: 'bob',
    state: 'read',
  });
  expect(statesOf(alice, id)).toEqual(['pending', 'sent', 'delivered', 'read']);
  const told = events(alice).map(({ event }) => event);
  expect(told.indexOf('queued')).toBeLessThan(told.indexOf('state'));

  tell(bob, { do: 'send', to: 'alice', text: 'two', ref: 2 });
  await heard(bob, { event: 'queued', ref: 2 });
  await heard(alice, { event: 'message', text: 'two' });
  tell(alice, { do: 'history', with: 'bob', limit: 1 });
  const answer = { from: 'bob', text: 'two', state: 'unread' };
  expect(await heard(alice, { event: 'history' })).toMatchObject({ with: 'bob', messages: [answer] });
  tell(bob, { do: 'history', with: 'alice' });
  const { timestamp } = message;
  expect((await heard(bob, { event: 'history' }))['messages']).toEqual([
    { id, from: 'alice', text: 'Grüße 👋🏽\n"und" Küsse', timestamp, state: 'read' },
    expect.objectContaining({ from: 'bob', text: 'two' }),
  ]);

  tell(alice, { do: 'verify', with: 'bob' });
  tell(bob, { do: 'verify', with: 'alice' });
  const { digits } = await heard(alice, { event: 'safetyNumber' });
  expect(digits).toMatch(/^\d{60}$/);
  expect(await heard(bob, { event: 'safetyNumber' })).toEqual({
    event: 'safetyNumber',
    with: 'alice',
    digits,
  });
  tell(alice, { do: 'contacts' });
  const { fingerprint } = await heard(bob, { event: 'ready' });
  expect(await heard(alice, { event: 'contacts' })).toEqual({
    event: 'contacts',
    contacts: [{ name: 'bob', fingerprint, status: 'accepted', verified: null, offered: null, held: null }],
  });

  tell(alice, { do: 'quit' });
  tell(bob, { do: 'quit' });
  expect(await Promise.all([alice.exit, bob.exit])).toEqual([0, 0]);
  expect(alice.errors() + bob.errors()).toBe('');
});

test('what cannot be done is answered with a failure, and the next line is obeyed', async () => {
  const alice = start('alice', await openRelay());
  await heard(alice, { event: 'connection', state: 'online' });
  alice.type('hello\n\n   \n');
  expect(await heard(alice, { event: 'failure' })).toMatchObject({ code: 'command-invalid' });
  // 3 bytes each: 32,769 in all, one too many.
  tell(alice, { do: 'send', to: 'bob', text: '€'.repeat(10_923), ref: 'long' });
  const long = await heard(alice, { event: 'failure', ref: 'long' });
  expect(long).toMatchObject({
    code: 'text-too-long',
    text: expect.stringMatching(/32769.*32768/) as string,
  });
  for (const [to, text, code] of [
    ['bob', '', 'text-empty'],
    ['nobody', 'x', 'unknown-user'],
    ['alice', 'x', 'name-invalid'],
  ]) {
    tell(alice, { do: 'send', to, text, ref: `${to} ${text}` });
    expect(await heard(alice, { event: 'failure', ref: `${to} ${text}` })).toEqual({
      event: 'failure',
      code,
      text: expect.stringMatching(/\.$/) as string,
      ref: `${to} ${text}`,
    });
  }
  const failures = (): unknown[] => events(alice).filter(({ event }) => event === 'failure');
  tell(alice, { do: 'verify', with: 'nobody' });
  // The sixth: an earlier command has failed with the same code.
  await until(() => failures().length === 6);
  expect(failures().at(-1)).toMatchObject({ code: 'unknown-user' });
  for (const what of ['history', 'read', 'acceptRequest', 'decline', 'block', 'acceptDevices']) {
    tell(alice, { do: what, with: 'nobody', ref: what });
    expect(await heard(alice, { event: 'failure', ref: what })).toMatchObject({
      code: 'command-invalid',
      text: 'There is no conversation with nobody.',
    });
  }
  expect(events(alice).some(({ event }) => event === 'queued')).toBe(false);
});

test('commands that were given before the end of input are carried out', async () => {
  const relay = await openRelay();
  const bob = await arrive('bob', relay);
  const texts: string[] = [];
  bob.on('message', ({ text }) => texts.push(text));
  const alice = start('alice', relay);
  await heard(alice, { event: 'connection', state: 'online' });
  for (const text of ['one', 'two', 'three']) tell(alice, { do: 'send', to: 'bob', text });
  alice.end();
  expect(await alice.exit).toBe(0);
  expect(events(alice).filter(({ state }) => state === 'sent')).toHaveLength(3);
  await until(() => texts.length === 3);
  expect(texts).toEqual(['one', 'two', 'three']);
});

test('a lost relay shows, and the end of input waits until the outbox has left for it', async () => {
  const relay = await openRelay();
  const bob = await arrive('bob', relay);
  const alice = start('alice', relay);
  await heard(alice, { event: 'connection', state: 'online' });
  await bob.startConversation('alice');
  // Offline one can only write to whom one knows.
  tell(alice, { do: 'send', to: 'bob', text: 'known' });
  await heard(alice, { event: 'state', state: 'delivered' });
  await relay.close();
  await heard(alice, { event: 'connection', state: 'offline' });
  tell(alice, { do: 'send', to: 'bob', text: 'later', ref: 'later' });
  const { id } = await heard(alice, { event: 'queued', ref: 'later' });
  alice.end();
  await openRelay({ data: relay.data, port: relay.port });
  expect(await alice.exit).toBe(0);
  expect(statesOf(alice, id).slice(0, 2)).toEqual(['pending', 'sent']);
  const connection = events(alice).flatMap(({ event, state }) => (event === 'connection' ? [state] : []));
  expect(connection.slice(0, 3)).toEqual(['connecting', 'online', 'offline']);
  expect(connection).toContain('online');
});

test('the end of input waits 10 s for a relay that stays away, and the next start sends what is left', async () => {
  const relay = await openRelay();
  const bob = await arrive('bob', relay);
  const profile = temporaryFolder();
  const alice = start('alice', relay, profile);
  await heard(alice, { event: 'connection', state: 'online' });
  await bob.startConversation('alice');
  tell(alice, { do: 'send', to: 'bob', text: 'known' });
  await heard(alice, { event: 'state', state: 'delivered' });
  await bob.close();
  await relay.close();
  await heard(alice, { event: 'connection', state: 'offline' });
  tell(alice, { do: 'send', to: 'bob', text: 'left', ref: 'left' });
  const { id } = await heard(alice, { event: 'queued', ref: 'left' });
  const before = performance.now();
  alice.end();
  expect(await alice.exit).toBe(0);
  expect(performance.now() - before).toBeGreaterThanOrEqual(9990);
  expect(statesOf(alice, id)).toEqual(['pending']);

  await openRelay({ data: relay.data, port: relay.port });
  const back = await openPerson('bob', relay.invite, { directory: bob.directory });
  back.start();
  const again = startHere(['--json', '--profile', profile]);
  expect(await heard(again, { event: 'ready' })).toEqual(await heard(alice, { event: 'ready' }));
  await heard(again, { event: 'state', id, state: 'delivered' });
  again.end();
  expect(await again.exit).toBe(0);
  expect(await back.history('alice', 10)).toMatchObject([{ text: 'known' }, { text: 'left' }]);
});

test('a script verifies a contact by the number that the contact sees, and makes an invite', async () => {
  const relay = await openRelay();
  const [alice, bob] = [start('alice', relay), start('bob', relay)];
  await Promise.all([alice, bob].map((client) => heard(client, { event: 'connection', state: 'online' })));
  tell(bob, { do: 'verify', with: 'alice' });
  const { digits } = await heard(bob, { event: 'safetyNumber' });
  const other = String(digits).replace(/^./, (digit) => `${(Number(digit) + 1) % 10}`);
  tell(alice, { do: 'verify', with: 'bob', compared: other, ref: 'other' });
  expect(await heard(alice, { event: 'failure', ref: 'other' })).toMatchObject({ code: 'command-invalid' });
  tell(alice, { do: 'contacts' });
  expect(await heard(alice, { event: 'contacts' })).toMatchObject({
    contacts: [{ name: 'bob', verified: null }],
  });
  tell(alice, {
    do: 'verify',
    with: 'bob',
    compared: `${String(digits).slice(0, 5)} ${String(digits).slice(5)}`,
    ref: 'same',
  });
  await heard(alice, { event: 'safetyNumber', ref: 'same' });
  tell(alice, { do: 'contacts' });
  await until(() => events(alice).filter(({ event }) => event === 'contacts').length === 2);
  expect(events(alice).findLast(({ event }) => event === 'contacts')).toMatchObject({
    contacts: [{ name: 'bob', verified: 'compared' }],
  });

  tell(alice, { do: 'invite', ref: 'invite' });
  const { invite } = await heard(alice, { event: 'invite', ref: 'invite' });
  const carol = start('carol', { ...relay, invite: String(invite) });
  await heard(carol, { event: 'connection', state: 'online' });
  tell(carol, { do: 'contacts' });
  expect(await heard(carol, { event: 'contacts' })).toMatchObject({
    contacts: [{ name: 'alice', verified: 'invite' }],
  });
});

/** Waits for the new connection that a decision brings: on it the relay delivers what was held back. */
const onlineTimes = async (client: Client, times: number): Promise<void> =>
  until(() => {
    const states = events(client).filter(({ event }) => event === 'connection');
    return states.filter(({ state }) => state === 'online').length === times;
  });

test('a script decides about another identity, by its fingerprint', async () => {
  const { alice, other, fingerprint, known } = await withAnotherBob(
    (relay) => start('alice', relay),
    (client) => tell(client, { do: 'acceptRequest', with: 'bob' }),
  );
  tell(alice, { do: 'send', to: 'bob', text: 'Hello', ref: 1 });
  expect(await heard(alice, { event: 'failure', ref: 1 })).toMatchObject({ code: 'identity-changed' });
  tell(alice, { do: 'contacts' });
  expect(await heard(alice, { event: 'contacts' })).toMatchObject({
    contacts: [{ name: 'bob', fingerprint: known, offered: fingerprint }],
  });
  tell(alice, { do: 'accept', with: 'bob', identity: known, ref: 2 });
  expect(await heard(alice, { event: 'failure', ref: 2 })).toMatchObject({ code: 'command-invalid' });
  tell(alice, { do: 'refuse', with: 'bob', identity: fingerprint, ref: 3 });
  expect(await heard(alice, { event: 'decided', ref: 3 })).toMatchObject({ with: 'bob', accepted: false });
  await onlineTimes(alice, 3);
  tell(alice, { do: 'refuse', with: 'bob', identity: fingerprint, ref: 4 });
  expect(await heard(alice, { event: 'failure', ref: 4 })).toMatchObject({ code: 'command-invalid' });
  // Nothing is sealed for the other one, and the refusal can be taken back.
  tell(alice, { do: 'send', to: 'bob', text: 'Hello', ref: 5 });
  expect(await heard(alice, { event: 'failure', ref: 5 })).toMatchObject({ code: 'identity-changed' });
  tell(alice, { do: 'accept', with: 'bob', identity: fingerprint, ref: 6 });
  expect(await heard(alice, { event: 'decided', ref: 6 })).toMatchObject({
    accepted: true,
    identity: fingerprint,
  });
  await onlineTimes(alice, 4);
  tell(alice, { do: 'send', to: 'bob', text: 'Hello', ref: 7 });
  await heard(alice, { event: 'queued', ref: 7 });
  await until(() => texts(other).length > 0);
  expect(texts(other)).toEqual(['Hello']);
});
