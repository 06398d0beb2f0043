// No connection, two clients on one profile, a full disk, a relay set up anew: nothing is lost, and it is said.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { encodeInvite } from '../../protocol/links.ts';
import { type Event, spawnChat } from '../processes.ts';
import {
  arrive,
  bringOnline,
  nextOnline,
  openPerson,
  openRelay,
  temporaryFolder,
  stored,
  until,
} from '../harness.ts';

test('what is written offline waits in the outbox, across a restart, and leaves when the relay is back', async () => {
  let relay = await openRelay();
  const { port, data, invite } = relay;
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  await bob.startConversation('alice');
  await alice.send('bob', 'one');
  await until(async () => (await stored(bob, 'alice')).length === 1);
  await relay.close();
  await until(() =>
    alice.send('bob', 'two').then(
      () => true,
      () => false,
    ),
  );
  await expect(alice.send('carol', 'Hello')).rejects.toMatchObject({ code: 'offline' });
  expect(await alice.drained(50)).toBe(false);
  await alice.close();

  relay = await openRelay({ data, port });
  const back = await openPerson('alice', invite, { directory: alice.directory });
  await bringOnline(back);
  await until(async () => (await stored(bob, 'alice')).length === 2);
  expect((await stored(bob, 'alice')).map(({ text }) => text)).toEqual(['one', 'two']);
  await until(async () => (await stored(back, 'bob')).every(({ state }) => state === 'delivered'));
  expect(await back.drained(60_000)).toBe(true);
});

test('a full mailbox holds up what is for its owner, nothing else, and nothing is lost', async () => {
  const relay = await openRelay({ limits: { mailboxBytesPerSender: 3000 } });
  const [alice, bob, carol] = await Promise.all([
    arrive('alice', relay),
    arrive('bob', relay),
    arrive('carol', relay),
  ]);
  await bob.close();
  const failures: string[] = [];
  alice.on('failure', ({ code }) => failures.push(code));
  const texts = ['one', 'two', 'three', 'four', 'five'];
  for (const text of texts) await alice.send('bob', text);
  await until(() => failures.includes('mailbox-full'));
  await alice.send('carol', 'past the others');
  await until(async () => (await stored(carol, 'alice')).length === 1);
  expect((await stored(alice, 'bob')).map(({ state }) => state)).toEqual([
    ...['sent', 'sent', 'sent'],
    ...['pending', 'pending'],
  ]);

  const back = await openPerson('bob', relay.invite, { directory: bob.directory });
  await bringOnline(back);
  await until(async () => (await stored(back, 'alice')).length === 3);
  await alice.close();
  const again = await openPerson('alice', relay.invite, { directory: alice.directory });
  await bringOnline(again);
  await until(async () => (await stored(back, 'alice')).length === 5);
  expect((await stored(back, 'alice')).map(({ text }) => text)).toEqual(texts);
});

test('a relay that was set up anew with its key: everybody registers again by themselves, and writes on', async () => {
  const relay = await openRelay();
  const [alice, bob] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  await alice.send('bob', 'before');
  await until(async () => (await stored(bob, 'alice')).length === 1);
  await relay.close();
  for (const name of ['relay.sqlite', 'relay.sqlite-wal']) rmSync(join(relay.data, name), { force: true });
  // Whoever isn't back yet can't be written to.
  const back = Promise.all([nextOnline(alice), nextOnline(bob)]);
  await openRelay({ data: relay.data, port: relay.port });
  await back;
  await alice.send('bob', 'after');
  await until(async () => (await stored(bob, 'alice')).length === 2);
});

test('a name that somebody else has: said once, and no more attempts; another name, and it goes on', async () => {
  const relay = await openRelay();
  await arrive('alice', relay);
  const second = await openPerson('alice', relay.invite);
  const failure = new Promise((resolve) => second.on('failure', resolve));
  second.start();
  expect(await failure).toMatchObject({
    code: 'name-taken',
    message: expect.stringContaining('another') as string,
  });
  await second.close();
  const renamed = await openPerson('alicia', relay.invite, { directory: second.directory });
  await bringOnline(renamed);
  expect(renamed.fingerprint).toBe(second.fingerprint);
});

test('a profile that is open in one Signet is not opened by another', async () => {
  const relay = await openRelay();
  const alice = await arrive('alice', relay);
  await expect(openPerson('alice', relay.invite, { directory: alice.directory })).rejects.toMatchObject({
    code: 'folder-in-use',
  });
});

