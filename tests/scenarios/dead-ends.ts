// What else may answer, or not, where a relay is looked for: real sockets that lead nowhere.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { createServer as createTlsServer } from 'node:tls';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import { type Certificate, ownCertificate } from '../../relay/certificate.ts';
import { afterwards, temporaryFolder } from '../harness.ts';

export type DeadEnd = { address: string; certificate: Certificate };

const makers = {
  'a plain web server': () => createHttpServer((_request, response) => response.end('Hello')),
  'a server that says nothing': () => createServer(() => {}),
  'a server that hangs up': () => createServer((socket) => socket.resume().end()),
  'a server of TLS 1.2': ({ cert, key }) => createTlsServer({ cert, key, maxVersion: 'TLSv1.2' }),
  'a server of TLS that wants another protocol': ({ cert, key }) =>
    createTlsServer({ cert, key, ALPNProtocols: ['h2'] }),
  'a web server with TLS': ({ cert, key }) =>
    createHttpsServer({ cert, key }, (_request, response) => response.end('Hello')),
  'a server of TLS that says nothing': ({ cert, key }) => createTlsServer({ cert, key }),
  'a WebSocket server that says nothing': ({ cert, key }) => {
    const server = createHttpsServer({ cert, key });
    new WebSocketServer({ server });
    return server;
  },
  'a WebSocket server that hangs up': ({ cert, key }) => {
    const server = createHttpsServer({ cert, key });
    new WebSocketServer({ server }).on('connection', (socket) => socket.close());
    return server;
  },
  'a WebSocket server that chats': ({ cert, key }) => {
    const server = createHttpsServer({ cert, key });
    new WebSocketServer({ server }).on('connection', (socket) => socket.send('Hello'));
    return server;
  },
} satisfies Record<string, (certificate: Certificate) => Server>;

export type Kind = keyof typeof makers;

/** @param certificate one of its own if none is given */
export async function openDeadEnd(kind: Kind, certificate?: Certificate): Promise<DeadEnd> {
  const own = certificate ?? (await ownCertificate(temporaryFolder()));
  const server = makers[kind](own);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})));
  server.on('tlsClientError', () => {});
  afterwards(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, certificate: own };
}

/** A port that nothing listens on. */
export async function closedPort(): Promise<string> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return `127.0.0.1:${port}`;
}

/** An address whose packets are dropped, as by a firewall: a program that has stopped, and whose queue is full. */
export async function blackHole(): Promise<string> {
  const script =
    'const server = require("node:net").createServer();' +
    'server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => console.log(server.address().port));';
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  afterwards(() => child.kill('SIGKILL'));
  const [port] = (await once(createInterface(child.stdout), 'line')) as [string];
  child.kill('SIGSTOP');
  for (;;) {
    const socket = connect(Number(port), '127.0.0.1').on('error', () => {});
    afterwards(() => socket.destroy());
    const isQueued = await Promise.race([once(socket, 'connect').then(() => true), delay(500, false)]);
    if (!isQueued) return `127.0.0.1:${port}`;
  }
}
