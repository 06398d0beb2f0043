// A relay that lies: it has the true relay's key, passes everything on, and changes what a test tells it to.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { WebSocket, WebSocketServer } from 'ws';
import {
  type ClientFrame,
  encodeClientFrame,
  encodeRelayFrame,
  parseClientFrame,
  parseRelayFrame,
  type RelayFrame,
} from '../protocol/frames.ts';
import { encodeInvite } from '../protocol/invite.ts';
import { afterwards, type TestRelay } from './town.ts';

export type Lies = {
  /** What a client gets in place of a frame of the relay; nothing, several, or raw text. */
  toClient?: (frame: RelayFrame) => (RelayFrame | string)[];
  /** What the relay gets in place of a frame of a client. */
  toRelay?: (frame: ClientFrame) => ClientFrame[];
};

export type LyingRelay = {
  invite: string;
  lies: Lies;
  /** Says something to every client, unasked. */
  say(frame: RelayFrame | string): void;
  /** Cuts every client off. */
  cut(): void;
};

/** Stands before a true relay. The lies may be changed while it runs. */
export async function openLyingRelay(truth: TestRelay, lies: Lies = {}): Promise<LyingRelay> {
  const pem = readFileSync(join(truth.data, 'relay-tls.pem'), 'utf8');
  const server = createServer({ key: pem, cert: pem, minVersion: 'TLSv1.3' });
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  const relay = { lies };
  const say = (client: WebSocket, frame: RelayFrame | string): void =>
    client.send(typeof frame === 'string' ? frame : encodeRelayFrame(frame));

  sockets.on('connection', (client) => {
    const upstream = new WebSocket(`wss://127.0.0.1:${truth.port}/`, { rejectUnauthorized: false });
    const waiting: string[] = [];
    const pass = (text: string): void => {
      for (const frame of relay.lies.toRelay?.(parseClientFrame(text)) ?? [parseClientFrame(text)]) {
        upstream.send(encodeClientFrame(frame));
      }
    };
    client.on('message', (data: Buffer) => {
      if (upstream.readyState === WebSocket.OPEN) pass(data.toString());
      else waiting.push(data.toString());
    });
    upstream.on('open', () => waiting.forEach(pass));
    upstream.on('message', (data: Buffer) => {
      const frame = parseRelayFrame(data.toString());
      for (const said of relay.lies.toClient?.(frame) ?? [frame]) say(client, said);
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
    invite: encodeInvite({ relays: [`127.0.0.1:${port}`], key: truth.key }),
    say: (frame: RelayFrame | string) => sockets.clients.forEach((client) => say(client, frame)),
    cut,
  });
}
