// How an app starts, how a second instance finds the first, and every way in which an app ends.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder, until } from '../harness.ts';
import type { Page } from 'playwright-core';
import type { App } from './app.ts';
import { findChromium } from './chromium.ts';
import { launch } from './fixture.ts';
import type { Script } from './fixtures/main.ts';

/** Opens two windows, and prints every event of the app's end. */
const verbose: Script = ({ app, ipcMain, BrowserWindow }, { open, print }) => {
  for (const event of ['before-quit', 'will-quit', 'quit'])
    app.on(event as 'quit', (_event, code) => print(event, code ?? ''));
  let refused = process.argv.includes('refuse');
  void app.whenReady().then(() => {
    print('ready');
    for (const name of ['first', 'second']) {
      const window = open({}, name);
      window.on('close', (event) => {
        print(`close ${name}`);
        if (refused && name === 'first') event.preventDefault();
      });
      window.on('closed', () => print(`closed ${name}`, BrowserWindow.getAllWindows().length));
    }
  });
  if (process.argv.includes('listen')) app.on('window-all-closed', () => print('window-all-closed'));
  ipcMain.handle('exit', () => app.exit(7));
  ipcMain.handle('stop refusing', () => (refused = false));
  print('loaded', app.isReady(), process.argv.slice(2).join());
};

/** Playwright may come to know a page a moment later than main does. */
async function pageOf(app: App, name: string, other?: Page): Promise<Page> {
  const find = (): Page | undefined =>
    app.pages().find((page) => page.url().endsWith(name) && page !== other);
  await until(find);
  return find()!;
}

const lines = (log: string): string[] => log.split('\n').filter((line) => line && !line.startsWith('('));

test('app.quit: before-quit, close and closed of each window, will-quit, quit', async () => {
  const app = await launch(verbose, { args: ['listen'] });
  await app.quit();
  expect(await app.exited).toBe(0);
  expect(lines(app.log())).toEqual([
    ...['loaded false listen', 'ready', 'before-quit ', 'close first', 'close second', 'closed first 1'],
    ...['closed second 0', 'will-quit ', 'quit 0'],
  ]);
});

test('a window that refuses to close cancels the quit', async () => {
  const app = await launch(verbose, { args: ['refuse'] });
  await app.quit();
  await until(() => app.log().includes('closed second'));
  expect((await app.recorded()).windows).toHaveLength(1);
  expect(app.log()).not.toContain('will-quit');
  await (await pageOf(app, 'first')).evaluate(`bridge.invoke('stop refusing')`);
  await app.quit();
  expect(await app.exited).toBe(0);
  expect(lines(app.log()).slice(-4)).toEqual(['close first', 'closed first 0', 'will-quit ', 'quit 0']);
});

test('will-quit can be refused as well, and quitting tried again', async () => {
  const app = await launch(
    ({ app }, { print }) => {
      app.once('will-quit', (event) => {
        event.preventDefault();
        setTimeout(() => (print('second try'), app.quit()), 10);
      });
      app.on('before-quit', () => print('before-quit'));
    },
    { window: false },
  );
  await app.quit();
  expect(await app.exited).toBe(0);
  expect(lines(app.log())).toEqual(['before-quit', 'second try', 'before-quit']);
});

test('when all windows are closed the app quits, unless it listens for that', async () => {
  const quitting = await launch(verbose);
  await quitting.closeWindow();
  await quitting.closeWindow();
  expect(await quitting.exited).toBe(0);
  expect(lines(quitting.log()).slice(-3)).toEqual(['before-quit ', 'will-quit ', 'quit 0']);
  const staying = await launch(verbose, { args: ['listen'] });
  await staying.closeWindow();
  await staying.closeWindow();
  await until(() => staying.log().includes('window-all-closed'));
  expect((await staying.recorded()).windows).toEqual([]);
  expect(staying.log()).not.toContain('before-quit');
});

test('app.exit asks nobody, and gives the exit code', async () => {
  const app = await launch(verbose);
  await app.page.evaluate(`void bridge.invoke('exit')`).catch(() => {}); // it may be gone before it answers
  expect(await app.exited).toBe(7);
  expect(lines(app.log()).slice(-3)).toEqual(['closed first 1', 'closed second 0', 'quit 7']);
});

test('the signals that end a program quit the app in order', async () => {
  const app = await launch(verbose);
  expect(await app.kill('SIGTERM')).toBe(0);
  expect(app.log()).toContain('will-quit');
});

test('a page that closes itself, or is closed by the user, closes its window, which may refuse', async () => {
  const app = await launch(verbose, { args: ['refuse'] });
  await (await pageOf(app, 'first')).evaluate('window.close()');
  await until(() => app.log().includes('close first'));
  expect((await app.recorded()).windows).toHaveLength(2);
  await (await pageOf(app, 'second')).close();
  await until(() => app.log().includes('closed second 1'));
  const first = await pageOf(app, 'first');
  await first.close();
  await until(() => app.log().split('close first').length === 3);
  // Refused, the page comes back.
  const again = await pageOf(app, 'first', first);
  expect(await again.evaluate(`bridge.invoke('stop refusing')`)).toBe(false);
  await again.close();
  expect(await app.exited).toBe(0);
});

