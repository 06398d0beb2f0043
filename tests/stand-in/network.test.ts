// The app's own scheme, what else a page asks for, where it may go, and what it may use.
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { afterwards, until } from '../harness.ts';
import { launch } from './fixture.ts';
import type { Script } from './fixtures/main.ts';

const served: Script = ({ app, ipcMain }, { open, answer, print }) => {
  const policy = "default-src 'self'; script-src 'self' 'unsafe-eval'; connect-src *; img-src *";
  answer(async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    print('asked', request.method, request.url);
    if (pathname === '/fail') throw new Error('the handler fails');
    if (pathname === '/app.js')
      return new Response('window.ran = true', { headers: { 'content-type': 'text/javascript' } });
    if (pathname === '/post') {
      const body = await request.text();
      return Response.json(
        { body, referrer: request.headers.get('referer'), q: searchParams.get('q') },
        { status: 201, headers: { 'x-own': 'yes' } },
      );
    }
    const html = `<title>Served</title><script src="app.js"></script><script>window.inlined = true</script>
      <a href="https://evil.example/page">away</a><a href="other.html" id="other">other</a>`;
    return new Response(html, {
      headers: { 'content-type': 'text/html', 'content-security-policy': policy },
    });
  });
  ipcMain.handle('url', ({ sender }) => sender.getURL());
  void app.whenReady().then(() => {
    const { webContents } = open();
    webContents.on('will-frame-navigate', ({ url, isMainFrame }) =>
      print('will-frame-navigate', url, isMainFrame),
    );
    webContents.on('will-navigate', (event, url) => {
      print('will-navigate', event.url === url, url);
      if (!url.includes('other.html')) event.preventDefault();
    });
    webContents.setWindowOpenHandler(({ url, frameName }) => {
      print('open', url, frameName);
      return { action: 'deny' };
    });
    webContents.on('did-finish-load', () => print('loaded', webContents.getURL()));
  });
};

test("a scheme of the app's own: its requests, answers, headers, and a policy that holds", async () => {
  const app = await launch(served);
  const { page } = app;
  await page.waitForFunction('window.ran');
  expect(await page.evaluate('[typeof inlined, isSecureContext, !!crypto.subtle]')).toEqual([
    'undefined',
    true,
    true,
  ]);
  expect(
    await page.evaluate(`fetch('/post?q=1', { method: 'POST', body: 'text ✓' }).then(async (answer) =>
      [answer.status, answer.headers.get('x-own'), await answer.json()])`),
  ).toEqual([201, 'yes', { body: 'text ✓', referrer: 'app://fixture/index.html', q: '1' }]);
  expect(await page.evaluate(`fetch('/fail').catch(String)`)).toBe('TypeError: Failed to fetch');
  expect(app.log()).toContain('asked POST app://fixture/post?q=1');
  expect(app.log()).toContain('the handler fails');
  const { refusedRequests, windows } = await app.recorded();
  expect(refusedRequests).toEqual([]);
  expect(windows[0]).toMatchObject({ url: 'app://fixture/index.html', title: 'Served' });
});

test('everything else that a page asks for is refused and noted', async () => {
  let connections = 0;
  const server = createServer(() => connections++).listen(0, '127.0.0.1');
  afterwards(() => server.close());
  await until(() => server.listening);
  const { port } = server.address() as { port: number };
  const app = await launch(served);
  const local = `127.0.0.1:${port}`;
  expect(
    await app.page.evaluate(`Promise.all([
      ...['http://${local}/a', 'https://example.org/b', 'app2://x/c', 'file:///etc/passwd'].map((url) => fetch(url).catch(() => 'failed')),
      new Promise((resolve) => (new WebSocket('ws://${local}/socket').onerror = () => resolve('failed'))),
      new Promise((resolve) => Object.assign(new Image(), { src: 'http://${local}/image', onerror: () => resolve('failed') })),
    ])`),
  ).toEqual(Array(6).fill('failed'));
  expect((await app.recorded()).refusedRequests.sort()).toEqual([
    ...[`http://${local}/a`, `http://${local}/image`, 'https://example.org/b', `ws://${local}/socket`],
  ]);
  expect(connections).toBe(0);
});

