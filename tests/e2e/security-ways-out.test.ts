// The ways out of the window, tried by a script in it: going elsewhere, opening windows, asking for permissions, and
// reading files through the page's own scheme.
import { expect, test } from 'vitest';
import { type AppDriver, openApp } from './driver.ts';
import { asPage, elsewhere } from './page-script.ts';
import { soon } from './soon.ts';

/** The page is the one that was marked, and does what it did. */
async function assertUsable({ page }: AppDriver, after: string): Promise<void> {
  expect(await page.evaluate('[window.mark, window.ran]'), after).toEqual(['the same page', undefined]);
  // By the keyboard: a locator would wait for the navigation that was refused.
  const typed = `document.querySelector('input').focus(), document.querySelector('input').value`;
  const before = await page.evaluate<string>(typed);
  await page.keyboard.press('x');
  expect(await page.evaluate<string>(typed), after).toBe(`${before}x`);
  expect(await page.evaluate('bridge.calls.snapshot().then(({ ok }) => ok)'), after).toBe(true);
}

const link = (attributes: string): string =>
  `const a = Object.assign(document.createElement('a'), ${attributes}); document.body.append(a); a.click(); a.remove();`;
const form = (attributes: string): string =>
  `const f = Object.assign(document.createElement('form'), ${attributes}); document.body.append(f); f.submit(); f.remove();`;

/** What asks for another document; each ends with a request that was refused. */
const navigations = [
  `location.href = '${elsewhere}/'`,
  `location.replace('${elsewhere}/')`,
  `location.assign('/index.html?again')`,
  `location.reload()`,
  link(`{ href: '${elsewhere}/' }`),
  link(`{ href: '${elsewhere}/', target: '_top' }`),
  link(`{ href: '${elsewhere}/', download: 'file' }`),
  `const m = Object.assign(document.createElement('meta'), { httpEquiv: 'refresh', content: '0;url=${elsewhere}/' });
   document.head.append(m)`,
];
/** What the browser itself refuses, and says so on its console. */
const refusals = [
  `location.href = 'file:///etc/passwd'`,
  `location.href = 'data:text/html,<script>window.ran = 1</script>'`,
  `location.href = 'javascript:window.ran = 1'`,
  `location.href = 'chrome://version'`,
  form(`{ action: '${elsewhere}/', method: 'get' }`),
  form(`{ action: '${elsewhere}/', method: 'post' }`),
  form(`{ action: '/index.html', method: 'post' }`),
];

test('the page goes nowhere, whatever a script in it tries', async () => {
  const driver = await openApp();
  const { page } = driver;
  await page.getByLabel('Your name').waitFor();
  const { url } = (await driver.recorded()).windows[0]!;
  await page.evaluate(`void (window.mark = 'the same page')`);
  for (const attempt of navigations) {
    const refused = page.waitForEvent('requestfailed', (request) => request.isNavigationRequest());
    await asPage(driver, `setTimeout(() => { ${attempt} });`);
    await refused;
    await assertUsable(driver, attempt);
  }
  for (const attempt of refusals) {
    const said = page.waitForEvent('console', (message) =>
      /not allowed|violates|blocked/i.test(message.text()),
    );
    await asPage(driver, `setTimeout(() => { ${attempt} });`);
    await said;
    await assertUsable(driver, attempt);
  }
  const thrown = `try { history.pushState(null, '', '${elsewhere}/'); } catch (error) { return error.name; }`;
  expect(await asPage(driver, thrown)).toBe('SecurityError');
  const { windows, refusedRequests, openedUrls } = await driver.recorded();
  expect(windows.map((window) => window.url)).toEqual([url]);
  expect([refusedRequests, openedUrls]).toEqual([[], []]);
});

test('a page that has got away from its address is answered nothing', async () => {
  const driver = await openApp();
  await driver.page.getByLabel('Your name').waitFor();
  const left = driver.page.waitForURL('about:blank');
  await driver.page.evaluate(`void setTimeout(() => { location.href = 'about:blank'; })`);
  await left;
  const answer = await driver.page.evaluate('window.bridge?.calls.snapshot()');
  expect(answer).toMatchObject({ ok: false, failure: { code: 'command-invalid' } });
});

