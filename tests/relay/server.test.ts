// The relay as a whole: who gets a connection, who keeps it, and what the log tells.
import { once } from 'node:events';
import { type IncomingMessage } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { request } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { sha256 } from '../../protocol/envelope.ts';
import { networkOf } from '../../relay/office.ts';
import { type Relay, startRelay } from '../../relay/server.ts';
import { afterwards, openRelay, temporaryFolder, until } from '../town.ts';
import { alice, bob, letter, mallory, receptionSpkis, Wire } from './wire.ts';

test("the relay's key is that of its certificate", async () => {
  const relay = await openRelay();
  const socket = connect({ port: relay.port, host: '127.0.0.1', rejectUnauthorized: false });
  afterwards(() => socket.destroy());
  await once(socket, 'secureConnect');
  expect(socket.getProtocol()).toBe('TLSv1.3');
  const spki = socket.getPeerX509Certificate()!.publicKey.export({ type: 'spki', format: 'der' });
  expect(sha256(spki)).toEqual(relay.key);
});

test('TLS 1.2 is refused', async () => {
  const relay = await openRelay();
  const socket = connect({
    port: relay.port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    maxVersion: 'TLSv1.2',
  });
  afterwards(() => socket.destroy());
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
});

test('a browser is told what this is', async () => {
  const relay = await openRelay();
  const asking = request({ port: relay.port, host: '127.0.0.1', path: '/any', rejectUnauthorized: false });
  asking.end();
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  expect(response.statusCode).toBe(426);
  expect(response.headers.upgrade).toBe('websocket');
  expect((await response.toArray()).join('')).toContain('Signet relay');
});

test('the newer of two connections of a user replaces the older', async () => {
  const relay = await openRelay();
  const sender = await Wire.signedIn(relay, alice);
  const older = await Wire.signedIn(relay, bob);
  const newer = await Wire.signedIn(relay, bob);
  expect(await older.closed).toEqual({ code: 4001, reason: 'replaced' });
  // The older one's leaving doesn't take the newer one's place away.
  const { id, envelope } = letter(alice, bob);
  await sender.post(bob, envelope);
  await until(() => newer.delivered.length > 0);
  expect(newer.delivered[0]?.id).toBe(id.toString('hex'));
  expect(older.delivered).toEqual([]);
});

test.for(['connectionsPerAddress', 'connections'])(
  'over %s, a connection is refused as busy',
  async (limit) => {
    const relay = await openRelay({ limits: { [limit]: 2 } });
    const [one, other] = [await Wire.signedIn(relay, alice), await Wire.signedIn(relay, bob)];
    const refused = new Wire(relay);
    expect(await refused.closed).toEqual({ code: 1013, reason: 'busy' });
    expect(await one.ask({ type: 'lookup', user: 'bob' })).toMatchObject({ type: 'user' });
    other.socket.close();
    await other.closed;
    // The relay learns of the end a moment after.
    await until(async () => {
      const next = new Wire(relay);
      const opened = once(next.socket, 'open').then(() => next.challenge());
      return Promise.race([opened.catch(() => false), next.closed.then(() => false)]);
    });
  },
);

test('a connection without a sign-in ends, one with it stays', async () => {
  const relay = await openRelay({ limits: { signInTime: 1000 } });
  const member = await Wire.signedIn(relay, alice);
  const stranger = await Wire.open(relay);
  await stranger.challenge();
  // The stranger came later: alice's time was up before.
  expect(await stranger.closed).toEqual({ code: 1008, reason: 'not-signed-in' });
  expect(await member.ask({ type: 'lookup', user: 'alice' })).toMatchObject({ type: 'user' });
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
  const member = await Wire.signedIn(relay, alice);
  const [socket, asking] = [await silent(relay), await silent(relay)];
  asking.write('GET / HTTP/1.1\r\n');
  await Promise.all([once(socket, 'close'), once(asking, 'close')]);
  expect(await member.ask({ type: 'lookup', user: 'alice' })).toMatchObject({ type: 'user' });
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
  const [one, other] = [await Wire.open(relay), await Wire.open(relay)];
  expect(await one.signIn('register', alice)).toMatchObject({ type: 'done' });
  expect(await other.signIn('register', bob)).toMatchObject({ type: 'failure', code: 'busy' });
  // A name that is known costs nothing.
  expect(await (await Wire.open(relay)).signIn('register', alice)).toMatchObject({ type: 'done' });
  now += 59_000;
  expect(await other.signIn('register', bob)).toMatchObject({ code: 'busy' });
  now += 1000;
  expect(await other.signIn('register', bob)).toMatchObject({ type: 'done' });
  expect(await (await Wire.open(relay)).signIn('register', mallory)).toMatchObject({ code: 'busy' });
});

