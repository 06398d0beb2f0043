// What a spec starts an app with: real Electron where its binary is present, else the stand-in.
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import type { Controls, Told } from './control.ts';
import { electronBinary, launchElectron } from './electron-app.ts';
import { type Settings, type Started, startApp } from './start.ts';

export type LaunchOptions = Partial<Omit<Settings, 'profile'>> & {
  /** Path of main's entry. */
  main: string;
  args?: string[];
  env?: Record<string, string>;
  /** Whether to wait for the first window's page; default true. */
  window?: boolean;
};

/** What a test reads of a running app and does to it as the user or the system would; see control.ts. */
export type Remote = {
  [K in keyof Controls]: (...args: Parameters<Controls[K]>) => Promise<Awaited<ReturnType<Controls[K]>>>;
};

export type App = Remote & {
  /** The page of the first window; throws where there is none. */
  readonly page: Page;
  pages(): Page[];
  /** The exit code; null after a signal. */
  readonly exited: Promise<number | null>;
  /** What it has printed so far. */
  log(): string;
  kill(signal?: NodeJS.Signals): Promise<number | null>;
};

class StandIn {
  readonly exited: Promise<number | null>;
  readonly #started: Started;
  #browser: Browser | undefined;
  #log = '';
  #next = 1;
  readonly #port = Promise.withResolvers<string>();
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();

  constructor({ main, args = [], env, headless = true, ...rest }: LaunchOptions) {
    const { size, colorScheme, resources } = rest;
    const settings = {
      headless,
      ...(size && { size }),
      ...(colorScheme && { colorScheme }),
      ...(resources && { resources }),
    };
    this.#started = startApp(main, args, settings, { env, stdio: 'pipe' });
    const { child } = this.#started;
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => (this.#log += text));
    child.on('message', (told: Told) => this.#told(told));
    child.once('exit', (code) => {
      for (const { resolve, reject } of this.#waiting.values())
        if (code === 0)
          resolve(undefined); // what was asked for was its end
        else reject(new Error(`The app has ended:\n${this.#log}`));
    });
    this.exited = this.#started.exited;
  }

  #told(told: Told): void {
    if ('port' in told) this.#port.resolve(told.port);
    if (!('id' in told)) return;
    const { resolve, reject } = this.#waiting.get(told.id)!;
    this.#waiting.delete(told.id);
    if (told.error === undefined) resolve(told.result);
    else reject(new Error(told.error));
  }

  ask(call: string, args: unknown[]): Promise<unknown> {
    const id = this.#next++;
    const asked = Promise.withResolvers<unknown>();
    this.#waiting.set(id, asked);
    const { child } = this.#started;
    child.send({ id, call, args }, (error) => error && asked.reject(error));
    return asked.promise;
  }

  /** Playwright, connected beside the app; undefined if the app ends first. */
  async connect(window: boolean): Promise<void> {
    const ended = this.exited.then(() => undefined);
    void ended.then(() => this.#browser?.close());
    const port = await Promise.race([this.#port.promise, ended]);
    if (!port) return;
    const address = `http://127.0.0.1:${port}`;
    this.#browser = await chromium
      .connectOverCDP(address, { noDefaults: true, isLocal: true })
      .catch(() => undefined);
    if (!this.#browser || !window) return;
    const [context] = this.#browser.contexts();
    const page = this.pages()[0] ?? (await Promise.race([this.#appearing(context!), ended]));
    await page?.waitForURL((url) => url.protocol !== 'about:').catch(() => {}); // it ended in between
  }

  #appearing(context: BrowserContext): Promise<Page> {
    const appeared = context.waitForEvent('page');
    return appeared.catch(() => Promise.reject(new Error(`No window has appeared:\n${this.#log}`)));
  }

  pages(): Page[] {
    return this.#browser?.contexts()[0]?.pages() ?? [];
  }

  get page(): Page {
    const [page] = this.pages();
    if (!page) throw new Error(`The app has no window:\n${this.#log}`);
    return page;
  }

  log(): string {
    return this.#log;
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    this.#started.child.kill(signal);
    return this.exited;
  }
}

let announced = false;

/** Settles when the first window shows a page, or the app has ended. */
export async function launchApp(options: LaunchOptions): Promise<App> {
  const electron = electronBinary();
  if (!announced)
    console.log(electron ? `The app runs in Electron, ${electron}` : 'The app runs in the stand-in');
  announced = true;
  if (electron) return launchElectron(electron, options);
  const app = new StandIn(options);
  await app.connect(options.window ?? true);
  return new Proxy(app as StandIn & Remote, {
    get(target, key): unknown {
      if (key in target) {
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      }
      if (typeof key === 'symbol' || key === 'then') return undefined;
      return (...args: unknown[]) => target.ask(key, args);
    },
  });
}