test('no other window opens, and there are no guests', async () => {
  const driver = await openApp();
  const { page } = driver;
  await page.getByLabel('Your name').waitFor();
  await page.evaluate(`void (window.mark = 'the same page')`);
  for (const attempt of [
    `window.open('${elsewhere}/')`,
    `window.open('${elsewhere}/', 'named', 'noopener,width=300,height=300')`,
    link(`{ href: '${elsewhere}/', target: '_blank' }`),
    link(`{ href: '${elsewhere}/', target: 'named' }`),
  ]) {
    await asPage(driver, `${attempt};`);
    await soon(() => driver.pages().length, attempt).toBe(1);
    await assertUsable(driver, attempt);
  }
  const { windows, refusedRequests, openedUrls } = await driver.recorded();
  expect([windows.length, refusedRequests, openedUrls]).toEqual([1, [], []]);
  // What main would have let pass, it would have been asked to open.
  expect(driver.log()).not.toContain('opened by a page');
  const webview = await asPage<unknown[]>(
    driver,
    `const guest = document.createElement('webview');
    guest.setAttribute('src', '${elsewhere}/');
    document.body.append(guest);
    const seen = [guest.contentWindow, guest.shadowRoot, guest.getWebContentsId, guest.childElementCount];
    guest.remove();
    return seen;`,
  );
  expect(webview).toEqual([undefined, null, undefined, 0]);
  // Should one of these bars fall, the next stands behind it.
  expect(await driver.isPrevented('will-attach-webview', `${elsewhere}/`)).toBe(true);
  expect(await driver.isPrevented('will-redirect', `${elsewhere}/`)).toBe(true);
});

test('whatever the page asks permission for is denied', async () => {
  const driver = await openApp();
  await driver.page.getByLabel('Your name').waitFor();
  const asked = [
    ...[
      'notifications',
      'geolocation',
      'media',
      'display-capture',
      'clipboard-read',
      'clipboard-sanitized-write',
    ],
    ...['midi', 'midiSysex', 'fullscreen', 'pointerLock', 'keyboardLock', 'openExternal', 'idle-detection'],
    ...[
      'hid',
      'serial',
      'usb',
      'fileSystem',
      'local-fonts',
      'sensors',
      'storage-access',
      'window-management',
    ],
  ] as ('media' | 'hid')[];
  for (const permission of asked) {
    expect(await driver.requestPermission(permission), permission).toBe(false);
    expect(await driver.checkPermission(permission), permission).toBe(false);
  }
  for (const device of ['hid', 'serial', 'usb'] as const)
    expect(await driver.checkDevice(device)).toBe(false);
  const got = await asPage<unknown[]>(
    driver,
    `return Promise.all([
      Notification.requestPermission(),
      new Promise((resolve) => navigator.geolocation.getCurrentPosition(() => resolve('a place'), (error) => resolve(error.code))),
      navigator.mediaDevices.getUserMedia({ video: true }).catch((error) => error.name),
      navigator.clipboard.readText().catch((error) => error.name),
    ]);`,
  );
  expect(got).toEqual(['denied', 1, 'NotAllowedError', 'NotAllowedError']);
});

test("the page's scheme gives the page's files, and no others", async () => {
  const driver = await openApp();
  const { page } = driver;
  await page.getByLabel('Your name').waitFor();
  // main/index.js lies beside the page's folder and has an ending that the page may load.
  const outside = [
    ...['/../main/index.js', '/%2e%2e/main/index.js', '/%2e%2e%2fmain/index.js', '/..%2fmain%2findex.js'],
    ...['/assets/..%2f..%2fmain%2findex.js', '/%252e%252e%252fmain/index.js', '/..%5cmain%5cindex.js'],
    ...['/..%2Fpreload%2Findex.cjs', '/%2fetc%2fpasswd', '/%00/index.html', '/index.html%00.js', '/%', '/'],
    ...['/..%2f..%2fpackage.json', '/../../package.json', '/assets', '/%c0%ae%c0%ae/main/index.js'],
  ];
  const statuses = new Map<string, number>();
  page.on('response', (response) => statuses.set(response.url(), response.status()));
  // An image is what the policy lets a script ask for; in the answer only the status matters.
  const ask = (path: string): Promise<string> =>
    asPage(
      driver,
      `const image = new Image();
      const settled = new Promise((resolve) => { image.onload = image.onerror = resolve; });
      image.src = new URL(location.href).origin + ${JSON.stringify(path)};
      await settled;
      return image.src;`,
    );
  for (const path of outside) {
    const url = await ask(path);
    await soon(() => statuses.get(url), path).toBe(404);
  }
  // So that the list above proves something: a file of the page is there.
  const script = await page.evaluate<string>(`new URL(document.querySelector('script').src).pathname`);
  const url = await ask(`${script}?again`);
  await soon(() => statuses.get(url)).toBe(200);
  expect((await driver.recorded()).refusedRequests).toEqual([]);
});
