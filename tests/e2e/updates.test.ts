// Updates of an installed Signet, from a place for updates that is a real HTTPS server: fetched, refused, installed at
// the end. The AppImages are scripts, everything that handles them is what is packed.
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { describe, expect, test } from 'vitest';
import type { Update } from '../../preload/contract.ts';
import { electronBinary } from '../stand-in/electron-app.ts';
import { afterwards, temporaryFolder } from '../harness.ts';
import { joinInApp, type AppDriver, joinAs, openApp, openRelayProcess } from './driver.ts';
import { soon } from './soon.ts';

const NEXT = 'Signet-99.0.0-linux-x86_64.AppImage';
const notes = 'What is new in 99:\n- <img src=x onerror=alert(1)> is not a picture\n- **nothing** else';

type Feed = { version?: string; sha512?: string; file?: string };
type Request = { path: string; headers: IncomingHttpHeaders };

async function listen(server: NetServer): Promise<number> {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
  afterwards(() => (server as Server).closeAllConnections());
  afterwards(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** A new version: a program that tells when it was run, and how. */
const program = '#!/bin/sh\necho "$APPIMAGE_EXIT_AFTER_INSTALL" > "$0.ran"\n';
const sumOf = (text: string): string => createHash('sha512').update(text).digest('base64');

/** latest-linux.yml, as electron-builder writes it. */
function describeUpdate({ version = '99.0.0', sha512 = sumOf(program), file = NEXT }: Feed): string {
  const sum = sha512 && `\n    sha512: ${sha512}`;
  return `version: ${version}\nfiles:\n  - url: ${file}${sum}\n    size: ${program.length}\nreleaseNotes: ${JSON.stringify(notes)}\n`;
}

/** Answers what a place for updates holds. */
function holding(feed: Feed, asked: Request[]): RequestListener {
  return ({ url = '', headers }, response) => {
    const [path = ''] = url.slice(1).split('?');
    asked.push({ path, headers });
    const found = {
      [`latest-linux${process.arch === 'x64' ? '' : `-${process.arch}`}.yml`]: describeUpdate(feed),
      [NEXT]: program,
    }[path];
    response.writeHead(found ? 200 : 404).end(found);
  };
}

/** A computer on which Signet is installed as an AppImage, and the place where its updates are. */
async function install(answer: RequestListener): Promise<{
  /** Where the AppImage is. */
  folder: string;
  server: Server;
  start(options?: { profile?: string; env?: Record<string, string> }): Promise<AppDriver>;
}> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  const server = createServer({ key, cert }, answer);
  const port = await listen(server);
  const [folder, mount, home] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
  const authority = join(home, 'authority.pem');
  writeFileSync(authority, cert);
  const resources = join(mount, 'resources');
  mkdirSync(resources);
  const feed = `provider: generic\nurl: https://127.0.0.1:${port}\nupdaterCacheDirName: signet-updater\n`;
  writeFileSync(join(resources, 'app-update.yml'), feed);
  const image = join(folder, 'Signet-0.1.0-linux-x86_64.AppImage');
  writeFileSync(image, 'the old one');
  chmodSync(image, 0o755);
  const env = { APPIMAGE: image, APPDIR: mount, XDG_CACHE_HOME: home, NODE_EXTRA_CA_CERTS: authority };
  return {
    folder,
    server,
    start: (options) => openApp({ resources, ...options, env: { ...env, ...options?.env } }),
  };
}

const updateOf = ({ page }: AppDriver): Promise<Update> =>
  page.evaluate('bridge.calls.snapshot().then(({ value }) => value.update)');
const check = ({ page }: AppDriver): Promise<unknown> => page.evaluate('bridge.calls.checkForUpdates()');
const old = ['Signet-0.1.0-linux-x86_64.AppImage'];

async function end(driver: AppDriver): Promise<void> {
  await driver.quit();
  expect(await driver.exited).toBe(0);
}

// Electron's own binary is that of an app in development, and has no updates.
describe.runIf(process.platform === 'linux' && !electronBinary())('an AppImage', () => {
  test('is updated: asked by itself, fetched, told, shown as text, installed at the end', async () => {
    const asked: Request[] = [];
    const { folder, start } = await install(holding({}, asked));
    const relay = await openRelayProcess();
    const driver = await start();
    await joinAs(driver, 'alice', relay.invite);
    const { page } = driver;
    await page.getByText('Signet 99.0.0 is ready. It is installed when you quit.').waitFor();
    await page.getByRole('button', { name: 'Settings: an update is ready' }).click();
    const shown = page.getByRole('region', { name: 'What is new' });
    expect(await shown.textContent()).toBe(notes);
    expect(await shown.locator('*').count()).toBe(0);
    await check(driver);
    expect(await updateOf(driver)).toEqual({ name: 'ready', version: '99.0.0', notes });
    expect(readdirSync(folder)).toEqual(old);
    await end(driver);

    expect(readdirSync(folder).sort()).toEqual([NEXT, `${NEXT}.ran`]);
    expect(readFileSync(join(folder, NEXT), 'utf8')).toBe(program);
    expect(readFileSync(join(folder, `${NEXT}.ran`), 'utf8')).toBe('true\n');
    // The server learns nothing by which it could tell one user from another.
    expect(asked.length).toBeGreaterThanOrEqual(2);
    for (const { headers } of asked) {
      expect(headers).toMatchObject({ 'user-agent': 'electron-builder', 'x-user-staging-id': 'none' });
      expect(headers.cookie).toBeUndefined();
    }
  });

  test.each<[string, Feed, RegExp]>([
    ['another checksum', { sha512: sumOf('something else') }, /its checksum differs/],
    ['no checksum', { sha512: '' }, /something that Signet can not use/],
    ['a file that is missing', { file: 'gone.AppImage' }, /something that Signet can not use/],
    ['a version that is none', { version: 'newest' }, /something that Signet can not use/],
  ])('with %s is thrown away, told in the settings, and logged in a line', async (_name, feed, why) => {
    const { folder, start } = await install(holding(feed, []));
    const driver = await start();
    await check(driver);
    await soon(() => updateOf(driver)).toMatchObject({
      name: 'failed',
      why: expect.stringMatching(why) as string,
    });
    expect(driver.log().match(/The update failed: .*/g)).toHaveLength(1);
    await end(driver);
    expect(readdirSync(folder)).toEqual(old);
  });

  test.each([
    ['the same version', '0.1.0'],
    ['an older version', '0.0.9'],
    ['a prerelease', '99.0.0-beta.1'],
  ])('is left as it is by %s', async (_name, version) => {
    const asked: Request[] = [];
    const { folder, start } = await install(holding({ version }, asked));
    const driver = await start();
    await check(driver);
    await soon(() => asked.length).toBe(1);
    await soon(() => updateOf(driver)).toEqual({ name: 'idle' });
    await end(driver);
    expect(asked).toHaveLength(1);
    expect(readdirSync(folder)).toEqual(old);
  });

  test('that can not reach the place for updates stays quiet, and asks again', async () => {
    const asked: Request[] = [];
    const { folder, server, start } = await install(holding({}, asked));
    const { port } = server.address() as AddressInfo;
    server.close();
    const driver = await start();
    await check(driver);
    await soon(() => updateOf(driver)).toMatchObject({
      name: 'failed',
      why: expect.stringContaining('could not be reached') as string,
    });
    expect(driver.log()).not.toContain('update');
    expect(await driver.page.getByRole('status', { name: 'Notices' }).innerText()).toBe('');
    await new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(null)));
    await check(driver);
    await soon(() => updateOf(driver)).toMatchObject({ name: 'ready' });
    await end(driver);
    expect(readdirSync(folder)).toContain(NEXT);
  });

  test('is not sent on to where there is no TLS, nor does it trust a certificate that nobody vouches for', async () => {
    const asked: Request[] = [];
    const open = createHttpServer(holding({}, asked));
    const port = await listen(open);
    const { start } = await install(({ url }, response) =>
      response.writeHead(302, { location: `http://127.0.0.1:${port}${url}` }).end(),
    );
    const driver = await start();
    await check(driver);
    await soon(() => updateOf(driver)).toMatchObject({ name: 'failed' });
    await end(driver);
    expect(asked).toEqual([]);

    const other = await install(holding({}, asked));
    const stranger = await other.start({ env: { NODE_EXTRA_CA_CERTS: '' } });
    await check(stranger);
    await soon(() => updateOf(stranger)).toMatchObject({ name: 'failed' });
    expect(asked).toEqual([]);
  });

  test.each(['latest-linux', NEXT])(
    'fetches anew if that was switched off and on again while %s was slow to come',
    async (slow) => {
      const answer = holding({}, []);
      const come = Promise.withResolvers<void>();
      let left = 1;
      const { start } = await install((request, response) => {
        const isSlow = request.url!.startsWith(`/${slow}`) && left-- > 0;
        void (isSlow ? come.promise : Promise.resolve()).then(() => answer(request, response));
      });
      const driver = await start();
      void check(driver).catch(() => {});
      await soon(() => left).toBe(0);
      const switched = driver.page.evaluate(
        'Promise.all([false, true].map((updates) => bridge.calls.changeSettings({ updates })))',
      );
      await soon(() => updateOf(driver)).toMatchObject({
        name: expect.stringMatching(/checking|fetching/) as string,
      });
      come.resolve();
      await switched;
      await soon(() => updateOf(driver)).toMatchObject({ name: 'ready' });
      expect(driver.log()).not.toContain('The update failed');
      await end(driver);
    },
  );

  test('asks nobody once that is switched off, and what was ready is not installed', async () => {
    const asked: Request[] = [];
    const { folder, start } = await install(holding({}, asked));
    const driver = await start();
    await check(driver);
    await soon(() => updateOf(driver)).toMatchObject({ name: 'ready' });
    await driver.page.evaluate('bridge.calls.changeSettings({ updates: false })');
    expect(await updateOf(driver)).toEqual({ name: 'off', why: null });
    await end(driver);
    expect(readdirSync(folder)).toEqual(old);

    const before = asked.length;
    const again = await start({ profile: driver.profile });
    await check(again);
    expect(await updateOf(again)).toEqual({ name: 'off', why: null });
    await again.page.evaluate('bridge.calls.changeSettings({ updates: true })');
    // What was fetched already is taken, once its checksum is seen to be the right one.
    await soon(() => updateOf(again)).toMatchObject({ name: 'ready' });
    expect(asked.slice(before).map(({ path }) => path)).toEqual([asked[0]!.path]);
    await end(again);
    expect(existsSync(join(folder, `${NEXT}.ran`))).toBe(true);
  });
});

test('an app in development has no updates, and says so', async () => {
  const relay = await openRelayProcess();
  const { page } = await joinInApp('alice', relay.invite);
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByText('This Signet was started from its sources').waitFor();
  expect(await page.getByRole('switch', { name: /up to date/ }).count()).toBe(0);
  expect(await page.getByRole('button', { name: 'Check now' }).count()).toBe(0);
});
