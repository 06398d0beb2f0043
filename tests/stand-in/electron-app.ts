// The same app in real Electron, through Playwright: what can be asked of it there.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { _electron, type ElectronApplication, type Page } from 'playwright-core';
import type { App, LaunchOptions } from './app.ts';

const programs: Partial<Record<NodeJS.Platform, string>> = {
  win32: 'electron.exe',
  darwin: 'Electron.app/Contents/MacOS/Electron',
};

/** Electron's program, if it has been downloaded. */
export function electronBinary(): string | undefined {
  const folder = join(import.meta.dirname, '..', '..', 'node_modules', 'electron', 'dist');
  const program = join(folder, programs[process.platform] ?? 'electron');
  return existsSync(program) ? program : undefined;
}

export async function launchElectron(executablePath: string, options: LaunchOptions): Promise<App> {
  const { main, args = [], env = {}, colorScheme, window = true, resources } = options;
  // What was not seen here is skipped, not failed; the examples have no tests.
  const current = process.env['VITEST'] ? (await import('vitest')).TestRunner.getCurrentTest() : undefined;
  if (resources !== undefined) current?.context.skip('A packed app is only in the stand-in');
  const inherited = Object.entries(process.env).filter(([, value]) => value !== undefined);
  const electron = await _electron.launch({
    ...{ executablePath, args: [main, ...args], chromiumSandbox: process.getuid?.() !== 0 },
    env: { ...(Object.fromEntries(inherited) as Record<string, string>), ...env },
    ...(colorScheme && { colorScheme }),
  });
  let log = '';
  const child = electron.process();
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const first: Page | undefined = window ? await electron.firstWindow() : undefined;
  const own = {
    ...acts(electron),
    ...{ exited, log: () => log, pages: () => electron.windows() },
    get page(): Page {
      const page = first ?? electron.windows()[0];
      if (!page) throw new Error(`The app has no window:\n${log}`);
      return page;
    },
    kill: (signal: NodeJS.Signals = 'SIGKILL') => (child.kill(signal), exited),
  };
  return new Proxy(own as unknown as App, {
    get(target, key): unknown {
      if (key in target || typeof key === 'symbol' || key === 'then') return Reflect.get(target, key);
      const sentence = `${key} is only in the stand-in`;
      current?.context.skip(sentence);
      throw new Error(sentence);
    },
  });
}

type Acts = Pick<App, 'quit' | 'closeWindow' | 'openUrl' | 'activate' | 'systemTheme'>;

function acts(electron: ElectronApplication): Acts {
  return {
    quit: () => electron.evaluate(({ app }) => app.quit()),
    closeWindow: (index = 0) =>
      electron.evaluate(({ BrowserWindow }, at) => BrowserWindow.getAllWindows()[at]?.close(), index),
    openUrl: (url) =>
      electron.evaluate(({ app }, to) => void app.emit('open-url', { preventDefault() {} }, to), url),
    activate: () => electron.evaluate(({ app }) => void app.emit('activate', {}, false)),
    systemTheme: (theme) =>
      electron.evaluate(({ nativeTheme }, source) => void (nativeTheme.themeSource = source), theme),
  };
}
