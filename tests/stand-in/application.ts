// app: paths, the lock, and the order in which an Electron app starts and ends.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import type * as Electron from 'electron';
import { BrowserWindow, keepHouse } from './browser-window.ts';
import type { Told } from './control.ts';
import { startDisplay } from './display.ts';
import { Emitter, checkOptions, guard, guardClass, type Mirror, preventable } from './guard.ts';
import { InstanceLock, type SecondInstance } from './instance-lock.ts';
import { networkIsReady } from './network.ts';
import { records } from './records.ts';
import { entry, settings } from './settings.ts';

const SANDBOX =
  '\nThis computer lets programs make no sandbox of their own. On Debian, the package chromium-sandbox helps:\n\n' +
  '  sudo apt-get install -y --no-install-recommends chromium-sandbox\n';

type Manifest = { name?: string; productName?: string; version?: string };

/** The nearest package.json above main's entry stands for the app's own. */
function findManifest(folder: string): { folder: string; manifest: Manifest } {
  try {
    return { folder, manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest };
  } catch {
    if (dirname(folder) === folder) return { folder, manifest: {} };
    return findManifest(dirname(folder));
  }
}

const { folder, manifest } = findManifest(dirname(entry));
const events = [
  'ready',
  'second-instance',
  'window-all-closed',
  'before-quit',
  'will-quit',
  'quit',
  'activate',
];
const more = ['web-contents-created', 'open-url', 'browser-window-created'];

class App extends Emitter {
  /** "Usually the `name` field of `package.json` is a short lowercase name [...]. You should usually also specify a
   * `productName` field, [...] which will be preferred over `name` by Electron." */
  name = manifest.productName ?? manifest.name ?? 'Electron';
  readonly isPackaged = settings.resources !== undefined;
  readonly dock: undefined;
  readonly #paths: Partial<Record<string, string>> = {};
  readonly #ready = Promise.withResolvers<void>();
  #isReady = false;
  #lock: InstanceLock | undefined;
  #seconds: SecondInstance[] = [];
  #quitting = false;
  #exiting = false;
  /** Set when the app is over. */
  #exitCode: number | undefined;

