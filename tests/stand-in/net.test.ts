// Requests of main's own: in a session, refused by it, redirected or not, aborted, and failed by Chromium's names.
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { afterwards, until } from '../harness.ts';
import { launch } from './fixture.ts';
import type { Script } from './fixtures/main.ts';

const asking: Script = ({ app, net, session }, { open, print }) => {
  void app.whenReady().then(() => {
    open();
    const partition = session.fromPartition('asking', { cache: false });
    print('same', session.fromPartition('asking') === partition);
    partition.webRequest.onBeforeRequest(({ url }, answer) => answer({ cancel: url.includes('forbidden') }));
    const to = process.env['FIXTURE_SERVER']!;
    const ask = (path: string, redirect: 'follow' | 'manual', act?: 'abort' | 'followRedirect'): void => {
      const request = net.request({ url: to + path, session: partition, redirect });
      const tell = (...told: unknown[]): void => print(path, redirect, ...told);
      request.on('redirect', (status, method, url) => {
        tell('redirect', status, method, url.replace(to, ''));
        if (act) request[act]();
      });
      request.on('response', (response) => {
        response.on('data', (data) => tell('data', response.statusCode, String(data)));
      });
      request.on('error', ({ message }) => tell('error', message));
      request.on('abort', () => tell('abort'));
      request.on('close', () => tell('close'));
      request.end();
    };
    ask('/plain', 'follow');
    ask('/forbidden', 'follow');
    ask('/moved', 'follow');
    ask('/moved?left', 'manual');
    ask('/moved?led', 'manual', 'followRedirect');
    ask('/moved?stopped', 'manual', 'abort');
    ask('/moved-away', 'follow');
    ask('/cut', 'follow');
    try {
      net.request({ url: to });
    } catch (error) {
      print('thrown', String(error));
    }
  });
};

test('main asks a server by itself', async () => {
  const asked: string[] = [];
  const answer: RequestListener = ({ url = '', socket }, response) => {
    asked.push(url);
    if (url === '/cut') return void socket.destroy();
    const location = url.startsWith('/moved-') ? '/forbidden' : '/plain';
    if (url.startsWith('/moved')) return void response.writeHead(302, { location }).end();
    response.end('here');
  };
  const server = createServer(answer);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
  afterwards(() => server.close());
  const { port } = server.address() as AddressInfo;
  const app = await launch(asking, { env: { FIXTURE_SERVER: `http://127.0.0.1:${port}` } });
  const told = (path: string): string[] =>
    app.log().match(new RegExp(`^${path.replace('?', '[?]')} .*`, 'gm')) ?? [];
  await until(() => (app.log().match(/ close$/gm) ?? []).length === 8);
  const of = (path: string): string[] => told(path).map((line) => line.slice(path.length + 1));
  expect(app.log()).toContain('same true');
  expect(app.log()).toContain('The stand-in has no electron.net.request without a session');
  expect(of('/plain')).toEqual(['follow data 200 here', 'follow close']);
  expect(of('/forbidden')).toEqual(['follow error net::ERR_BLOCKED_BY_CLIENT', 'follow close']);
  const moved = 'redirect 302 GET /plain';
  expect(of('/moved')).toEqual([`follow ${moved}`, 'follow data 200 here', 'follow close']);
  expect(of('/moved?left')).toEqual([
    `manual ${moved}`,
    'manual error Redirect was cancelled',
    'manual close',
  ]);
  expect(of('/moved?led')).toEqual([`manual ${moved}`, 'manual data 200 here', 'manual close']);
  expect(of('/moved?stopped')).toEqual([`manual ${moved}`, 'manual abort', 'manual close']);
  expect(of('/moved-away')).toEqual([
    'follow redirect 302 GET /forbidden',
    'follow error net::ERR_BLOCKED_BY_CLIENT',
    'follow close',
  ]);
  expect(of('/cut')).toEqual(['follow error net::ERR_CONNECTION_RESET', 'follow close']);
  expect(asked).not.toContain('/forbidden');
});