test('who answers no ping is cut off, who does is not', async () => {
  // The interval alone is fake; the sockets are real.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  afterwards(() => vi.useRealTimers());
  const relay = await openRelay();
  const dead = await Wire.open(relay, { autoPong: false });
  const living = await Wire.signedIn(relay, alice);
  for (let i = 0; i < 2; i++) {
    const pinged = Promise.all([
      once(living.socket, 'ping'),
      i === 0 ? once(dead.socket, 'ping') : undefined,
    ]);
    vi.advanceTimersByTime(20_000);
    await pinged;
    await living.settle();
  }
  expect((await dead.closed).code).toBe(1006);
  expect(await living.ask({ type: 'lookup', user: 'alice' })).toMatchObject({ type: 'user' });
});

test('a relay that closes says that it goes away', async () => {
  const relay = await openRelay();
  const wire = await Wire.signedIn(relay, alice);
  await relay.close();
  expect(await wire.closed).toEqual({ code: 1001, reason: '' });
});

test('a relay closes though a peer holds its connection open', async () => {
  const relay = await openRelay();
  const idle = connect({ port: relay.port, host: '127.0.0.1', rejectUnauthorized: false });
  idle.on('error', () => {});
  await once(idle, 'secureConnect');
  const deaf = await Wire.open(relay);
  deaf.socket.pause();
  await relay.close();
  idle.destroy();
});

test('a port in use is told, and the folder is free again', async () => {
  const squatter = createServer().listen(0, '127.0.0.1');
  afterwards(() => squatter.close());
  await once(squatter, 'listening');
  const { port } = squatter.address() as AddressInfo;
  const data = temporaryFolder();
  const log = pino({ level: 'silent' });
  await expect(startRelay({ data, port, host: '127.0.0.1', log })).rejects.toMatchObject({
    code: 'port-unusable',
    message: expect.stringContaining('another program uses it') as string,
  });
  const relay = await openRelay({ data });
  expect(relay.port).toBeGreaterThan(0);
});

test('an address that is not of this computer is told', async () => {
  // From the block for documentation (RFC 5737): nobody has it.
  const options = { data: temporaryFolder(), port: 0, host: '192.0.2.1', log: pino({ level: 'silent' }) };
  await expect(startRelay(options)).rejects.toMatchObject({
    code: 'port-unusable',
    message: expect.stringContaining('--host') as string,
  });
});

test('the log holds no envelope, no key and no full address', async () => {
  let text = '';
  const log = pino({ level: 'debug' }, { write: (line: string) => (text += line) });
  const relay = await openRelay({ log, limits: { connectionsPerAddress: 3 } });
  const [one, other] = [await Wire.signedIn(relay, alice), await Wire.signedIn(relay, bob)];
  const { id, envelope } = letter(alice, bob);
  await one.post(bob, envelope);
  await one.post(bob, letter(mallory, bob).envelope);
  await until(() => other.delivered.length > 0);
  const attacker = await Wire.open(relay);
  await new Wire(relay).closed;
  attacker.tell({ type: 'send', id: 1, to: 'bob', envelope, extra: true });
  await attacker.closed;
  await relay.close();

  for (const event of ['listening', 'registered', 'malformed', 'too many connections', 'closed']) {
    expect(text).toContain(event);
  }
  expect(text).toContain('127.0.0.0/24');
  expect(text).not.toContain('127.0.0.1');
  const secrets = [envelope, id, relay.key, receptionSpkis[0]].concat(
    [alice, bob].flatMap(({ identity: { publicKey } }) => [publicKey.spki, publicKey.fingerprint]),
  );
  for (const secret of secrets) {
    for (const encoding of ['base64', 'base64url', 'hex'] as const) {
      // The last characters of base64 depend on what follows.
      expect(text).not.toContain(secret.toString(encoding).slice(0, 20));
    }
  }
});

test.for([
  ['203.0.113.77', '203.0.113.0/24'],
  ['::ffff:203.0.113.77', '203.0.113.0/24'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
  ['2001:db8:1::7', '2001:db8:1::/48'],
  ['2001:db8::7', '2001:db8::/48'],
  ['::1', '::/48'],
])('of %s, the log tells %s', ([address, network]) => {
  expect(networkOf(address!)).toBe(network);
});