test('a profile of one name or relay is not taken for another', async () => {
  const relay = await openRelay();
  const other = await openRelay();
  const alice = await arrive('alice', relay);
  const { directory } = alice;
  await expect(alice.send('alice', 'to myself')).rejects.toMatchObject({ code: 'name-invalid' });
  await alice.close();
  await expect(openPerson('bob', relay.invite, { directory })).rejects.toMatchObject({
    code: 'profile-differs',
  });
  await expect(openPerson('alice', other.invite, { directory })).rejects.toMatchObject({
    code: 'profile-differs',
  });
  await expect(openPerson('Alice', relay.invite, { directory })).rejects.toMatchObject({
    code: 'name-invalid',
  });
  const moved = encodeInvite({ relays: [`localhost:${relay.port}`], relayKey: relay.key });
  await bringOnline(await openPerson('alice', moved, { directory }));
});

test('a relay that is another than in the invite is not spoken to', async () => {
  const relay = await openRelay();
  const invite = encodeInvite({ relays: [`127.0.0.1:${relay.port}`], relayKey: Buffer.alloc(32, 7) });
  const alice = await openPerson('alice', invite);
  const failure = new Promise((resolve) => alice.on('failure', resolve));
  alice.start();
  expect(await failure).toMatchObject({
    code: 'relay-key-differs',
    message: expect.stringContaining(relay.key.toString('base64url')) as string,
  });
});

test('of several addresses a dead one and one of something else do no harm', async () => {
  const relay = await openRelay();
  const other = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const relays = ['127.0.0.1:1', `127.0.0.1:${port}`, `localhost:${relay.port}`];
  const alice = await openPerson('alice', encodeInvite({ relays, relayKey: relay.key }));
  await bringOnline(alice);
  other.close();
  const lone = await openPerson('bob', encodeInvite({ relays: [`127.0.0.1:${port}`], relayKey: relay.key }));
  const failure = new Promise((resolve) => lone.on('failure', resolve));
  lone.start();
  expect(await failure).toMatchObject({ code: 'relay-unreachable' });
});

test('a clock that is a day off: the sentence names it', async () => {
  const relay = await openRelay();
  const alice = await openPerson('alice', relay.invite, { now: () => Date.now() + 24 * 60 * 60 * 1000 });
  const failure = new Promise((resolve) => alice.on('failure', resolve));
  alice.start();
  expect(await failure).toMatchObject({ code: 'clock-wrong' });
});

test('a full disk: a text is refused with a sentence, what comes in stays at the relay, and comes later', async () => {
  const relay = await openRelay();
  const alice = await arrive('alice', relay);
  const profile = temporaryFolder();
  // No file of this client may grow beyond 600 KiB: its writes fail for good, as on a full disk.
  const bob = spawnChat(profile, 'bob', relay.invite, { fileLimitKiB: 600 });
  await bob.wait(({ event, state }) => event === 'connection' && state === 'online');
  let written = 0;
  for (;;) {
    const isAnswer = ({ event }: Event): boolean => event === 'queued' || event === 'failure';
    const answer = await bob.ask(
      { do: 'send', to: 'alice', text: `${written} `.padEnd(30_000, 'x') },
      isAnswer,
    );
    if (answer.event === 'failure') {
      expect(answer).toMatchObject({
        code: 'disk-full',
        text: expect.stringContaining('Make room') as string,
      });
      break;
    }
    written++;
  }
  expect(written).toBeGreaterThan(0);
  await alice.send('bob', 'y'.repeat(30_000));
  const seen = bob.events.length;
  await bob.wait((event) => bob.events.indexOf(event) >= seen && event['code'] === 'disk-full');
  expect(await bob.kill('SIGTERM')).toBe(0);

  const back = await openPerson('bob', relay.invite, { directory: profile });
  await bringOnline(back);
  await until(async () => (await stored(back, 'alice')).filter(({ mine }) => !mine).length === 1);
  expect((await stored(back, 'alice')).filter(({ mine }) => mine)).toHaveLength(written);
  await until(async () => (await stored(alice, 'bob')).filter(({ mine }) => !mine).length === written);
});

test('a database that is none, or of a newer version, is left as it is', async () => {
  const relay = await openRelay();
  const damaged = temporaryFolder();
  writeFileSync(
    join(damaged, 'signet.sqlite'),
    'this is no database, but it is long enough to be looked at'.repeat(100),
  );
  await expect(openPerson('alice', relay.invite, { directory: damaged })).rejects.toMatchObject({
    code: 'database-damaged',
  });
  expect(readFileSync(join(damaged, 'signet.sqlite'), 'utf8')).toContain('this is no database');
  const newer = temporaryFolder();
  const database = new DatabaseSync(join(newer, 'signet.sqlite'));
  database.exec('PRAGMA user_version = 999');
  database.close();
  await expect(openPerson('alice', relay.invite, { directory: newer })).rejects.toMatchObject({
    code: 'database-newer',
  });
});
