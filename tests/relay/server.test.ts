// The relay as a whole: TLS, what a browser is told, how it ends, and what its log says.
import { once } from 'node:events';
import { type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { request } from 'node:https';
import { connect } from 'node:tls';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { encodeFrame } from '../../protocol/frames.ts';
import { sha256 } from '../../protocol/key.ts';
import { decodePrekey } from '../../protocol/prekey.ts';
import { startRelay } from '../../relay/server.ts';
import { afterwards, openRelay, temporaryFolder, until } from '../harness.ts';
import { device, envelope, prekey, RawClient } from './raw-client.ts';

const [alice, bob, mallory] = [device('alice'), device('bob'), device('mallory')];

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

test('who answers no ping is cut off, who does is not', async () => {
  // The interval alone is fake; the sockets are real.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  afterwards(() => vi.useRealTimers());
  const relay = await openRelay();
  const dead = new WebSocket(`wss://127.0.0.1:${relay.port}`, { rejectUnauthorized: false, autoPong: false });
  afterwards(() => dead.terminate());
  const closed = once(dead, 'close') as Promise<[number, Buffer]>;
  await once(dead, 'open');
  const living = await RawClient.signedIn(relay, alice);
  for (let i = 0; i < 2; i++) {
    const pinged = Promise.all([once(living.socket, 'ping'), i === 0 ? once(dead, 'ping') : undefined]);
    vi.advanceTimersByTime(20_000);
    await pinged;
    // Answered after the pong.
    await living.lookUp('nobody');
  }
  expect((await closed)[0]).toBe(1006);
  expect(await living.lookUp('alice')).toMatchObject({ type: 'bundle' });
});

test('a relay that closes says that it goes away', async () => {
  const relay = await openRelay();
  const client = await RawClient.signedIn(relay, alice);
  await relay.close();
  expect(await client.closed).toEqual({ code: 1001, reason: '' });
});

test('a relay closes though a peer holds its connection open', async () => {
  const relay = await openRelay();
  const idle = connect({ port: relay.port, host: '127.0.0.1', rejectUnauthorized: false });
  idle.on('error', () => {});
  await once(idle, 'secureConnect');
  const deaf = await RawClient.open(relay);
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
    message: `The relay cannot listen on 127.0.0.1, port ${port}: another program uses it. Choose another port.`,
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
  const own = prekey(alice);
  const [one, other] = [await RawClient.open(relay), await RawClient.signedIn(relay, bob)];
  expect(await one.signIn('register', alice, { prekey: own })).toMatchObject({ type: 'done' });
  const sent = envelope(alice, bob.address);
  await one.send(sent);
  expect(await one.send(envelope(mallory, bob.address))).toMatchObject({ code: 'envelope-refused' });
  await until(() => other.delivered.length > 0);
  const attacker = await RawClient.open(relay);
  await new RawClient(relay).closed;
  const frame = encodeFrame({ type: 'send', request: 1, envelope: sent });
  attacker.tell(Buffer.concat([frame, Buffer.alloc(1)]));
  await attacker.closed;
  await relay.close();

  for (const event of ['listening', 'registered', 'malformed', 'too many connections', 'closed']) {
    expect(text).toContain(event);
  }
  expect(text).toContain('127.0.0.0/24');
  expect(text).not.toContain('127.0.0.1');
  const secrets = [sent, sha256(sent), relay.key, own.bytes, decodePrekey(own.bytes).key].concat(
    [alice, bob].flatMap(({ identityKey, address }) => [identityKey, address.identity]),
  );
  for (const secret of secrets) {
    for (const encoding of ['base64', 'base64url', 'hex'] as const) {
      // The last characters of base64 depend on what follows.
      expect(text).not.toContain(secret.toString(encoding).slice(0, 20));
    }
  }
});
