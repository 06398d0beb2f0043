// A relay that lies: it has the true relay's key, passes everything on, and changes what a test tells it to.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { WebSocket, WebSocketServer } from 'ws';
import { decodeFrame, encodeFrame, type Frame } from '../protocol/frames.ts';
import { encodeInvite } from '../protocol/links.ts';
import { afterwards, type TestRelay } from './harness.ts';

/** A frame, or bytes that may be none. */
export type Said = Frame | Buffer;
export type Lies = {
  /** What a client gets instead of a frame of the relay: nothing, or several. */
  toClient?: (frame: Frame) => Said[];
  /** What the relay gets instead of a frame of a client. */
  toRelay?: (frame: Frame) => Said[];
};

export type LyingRelay = {
  invite: string;
  lies: Lies;
  /** Says something to every client, unasked. */
  say(said: Said): void;
  /** Cuts every client off. */
  cut(): void;
};

const bytesOf = (said: Said): Buffer => (Buffer.isBuffer(said) ? said : encodeFrame(said));

/** Stands before a true relay. The lies may be changed while it runs. */
export async function openLyingRelay(truth: TestRelay, lies: Lies = {}): Promise<LyingRelay> {
  const pem = readFileSync(join(truth.data, 'relay-tls.pem'), 'utf8');
  const server = createServer({ key: pem, cert: pem, minVersion: 'TLSv1.3' });
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  const relay = { lies };
  const changed = (bytes: Buffer, lie: ((frame: Frame) => Said[]) | undefined): Buffer[] => {
    // Both sides are ours, and know all frames of each other.
    const frame = decodeFrame(bytes) as Frame;
    return lie ? lie(frame).map(bytesOf) : [bytes];
  };

  sockets.on('connection', (client) => {
    const upstream = new WebSocket(`wss://127.0.0.1:${truth.port}/`, { rejectUnauthorized: false });
    const waiting: Buffer[] = [];
    const pass = (bytes: Buffer): void => {
      for (const said of changed(bytes, relay.lies.toRelay)) upstream.send(said);
    };
    client.on('message', (bytes: Buffer) => {
      if (upstream.readyState === WebSocket.OPEN) pass(bytes);
      else waiting.push(bytes);
    });
    upstream.on('open', () => waiting.forEach(pass));
    upstream.on('message', (bytes: Buffer) => {
      for (const said of changed(bytes, relay.lies.toClient)) client.send(said);
    });
    upstream.on('error', () => client.terminate());
    upstream.on('close', () => client.close());
    client.on('close', () => upstream.close());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const cut = (): void => sockets.clients.forEach((client) => client.terminate());
  afterwards(() => {
    cut();
    return new Promise((resolve) => server.close(resolve));
  });
  return Object.assign(relay, {
    invite: encodeInvite({ relays: [`127.0.0.1:${port}`], relayKey: truth.key }),
    say: (said: Said) => sockets.clients.forEach((client) => client.send(bytesOf(said))),
    cut,
  });
}
