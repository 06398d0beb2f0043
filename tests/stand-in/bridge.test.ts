// The bridge between page, preload and main: what crosses it, how, and what doesn't.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder, until } from '../harness.ts';
import { launch } from './fixture.ts';
import type { Script } from './fixtures/main.ts';

const cannot = 'An object could not be cloned.';

const echo: Script = async ({ app, ipcMain }, { open }) => {
  ipcMain.handle('echo', (_event, ...args: unknown[]) => args);
  ipcMain.handle('kinds', (_event, ...args: object[]) =>
    args.map((arg) => Object.prototype.toString.call(arg) + (arg?.constructor?.name ?? '')),
  );
  ipcMain.handle('buffer', () => Buffer.from('abc'));
  ipcMain.handle('function', () => ({ call: () => 1 }));
  ipcMain.handle('proxy', () => new Proxy({}, {}));
  ipcMain.handle('fail', () => {
    throw Object.assign(new TypeError('wrong'), { code: 'EWRONG' });
  });
  ipcMain.handle('fail with a string', () => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- it happens
    throw 'just words';
  });
  void app.whenReady().then(() => open());
};

test('arguments and results cross by structured clone', async () => {
  const { page } = await launch(echo);
  const same = await page.evaluate(`(async () => {
    const cycle = { name: 'cycle', list: [, 1] };
    cycle.self = cycle;
    const sent = [undefined, null, NaN, -0, 12345678901234567890n, 'text', new Date(5), /a+/gi, new Map([[{ a: 1 }, [1]]]),
      new Set(['x']), new Uint8Array([0, 255]), new Float64Array([1.5]), new Uint8Array([1, 2, 3]).buffer, cycle];
    const back = await bridge.invoke('echo', ...sent);
    const shown = (x) => Object.prototype.toString.call(x) + (x instanceof Map ? JSON.stringify([...x]) : x?.valueOf());
    return [back.map((x, i) => shown(x) === shown(sent[i])), Object.is(back[3], -0), back[8].size, [...back[10]],
      new Uint8Array(back[12])[2], back[13].self === back[13], Object.keys(await bridge.invoke('buffer'))];
  })()`);
  expect(same).toEqual([Array(14).fill(true), true, 1, [0, 255], 3, true, ['0', '1', '2']]);
  expect(
    await page.evaluate(`bridge.invoke('kinds', new Uint8Array(1), new Map(), new (class A {})(), 1n)`),
  ).toEqual([
    '[object Uint8Array]Uint8Array',
    '[object Map]Map',
    '[object Object]Object',
    '[object BigInt]BigInt',
  ]);
  expect(await page.evaluate(`bridge.invoke('buffer').then((x) => x.constructor === Uint8Array)`)).toBe(true);
});

test('what cannot be cloned throws, on both sides', async () => {
  const { page } = await launch(echo);
  const attempt = (argument: string): Promise<unknown> =>
    page.evaluate(
      `(async () => bridge.invoke('echo', ${argument}))().then(String, (error) => error.message)`,
    );
  for (const argument of [
    ...['() => {}', '{ deep: [() => {}] }', 'document.body', '{ node: document.body }'],
    ...['new Proxy({ a: 1 }, {})', 'new Proxy([1], {})', '{ deep: { proxy: new Proxy({ a: 1 }, {}) } }'],
    ...['{ call() {}, proxy: new Proxy({ f() {} }, {}) }', 'new WeakMap()', '{ later: Promise.resolve() }'],
  ])
    expect(await attempt(argument), argument).toBe(cannot);
  for (const channel of ['function', 'proxy'])
    expect(await page.evaluate(`bridge.invoke('${channel}').catch((error) => error.message)`)).toBe(
      `Error invoking remote method '${channel}': Error: ${cannot}`,
    );
});

test('a rejected handler arrives as a message and nothing more', async () => {
  const app = await launch(echo);
  const attempt = (channel: string): Promise<unknown> =>
    app.page.evaluate(`bridge.invoke('${channel}').catch((error) =>
      [error instanceof Error, error.constructor === Error, error.message, error.code, Object.keys(error)])`);
  const error = (channel: string, words: string): unknown[] => [
    ...[true, true, `Error invoking remote method '${channel}': ${words}`, undefined, []],
  ];
  expect(await attempt('fail')).toEqual(error('fail', 'TypeError: wrong'));
  expect(await attempt('fail with a string')).toEqual(error('fail with a string', 'just words'));
  expect(await attempt('nothing')).toEqual(error('nothing', "Error: No handler registered for 'nothing'"));
  expect(app.log()).toContain("Error occurred in handler for 'fail'");
});