const single: Script = ({ app }, { print, open }) => {
  if (!app.requestSingleInstanceLock({ from: process.pid })) {
    print('is second');
    app.on('quit', () => print('quit'));
    app.quit();
    print('still here');
    return;
  }
  app.on('second-instance', (_event, argv, folder, data) => {
    print(
      `second ${argv.slice(2).join()} ${folder === process.cwd()} ${JSON.stringify(data)} ${app.isReady()}`,
    );
  });
  void app.whenReady().then(() => open());
};

test('a second instance is told so, hands over its arguments, and ends without a window', async () => {
  const data = temporaryFolder();
  const first = await launch(single, { data });
  const second = await launch(single, { data, args: ['invite:x'] });
  expect(await second.exited).toBe(0);
  expect(lines(second.log())).toEqual(['is second', 'quit', 'still here']);
  await until(() => first.log().includes('second invite:x true {"from":'));
  expect(first.log()).toMatch(/second invite:x true \{"from":\d+\} true/);
  const elsewhere = await launch(single);
  expect(elsewhere.log()).not.toContain('is second');
  await first.kill();
  const third = await launch(single, { data });
  expect(third.log()).not.toContain('is second');
});

test('a second instance from before the first is ready is told of afterwards', async () => {
  const data = temporaryFolder();
  const first = launch(
    async ({ app }, { print, open }) => {
      app.requestSingleInstanceLock();
      app.on('second-instance', () => print('second, ready:', app.isReady()));
      const { existsSync, writeFileSync } = process.getBuiltinModule('fs');
      writeFileSync(process.env.FIXTURE_DATA! + '/locked', '');
      while (!existsSync(process.env.FIXTURE_DATA! + '/go'))
        await new Promise((resolve) => setTimeout(resolve, 5));
      void app.whenReady().then(() => open());
    },
    { data },
  );
  await until(() => existsSync(join(data, 'locked')));
  const second = await launch(
    ({ app }) => {
      if (app.requestSingleInstanceLock()) return;
      process.getBuiltinModule('fs').writeFileSync(process.env.FIXTURE_DATA! + '/go', '');
      app.quit();
    },
    { data },
  );
  expect(await second.exited).toBe(0);
  const app = await first;
  await until(() => app.log().includes('second, ready: true'));
});

test('kill -9 leaves neither Chromium nor its profile', async () => {
  const profiles = (): string[] =>
    readdirSync(tmpdir()).filter((name) => name.startsWith('signet-chromium-'));
  const before = profiles();
  const app = await launch(verbose);
  const mine = profiles().filter((name) => !before.includes(name));
  const alive = (): boolean =>
    readdirSync('/proc').some((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return mine.some((name) => command.includes(name));
      } catch {
        return false; // it has just ended
      }
    });
  expect(alive()).toBe(true);
  expect(await app.kill()).toBe(null);
  await until(() => !alive());
  expect(profiles().filter((name) => mine.length === 1 && mine.includes(name))).toEqual([]);
});

test('an error that nobody catches is shown, and the app goes on; one at the start ends it', async () => {
  const app = await launch(({ app }, { open }) => {
    void app.whenReady().then(() => {
      open();
      setTimeout(() => {
        throw new Error('nobody catches this');
      });
    });
  });
  await until(async () => (await app.recorded()).dialogs.length === 1);
  expect((await app.recorded()).dialogs[0]).toMatchObject({ kind: 'error' });
  const broken = await launch(() => {
    throw new Error('broken');
  });
  expect(await broken.exited).toBe(1);
  expect(() => broken.page).toThrow('broken');
});

test('what Chromium says is told when it ends before the app, and what helps', async () => {
  const folder = temporaryFolder();
  const open: Script = ({ app }, { open }) => void app.whenReady().then(() => open());
  const failing = join(folder, 'failing');
  writeFileSync(failing, '#!/bin/sh\necho "FATAL: No usable sandbox! Update your kernel" >&2\nexit 133\n', {
    mode: 0o755,
  });
  const early = await launch(open, { env: { SIGNET_CHROMIUM: failing } });
  expect(await early.exited).toBe(1);
  expect(early.log()).toContain(
    'Chromium, which shows the window, has ended. It said:\nFATAL: No usable sandbox!',
  );
  expect(early.log()).toContain('(exit code 133)');
  expect(early.log()).toContain('apt-get install -y --no-install-recommends chromium-sandbox');

  const pidFile = join(folder, 'pid');
  const recording = join(folder, 'recording');
  writeFileSync(recording, `#!/bin/sh\necho $$ > ${pidFile}\nexec ${findChromium()} "$@"\n`, { mode: 0o755 });
  const late = await launch(open, { env: { SIGNET_CHROMIUM: recording } });
  process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL');
  expect(await late.exited).toBe(1);
  expect(late.log()).toContain('(SIGKILL)');
  expect(late.log()).not.toContain('chromium-sandbox');
});