test('will-navigate and the window-open handler decide where a page may go', async () => {
  const app = await launch(served);
  await app.page.click('text=away');
  await until(() => app.log().includes('will-navigate true https://evil.example/page'));
  expect(app.log()).toContain('will-frame-navigate https://evil.example/page true');
  await app.page.evaluate(`void window.open('https://evil.example/opened', 'named')`);
  await until(() => app.log().includes('open https://evil.example/opened named'));
  await until(() => app.pages().length === 1);
  expect((await app.recorded()).refusedRequests).toEqual([]);
  expect(await app.page.evaluate(`bridge.invoke('url')`)).toBe('app://fixture/index.html');
  await app.page.click('#other');
  await until(() => app.log().includes('loaded app://fixture/other.html'));
  expect(await app.page.evaluate(`bridge.invoke('url')`)).toBe('app://fixture/other.html');
  expect(app.log().match(/will-navigate/g)).toHaveLength(2); // none for what main itself loaded
});

test('a navigation that main lets pass goes nowhere else', async () => {
  const app = await launch(({ app }, { open }) => void app.whenReady().then(() => open()));
  await app.page.evaluate(`void (location.href = 'https://evil.example/')`);
  await until(async () => (await app.recorded()).refusedRequests.length === 1);
  expect(await app.page.evaluate('document.title')).toBe('Fixture');
});

test('what a page asks permission for reaches the handler', async () => {
  const app = await launch(({ app, session }, { open, print }) => {
    void app.whenReady().then(() => {
      const window = open();
      session.defaultSession.setPermissionRequestHandler(
        (contents, permission, callback, { requestingUrl }) => {
          print('may it', contents === window.webContents, permission, requestingUrl);
          callback(permission === 'notifications');
        },
      );
    });
  });
  expect(
    await app.page.evaluate(`(async () => [
      await Notification.requestPermission(),
      await navigator.mediaDevices.getUserMedia({ audio: true }).catch((error) => error.name),
      await new Promise((resolve) => navigator.geolocation.getCurrentPosition(resolve, (error) => resolve(error.code))),
    ])()`),
  ).toEqual(['granted', 'NotAllowedError', 1]);
  for (const permission of ['notifications', 'media', 'geolocation'])
    expect(app.log()).toContain(`may it true ${permission} app://fixture/index.html`);
  expect(await app.requestPermission('media')).toBe(false);
});

test('schemes are registered before the app is ready, handlers and windows made after', async () => {
  const app = await launch(
    async ({ app, protocol, session, BrowserWindow, Tray }, { print }) => {
      const attempt = (act: () => unknown): void => {
        try {
          act();
          print('it works');
        } catch (error) {
          print(error instanceof Error ? error.message : error);
        }
      };
      attempt(() => new BrowserWindow());
      attempt(() => new Tray(''));
      attempt(() => session.defaultSession);
      attempt(() => protocol.handle('app', () => new Response()));
      void app.whenReady().then(() => {
        attempt(() => protocol.registerSchemesAsPrivileged([]));
        attempt(() => protocol.handle('app', () => new Response()));
        attempt(() => protocol.handle('unknown', () => new Response()));
        app.quit();
      });
    },
    { window: false },
  );
  await app.exited;
  expect(app.log().trim().split('\n')).toEqual([
    'Cannot create BrowserWindow before app is ready',
    'Cannot create Tray before app is ready',
    'Session can only be received when app is ready',
    'Session can only be received when app is ready',
    'protocol.registerSchemesAsPrivileged should be called before app is ready',
    'Failed to register protocol: app',
    'The stand-in has no electron.protocol for unknown:',
  ]);
});