  constructor() {
    super('app', [...events, ...more]);
    keepHouse({
      isReady: () => this.#isReady,
      created: (contents) => this.emit('web-contents-created', preventable(), contents),
      cancelled: () => (this.#quitting = false),
      emptied: () => this.#emptied(),
      deserted: () => (BrowserWindow.getAllWindows().forEach((window) => window.destroy()), this.quit()),
    });
  }

  readonly commandLine = guard('app.commandLine', {
    appendSwitch: (name: string, value?: string) =>
      void records.switches.push(value === undefined ? name : `${name}=${value}`),
  } satisfies Pick<Electron.CommandLine, 'appendSwitch'>);

  setName(name: string): void {
    this.name = name;
  }

  getName = (): string => this.name;
  getVersion = (): string => manifest.version ?? '0.0.0';
  getAppPath = (): string => folder;
  isReady = (): boolean => this.#isReady;
  whenReady = (): Promise<void> => this.#ready.promise;

  getPath(name: Parameters<Electron.App['getPath']>[0]): string {
    const home = homedir();
    const appData = process.env.XDG_CONFIG_HOME ?? join(home, '.config');
    // "The directory for storing your app's configuration files, which by default is the appData directory appended
    // with your app's name." (userData); "inside the `userData` directory on _Linux_ and _Windows_" (logs)
    const userData = this.#paths.userData ?? join(this.#paths.appData ?? appData, this.name);
    const known: Partial<Record<string, string>> = { home, appData, temp: tmpdir(), userData };
    known.logs = join(userData, 'logs');
    const path = this.#paths[name] ?? known[name];
    if (!path) throw new Error(`The stand-in has no electron.app.getPath('${name}')`);
    return path;
  }

  setPath(name: string, path: string): void {
    this.getPath(name as 'home'); // "You can only override paths of a `name` defined in `app.getPath`."
    // "If the path specifies a directory that does not exist, an `Error` is thrown. In that case, the directory should be
    // created with `fs.mkdirSync` or similar."
    if (!isAbsolute(path) || !existsSync(path)) throw new Error('Failed to set path');
    this.#paths[name] = path;
  }

  /**
   * "It returns `false` if your process should immediately quit as it has sent its parameters to another instance that
   * has already acquired the lock. [...] The single instance lock is scoped to the application's user data directory".
   */
  requestSingleInstanceLock(additionalData: Record<string, unknown> = {}): boolean {
    const message = { argv: process.argv, workingDirectory: process.cwd(), additionalData };
    this.#lock ??= InstanceLock.take(this.getPath('userData'), message, (second) => this.#greet(second));
    return this.#lock !== undefined;
  }

  hasSingleInstanceLock = (): boolean => this.#lock !== undefined;

  releaseSingleInstanceLock(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }

  /** "This event is guaranteed to be emitted after the `ready` event of `app` gets emitted." */
  #greet(second: SecondInstance): void {
    if (!this.#isReady) return void this.#seconds.push(second);
    const { argv, workingDirectory, additionalData } = second;
    this.emit('second-instance', preventable(), argv, workingDirectory, additionalData);
  }

  /** Called when main's entry has been evaluated; see boot.ts. */
  async start(tell: (told: Told) => void): Promise<void> {
    // Quit before it was ready: it never will be.
    if (this.#exitCode !== undefined) return process.exit(this.#exitCode);
    mkdirSync(this.getPath('userData'), { recursive: true });
    // Electron's own handlers of these signals quit the app as app.quit() does.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => this.quit());
    const { pid, port } = startDisplay((said) => {
      console.error(`Chromium, which shows the window, has ended. It said:\n${said}`);
      if (said.includes('No usable sandbox')) console.error(SANDBOX);
      this.exit(1);
    });
    tell({ chromium: pid });
    networkIsReady();
    this.#isReady = true;
    this.emit('ready', preventable(), {});
    this.#ready.resolve();
    setImmediate(() => this.#seconds.splice(0).forEach((second) => this.#greet(second)));
    tell({ port: await port });
  }

  /**
   * "Try to close all windows. The `before-quit` event will be emitted first. If all windows are successfully closed,
   * the `will-quit` event will be emitted and by default the application will terminate. [...] This method guarantees
   * that all `beforeunload` and `unload` event handlers are correctly executed. It is possible that a window cancels the
   * quitting by returning `false` in the `beforeunload` event handler." (The stand-in doesn't ask the page.)
   */
  quit(): void {
    if (this.#quitting) return;
    this.#quitting = !this.ask('before-quit', {});
    if (!this.#quitting) return;
    const windows = BrowserWindow.getAllWindows();
    if (windows.length === 0) this.#quitForGood();
    for (const window of windows) window.close();
  }

  #quitForGood(): void {
    if (this.ask('will-quit', {})) this.#quitting = false;
    else this.#shutDown(0);
  }

  /** "If the user pressed `Cmd + Q`, or the developer called `app.quit()`, Electron will first try to close all the
   * windows and then emit the `will-quit` event, and in this case the `window-all-closed` event would not be
   * emitted." */
  #emptied(): void {
    if (this.#exiting) return;
    if (this.#quitting) return this.#quitForGood();
    // "If you do not subscribe to this event and all windows are closed, the default behavior is to quit the app"
    if (!this.emit('window-all-closed')) this.quit();
  }

  /** "Exits immediately with `exitCode`. [...] All windows will be closed immediately without asking the user, and the
   * `before-quit` and `will-quit` events will not be emitted." */
  exit(exitCode = 0): void {
    this.#exiting = true;
    for (const window of BrowserWindow.getAllWindows()) window.destroy();
    this.#shutDown(exitCode);
  }

  /** The code that called it still comes to its end, as before the end of Electron's message loop. */
  #shutDown(exitCode: number): void {
    if (this.#exitCode !== undefined) return;
    this.#exitCode = exitCode;
    this.emit('quit', preventable(), exitCode);
    if (this.#isReady) setImmediate(() => process.exit(exitCode));
  }

  relaunch(): void {
    records.relaunches++;
  }

  get badgeCount(): number {
    return records.badge;
  }

  set badgeCount(count: number) {
    records.badge = count;
  }

  getBadgeCount = (): number => records.badge;

  setBadgeCount(count = 0): boolean {
    records.badge = count;
    return true;
  }

  setAsDefaultProtocolClient(protocol: string): boolean {
    records.protocolClients.push(protocol);
    return true;
  }

  setLoginItemSettings(loginItem: Electron.Settings): void {
    checkOptions('app.setLoginItemSettings', loginItem, [
      'openAtLogin',
      'openAsHidden',
      'path',
      'args',
      'name',
    ]);
    assertQuoted(loginItem.path);
    records.loginItem = loginItem;
  }

  /** On Windows, `openAtLogin` is of the entry that has no name but the AppUserModelID; `launchItems` are all. */
  getLoginItemSettings(asked: Electron.LoginItemSettingsOptions = {}): Electron.LoginItemSettings {
    assertQuoted(asked.path);
    const { openAtLogin = false, name, path = '', args = [] } = records.loginItem as Electron.Settings;
    const opened = { wasOpenedAtLogin: false, wasOpenedAsHidden: false, restoreState: false };
    const launchItem = { name: name ?? '', path, args, scope: 'user' as const, enabled: openAtLogin };
    return {
      ...opened,
      openAtLogin: openAtLogin && (process.platform !== 'win32' || name === undefined),
      executableWillLaunchAtLogin: openAtLogin,
      launchItems: openAtLogin ? [launchItem] : [],
      status: 'enabled',
    };
  }

  setAppUserModelId = (): void => {};

  /** "Enables full sandbox mode on the app. This means that all renderers will be launched sandboxed, regardless of the
   * value of the `sandbox` flag in `WebPreferences`. This method can only be called before app is ready." */
  enableSandbox(): void {
    if (this.#isReady) throw new Error('app.enableSandbox() can only be called before app is ready');
    records.sandboxEnabled = true;
  }
}

guardClass('app', App satisfies Mirror<App, Electron.App, 'dock' | 'commandLine'>);
export const app = new App();

/** https://github.com/electron/electron/issues/53911 and 32657: what is not in quotes ends at the first space. */
function assertQuoted(path = ''): void {
  if (process.platform === 'win32' && !/^"[^"]*"$|^\S*$/.test(path))
    throw new Error(`On Windows, ${path} would be read as ${path.split(' ')[0]}`);
}
