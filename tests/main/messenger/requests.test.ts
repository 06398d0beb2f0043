// Strangers: what they write is a request, and nothing goes back before it is accepted. And relays that don't take everybody.
import { randomBytes } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { decodeInvite, encodeInvite } from '../../../protocol/links.ts';
import { sha256 } from '../../../protocol/key.ts';
import { arrive, bringOnline, openPerson, openRelay, reopen, stateOf, texts, until } from '../../harness.ts';

const soon = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

test('of a stranger 16 messages are kept; no receipt goes out until the request is accepted', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  for (let i = 0; i < 20; i++) await alice.send('bob', `number ${i}`);
  await until(() => bob.contacts()[0]?.dropped === 4);
  expect(texts(bob)).toEqual(Array.from({ length: 16 }, (_, i) => `number ${i}`));
  expect(bob.heard.every(({ isRequest }) => isRequest)).toBe(true);
  expect(bob.contacts()).toMatchObject([{ name: 'alice', status: 'request', verified: null }]);
  bob.markRead('alice');
  // Long enough for a receipt, of which there must be none.
  await soon(1000);
  expect(await stateOf(alice, 'bob', 'number 0')).toBe('sent');
  // Neither does a restart send one.
  const again = await reopen(bob);
  await bringOnline(again);
  await soon(1000);
  expect(await stateOf(alice, 'bob', 'number 0')).toBe('sent');
  again.trust.accept('alice');
  await until(async () => (await stateOf(alice, 'bob', 'number 15')) === 'read');
  expect(await stateOf(alice, 'bob', 'number 16')).toBe('sent');
  await alice.send('bob', 'now as a contact');
  await until(() => texts(again).includes('now as a contact'));
  expect(again.heard.at(-1)).toMatchObject({ isRequest: false });
});

test('a declined request is deleted; a later message is a new one', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  await alice.send('bob', 'buy my things');
  await until(() => texts(bob).length === 1);
  bob.trust.decline('alice');
  expect(await bob.history('alice', 10)).toEqual([]);
  await alice.send('bob', 'please');
  await until(() => texts(bob).length === 2);
  expect(bob.contacts()).toMatchObject([{ status: 'request' }]);
  expect((await bob.history('alice', 10)).map(({ text }) => text)).toEqual(['please']);
});

test('writing to a stranger accepts them; who is blocked is not heard, and hears nothing', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  await alice.send('bob', 'hello');
  await until(() => texts(bob).length === 1);
  await bob.send('alice', 'who are you?');
  await until(() => texts(alice).length === 1);
  expect(bob.contacts()).toMatchObject([{ status: 'accepted' }]);
  bob.trust.setBlocked('alice', true);
  await alice.send('bob', 'hear me');
  await until(async () => (await stateOf(alice, 'bob', 'hear me')) === 'sent');
  await until(() => alice.drained(5000));
  await soon(500);
  expect(texts(bob)).toEqual(['hello']);
  expect(await stateOf(alice, 'bob', 'hear me')).toBe('sent');
  bob.trust.setBlocked('alice', false);
  await alice.send('bob', 'and now?');
  await until(() => texts(bob).includes('and now?'));
  expect(bob.failures).toEqual([]);
});

test('a closed relay takes nobody new; one that asks for tokens takes whoever has one, once', async () => {
  const closed = await openRelay({ registration: 'closed' });
  const alice = await openPerson('alice', closed.invite);
  alice.start();
  await until(() => alice.trouble?.final);
  expect(alice.trouble!.failure.code).toBe('registration-closed');

  const relay = await openRelay({ registration: 'token' });
  const bob = await openPerson('bob', relay.invite);
  bob.start();
  await until(() => bob.trouble?.final);
  expect(bob.trouble!.failure.code).toBe('token-refused');

  const token = randomBytes(16);
  const database = new DatabaseSync(join(relay.data, 'relay.sqlite'));
  database
    .prepare('INSERT INTO tokens (hash, uses, expires) VALUES (?, 1, ?)')
    .run(sha256(token), Date.now() + 60_000);
  database.close();
  const invite = encodeInvite({ ...decodeInvite(relay.invite), token });
  const carol = await arrive('carol', { invite });
  expect(carol.registered).toBe(true);
  const dave = await openPerson('dave', invite);
  dave.start();
  await until(() => dave.trouble?.final);
  expect(dave.trouble!.failure.code).toBe('token-refused');
  // Who is registered needs none.
  const again = await reopen(carol);
  await bringOnline(again);
});