test('what is exposed is copied and frozen, functions and promises are proxied, errors keep their message', async () => {
  const { page } = await launch(echo);
  expect(
    await page.evaluate(`(async () => {
    const thrown = (call) => { try { call() } catch (error) { return [error.constructor === Error, error.message, error.code] } };
    class Made { own = 1; get inherited() { return 2 } }
    const made = bridge.echo(new Made());
    const sent = { list: [1] };
    return {
      frozen: [bridge, bridge.data, bridge.data.list, bridge.echo].every(Object.isFrozen),
      fixed: (window.bridge = 1, typeof window.bridge),
      prototype: [Object.keys(bridge.data.made), Object.getPrototypeOf(made) === Object.prototype, made.inherited],
      copied: [bridge.echo(sent) !== sent, bridge.echo(sent).list[0], bridge.echo({ f: (x) => x + 1 }).f(1)],
      symbol: bridge.echo({ a: Symbol('x'), b: 1 }),
      callback: bridge.call((a, b) => a + b, 1, 2),
      promise: await bridge.echo(Promise.resolve(new Map([[1, 2]]))).then((map) => map.get(1)),
      thrown: thrown(() => bridge.throws()),
      backThrown: thrown(() => bridge.call(() => { throw new RangeError('mine') })),
      rejected: await bridge.rejects().catch((error) => [error.constructor === Error, error.message, error.code]),
      error: [bridge.echo(new TypeError('words')).constructor === Error, bridge.echo(new TypeError('words')).message],
    };
  })()`),
  ).toEqual({
    frozen: true,
    fixed: 'object',
    prototype: [['own'], true, undefined],
    copied: [true, 1, 2],
    symbol: { a: undefined, b: 1 },
    callback: 3,
    promise: 2,
    thrown: [true, 'no', undefined],
    backThrown: [true, 'mine', undefined],
    rejected: [true, 'never', undefined],
    error: [true, 'words'],
  });
});

test('the page sees what was exposed, and no trace of how; a sub-frame sees nothing', async () => {
  const html = `<script>window.first = [typeof bridge.invoke, bridge.seen.scripts]; var mine = 1;</script><iframe></iframe>`;
  const { page } = await launch(echo, { html });
  const names = `Object.getOwnPropertyNames(window)`;
  const beyond = `(() => { const plain = Object.getOwnPropertyNames(frames[0]);
    return ${names}.filter((name) => !plain.includes(name)) })()`;
  expect(await page.evaluate(beyond)).toEqual(expect.arrayContaining(['bridge', 'first', 'mine']));
  expect(
    (await page.evaluate<string[]>(beyond)).filter(
      (name) => !/^(bridge|first|mine|\d|names|on.*)$/.test(name),
    ),
  ).toEqual([]);
  expect(await page.evaluate('first')).toEqual(['function', 0]);
  expect(await page.evaluate('[typeof require, typeof process, typeof ipcRenderer, typeof module]')).toEqual(
    Array(4).fill('undefined'),
  );
});

test('a preload may require only electron, and what the stand-in lacks says so', async () => {
  const preload = join(temporaryFolder(), 'preload.cjs');
  const cases = [
    `require('node:fs')`,
    `require('electron').webFrame`,
    `require('electron').ipcRenderer.sendSync`,
    `process.env`,
  ];
  const attempts = [...cases, `require('url')`, `Buffer.from('')`].map(
    (text) => `(() => { try { ${text} } catch (error) { return error.message } })()`,
  );
  writeFileSync(
    preload,
    `const window = 1; require('electron').contextBridge.exposeInMainWorld('tried', [${attempts.join()}])`,
  );
  const { page } = await launch(echo, { preload });
  expect(await page.evaluate('tried')).toEqual([
    'module not found: node:fs',
    'The stand-in has no electron.webFrame',
    'The stand-in has no electron.ipcRenderer.sendSync',
    'The stand-in has no process.env',
    'The stand-in has no url for a preload',
    'The stand-in has no Buffer.from',
  ]);
});

test('main sends to a page as long as it listens', async () => {
  const app = await launch(({ app, BrowserWindow, ipcMain }, { open }) => {
    ipcMain.handle('send', (event, ...args: unknown[]) => event.sender.send('news', ...args));
    ipcMain.handle('send a function', () => {
      try {
        BrowserWindow.getAllWindows()[0]!.webContents.send('news', () => {});
      } catch (error) {
        return String(error);
      }
    });
    void app.whenReady().then(() => open());
  });
  const events = (): Promise<unknown> => app.page.evaluate('bridge.events().map((args) => args.map(String))');
  await app.page.evaluate(
    `window.stop = bridge.listen('news'); bridge.invoke('send', 1n, new Date(0).getTime())`,
  );
  await until(async () => JSON.stringify(await events()) === '[["1","0"]]');
  expect(await app.page.evaluate(`bridge.invoke('send a function')`)).toBe(`Error: ${cannot}`);
  await app.page.evaluate(`stop(); bridge.invoke('send', 2)`);
  expect(await events()).toEqual([['1', '0']]);
});

test('a handler sees which frame calls', async () => {
  const app = await launch(({ app, ipcMain, BrowserWindow }, { open }) => {
    ipcMain.handle('who', ({ sender, senderFrame, processId, frameId }) => {
      const [window] = BrowserWindow.getAllWindows();
      return {
        same: [sender === window!.webContents, senderFrame === sender.mainFrame],
        known: [BrowserWindow.fromWebContents(sender) === window, typeof processId, typeof frameId],
        frame: [senderFrame!.url, senderFrame!.origin, senderFrame!.parent?.url ?? null],
      };
    });
    void app.whenReady().then(() => open());
  });
  const known = [true, 'number', 'number'];
  const url = 'app://fixture/index.html';
  await app.page.evaluate(`history.pushState(null, '', '#part')`);
  expect(await app.page.evaluate(`bridge.invoke('who')`)).toEqual({
    ...{ same: [true, true], known },
    frame: [`${url}#part`, 'app://fixture', null],
  });
  expect(await app.invokeFrom({ url: 'https://evil.example/x' }, 'who', [])).toEqual({
    ...{ same: [true, false], known },
    frame: ['https://evil.example/x', 'https://evil.example', `${url}#part`],
  });
  const alone = await app.invokeFrom({ url: 'about:blank', inside: false }, 'who', []);
  expect(alone).toMatchObject({ frame: ['about:blank', 'null', null] });
});
