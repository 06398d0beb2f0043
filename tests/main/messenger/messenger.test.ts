// What a messenger says of itself: whether it is known to the relay, how it is connected, and why not.
import { expect, test } from 'vitest';
import type { Messenger } from '../../../main/messenger/messenger.ts';
import { encodeInvite } from '../../../protocol/invite.ts';
import { openLyingRelay } from '../../lying-relay.ts';
import { arrive, bringOnline, nextOnline, openPerson, openRelay, until } from '../../town.ts';

const status = ({ registered, state, trouble }: Messenger): unknown => ({ registered, state, trouble });

/** Starts it, and waits for the first attempt to fail. */
async function tryInVain(messenger: Messenger): Promise<void> {
  const failed = new Promise((resolve) => messenger.once('failure', resolve));
  messenger.start();
  await failed;
  await until(() => messenger.state === 'offline');
}

test('a new profile is not registered before the relay has answered, and from then on it is', async () => {
  const relay = await openRelay();
  const alice = await openPerson('alice', relay.invite);
  expect(status(alice)).toMatchObject({ registered: false, state: 'offline', trouble: undefined });
  expect(alice.relay).toEqual({ addresses: [`127.0.0.1:${relay.port}`], key: relay.key.toString('hex') });
  const states: string[] = [];
  alice.on('connection', (state) => states.push(state));
  let ready = 0;
  alice.on('ready', () => (ready += alice.registered ? 1 : 100));
  await bringOnline(alice);
  expect(status(alice)).toMatchObject({ registered: true, state: 'online', trouble: undefined });
  let closed = 0;
  alice.on('closed', () => (closed += alice.conversations.list().length + 1));
  await alice.close();
  await alice.close();
  expect([ready, closed, states]).toEqual([1, 1, ['connecting', 'online', 'offline']]);

  const back = await openPerson('alice', relay.invite, { directory: alice.directory });
  expect(status(back)).toMatchObject({ registered: true, state: 'offline' });
});

test('a relay that is not there is a passing trouble, also when it was there for a moment', async () => {
  let relay = await openRelay();
  const { port, data, invite } = relay;
  await relay.close();
  const alice = await openPerson('alice', invite);
  await tryInVain(alice);
  const unreachable = { failure: { code: 'relay-unreachable' }, final: false };
  expect(status(alice)).toMatchObject({ registered: false, trouble: unreachable });
  alice.reconnect();
  expect(alice.state).toBe('connecting');
  for (const time of ['first', 'second']) {
    relay = await openRelay({ port, data });
    // Not by waiting until it is due: that may take half a minute.
    await until(() => (alice.reconnect(), alice.state === 'online'));
    expect(alice.trouble, time).toBeUndefined();
    await relay.close();
    await until(() => alice.trouble);
    expect(alice.trouble, time).toMatchObject(unreachable);
  }
});

test('another key than the one of the invite is told', async () => {
  const relay = await openRelay();
  const invite = encodeInvite({ relays: [`127.0.0.1:${relay.port}`], key: Buffer.alloc(32, 7) });
  const alice = await openPerson('alice', invite);
  await tryInVain(alice);
  expect(status(alice)).toMatchObject({
    registered: false,
    trouble: { failure: { code: 'relay-key-differs' }, final: false },
  });
});

test('a name that somebody else has ends all attempts', async () => {
  const relay = await openRelay();
  await arrive('alice', relay);
  const other = await openPerson('alice', relay.invite);
  await tryInVain(other);
  expect(status(other)).toMatchObject({
    registered: false,
    trouble: { failure: { code: 'name-taken' }, final: true },
  });
  other.reconnect();
  expect(other.state).toBe('offline');
});

test('a clock that was set back to before the newest key was made keeps the profile closed', async () => {
  const relay = await openRelay();
  const alice = await arrive('alice', relay);
  const { directory } = alice;
  await alice.close();
  const now = (): number => Date.now() - 24 * 60 * 60 * 1000;
  await expect(openPerson('alice', relay.invite, { directory, now })).rejects.toMatchObject({
    code: 'clock-wrong',
  });
  expect((await openPerson('alice', relay.invite, { directory })).fingerprint).toBe(alice.fingerprint);
});

test('what a relay says while one is signed in is no reason for having no connection', async () => {
  const truth = await openRelay();
  const relay = await openLyingRelay(truth);
  const alice = await openPerson('alice', relay.invite);
  await bringOnline(alice);
  const told = new Promise((resolve) => alice.once('failure', resolve));
  relay.say({ type: 'failure', code: 'name-taken', detail: '' });
  expect(await told).toMatchObject({ code: 'name-taken' });
  expect(status(alice)).toMatchObject({ state: 'online', trouble: undefined });
  const troubles: unknown[] = [];
  alice.on('connection', () => troubles.push(alice.trouble));
  const online = nextOnline(alice);
  relay.cut();
  await online;
  expect(troubles).toEqual([undefined, undefined, undefined]);
});
