// Who gets a connection, who keeps it, and how many names one address registers.
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { Relay } from '../../relay/server.ts';
import { afterwards, openRelay, until } from '../harness.ts';
import { device, RawClient } from './raw-client.ts';

const [alice, bob, mallory] = [device('alice'), device('bob'), device('mallory')];

test.for(['connectionsPerAddress', 'connections'])(
  'over %s, a connection is refused as busy',
  async (limit) => {
    const relay = await openRelay({ limits: { [limit]: 2 } });
    const [one, other] = [await RawClient.signedIn(relay, alice), await RawClient.signedIn(relay, bob)];
    const refused = new RawClient(relay);
    expect(await refused.closed).toEqual({ code: 1013, reason: 'busy' });
    expect(await one.lookUp('bob')).toMatchObject({ type: 'bundle' });
    other.socket.close();
    await other.closed;
    // The relay learns of the end a moment after.
    await until(async () => {
      const next = new RawClient(relay);
      const greeted = once(next.socket, 'open').then(() => next.hello());
      return Promise.race([greeted.catch(() => false), next.closed.then(() => false)]);
    });
  },
);

test('a connection without a sign-in ends, one with it stays', async () => {
  const relay = await openRelay({ limits: { signInTime: 1000 } });
  const member = await RawClient.signedIn(relay, alice);
  const stranger = await RawClient.open(relay);
  await stranger.hello();
  // The stranger came later: alice's time was up before.
  expect(await stranger.closed).toEqual({ code: 1008, reason: 'not-signed-in' });
  expect(await member.lookUp('alice')).toMatchObject({ type: 'bundle' });
});

/** A connection that has come through TLS, and says nothing. */
async function silent(relay: Relay): Promise<TLSSocket> {
  const socket = connect({ port: relay.port, host: '127.0.0.1', rejectUnauthorized: false });
  socket.on('error', () => {});
  afterwards(() => socket.destroy());
  await new Promise((resolve) => socket.on('secureConnect', resolve).on('close', resolve));
  return socket;
}

test('a connection that never says what it wants ends', async () => {
  const relay = await openRelay({ limits: { signInTime: 500 } });
  const member = await RawClient.signedIn(relay, alice);
  const [socket, asking] = [await silent(relay), await silent(relay)];
  asking.write('GET / HTTP/1.1\r\n');
  await Promise.all([once(socket, 'close'), once(asking, 'close')]);
  expect(await member.lookUp('alice')).toMatchObject({ type: 'bundle' });
});

test.for(['connectionsPerAddress', 'connections'])(
  'far over %s, a socket is cut off before TLS, and the log says so a few times',
  async (limit) => {
    let text = '';
    const log = pino({ level: 'warn' }, { write: (line: string) => (text += line) });
    const relay = await openRelay({ limits: { [limit]: 3 }, log, now: () => 0 });
    const held = [];
    for (let i = 0; i < 6; i++) held.push(await silent(relay));
    expect(held.filter((socket) => socket.destroyed)).toEqual([]);
    for (let i = 0; i < 20; i++) {
      const refused = await silent(relay);
      expect([refused.destroyed, refused.getProtocol()]).toEqual([true, null]);
    }
    const lines = text.match(/too many sockets, refusing/g);
    expect(lines).toHaveLength(10);
    expect(text).not.toContain('127.0.0.1');
    // Who leaves makes room.
    held[0]!.destroy();
    await until(async () => !(await silent(relay)).destroyed);
  },
);

test('one address registers so many names, and then some more with time', async () => {
  let now = Date.now();
  const limits = { registrationBurst: 1, registrationsPerMinute: 1 };
  const relay = await openRelay({ limits, now: () => now });
  const [one, other] = [await RawClient.open(relay), await RawClient.open(relay)];
  const register = (client: RawClient, who: typeof alice) => client.signIn('register', who, { time: now });
  expect(await register(one, alice)).toMatchObject({ type: 'done' });
  expect(await register(other, bob)).toMatchObject({ type: 'failure', code: 'busy' });
  // A name that is known costs nothing.
  expect(await register(await RawClient.open(relay), alice)).toMatchObject({ type: 'done' });
  now += 59_000;
  expect(await register(other, bob)).toMatchObject({ code: 'busy' });
  now += 1000;
  expect(await register(other, bob)).toMatchObject({ type: 'done' });
  expect(await register(await RawClient.open(relay), mallory)).toMatchObject({ code: 'busy' });
});
