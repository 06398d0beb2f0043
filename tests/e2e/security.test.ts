// The window as an attacker's script in it would find it: what it is made with, what it holds, and what its content
// security policy really blocks. Values are read from the running window, not from the source.
import { expect, test } from 'vitest';
import { calls, events } from '../../preload/contract.ts';
import { temporaryFolder } from '../harness.ts';
import { openApp } from './driver.ts';
import { asPage, elsewhere } from './page-script.ts';
import { soon } from './soon.ts';

test('the window is made with the safe preferences', async () => {
  const driver = await openApp();
  const [window, ...others] = (await driver.recorded()).windows;
  expect(others).toEqual([]);
  const { preload, ...preferences } = window!.webPreferences;
  expect(preferences).toEqual({
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    webviewTag: false,
    devTools: true,
    spellcheck: false,
  });
  expect(preload).toMatch(/[\\/]out[\\/]preload[\\/]index\.cjs$/);
  expect(window!.url).toBe('app://signet/index.html');
  expect(window!.webRtcPolicy).toBe('disable_non_proxied_udp');
});

test('what Electron has made safe by itself is left as it is', async () => {
  const driver = await openApp();
  const { windows, switches, sandboxEnabled } = await driver.recorded();
  const untouched = [
    ...['webSecurity', 'allowRunningInsecureContent', 'experimentalFeatures', 'enableBlinkFeatures'],
    ...[
      'disableBlinkFeatures',
      'nodeIntegrationInWorker',
      'nodeIntegrationInSubFrames',
      'navigateOnDragDrop',
    ],
    ...['plugins', 'javascript', 'safeDialogs', 'webgl', 'partition', 'session', 'additionalArguments'],
  ];
  for (const name of untouched) expect(windows[0]!.webPreferences).not.toHaveProperty(name);
  // No switch of Chromium's either, which could do the same; and every window's process is sandboxed.
  expect(switches).toEqual([]);
  expect(sandboxEnabled).toBe(true);
});

test('developer tools are there in development only', async () => {
  type Item = { label: string; submenu?: Item[] };
  const labels = (items: Item[]): string[] =>
    items.flatMap(({ label, submenu = [] }) => [label, ...labels(submenu)]);
  const development = await openApp();
  await soon(async () => (await development.recorded()).windows[0]!.focused).toBe(true);
  await development.clickMenu('View', 'toggleDevTools');
  const before = await development.recorded();
  expect(before.devTools).toBe(1);
  expect(labels(before.menu)).toEqual(expect.arrayContaining(['reload', 'toggleDevTools']));

  const packed = await openApp({ resources: temporaryFolder() });
  const { menu, windows, protocolClients } = await packed.recorded();
  // That it takes itself for a packed one.
  expect(protocolClients).toEqual(['signet']);
  expect(windows[0]!.webPreferences.devTools).toBe(false);
  // Their shortcuts are those of these roles, or of menus that would bring them along.
  for (const label of labels(menu)) expect(label).not.toMatch(/devTools|reload|viewMenu/i);
  expect(labels(menu)).toContain('zoomIn');
});

test("the page finds the bridge and nothing else of Electron's or Node's", async () => {
  const driver = await openApp();
  await driver.page.getByLabel('Your name').waitFor();
  // A frame of its own has the names that every page has.
  const names = await asPage<string[]>(
    driver,
    `const plain = document.body.appendChild(document.createElement('iframe'));
    const common = new Set(Object.getOwnPropertyNames(plain.contentWindow));
    const own = Object.getOwnPropertyNames(window).filter((name) => !common.has(name) && name !== '0');
    const inFrame = plain.contentWindow.bridge === undefined;
    plain.remove();
    return [...own, ...(inFrame ? [] : ['the bridge in a frame'])].sort();`,
  );
  // What Vue keeps there is Vue's own, and leads nowhere.
  expect(names).toEqual(['__VUE_INSTANCE_SETTERS__', '__VUE_SSR_SETTERS__', '__VUE__', 'bridge']);
  const absent =
    'require module exports process Buffer global ipcRenderer electron __dirname setImmediate chrome.runtime'.split(
      ' ',
    );
  const found = await asPage<string[]>(
    driver,
    `return ${JSON.stringify(absent)}.filter((name) => name.split('.').reduce((at, key) => at?.[key], window) !== undefined);`,
  );
  expect(found).toEqual([]);
});

test('the bridge is exactly the contract, frozen, and hands out values only', async () => {
  const driver = await openApp();
  const shape = await asPage<Record<string, unknown>>(
    driver,
    `const { bridge } = window;
    const functions = (part) => Object.values(part).every((value) => typeof value === 'function');
    const tries = [() => { bridge.calls.join = 1; }, () => { bridge.on = 1; }, () => { bridge.extra = 1; },
      () => { bridge.calls.snapshot.constructor = 1; }, () => { window.bridge = 1; }, () => { delete window.bridge; }];
    const changed = tries.filter((attempt) => { 'use strict'; try { attempt(); } catch {} return false; }).length;
    return { parts: Object.keys(bridge).sort(), calls: Object.keys(bridge.calls).sort(), on: Object.keys(bridge.on).sort(),
      functions: functions(bridge.calls) && functions(bridge.on), changed,
      frozen: [bridge, bridge.calls, bridge.on].every(Object.isFrozen), same: window.bridge === bridge,
      prototypes: [bridge, bridge.calls, bridge.on].every((part) => Object.getPrototypeOf(part) === Object.prototype) };`,
  );
  expect(shape).toEqual({
    parts: ['calls', 'on'],
    calls: Object.keys(calls).sort(),
    on: Object.keys(events).sort(),
    functions: true,
    changed: 0,
    frozen: true,
    same: true,
    prototypes: true,
  });
  // A listener hears the value alone, not Electron's event; and no more once it has left.
  const heard = await asPage<unknown[]>(
    driver,
    `const heard = [];
    const leave = bridge.on.stageChanged((...args) => heard.push(args));
    await bridge.calls.retry();
    const { length } = heard;
    const [[value]] = heard;
    leave();
    await bridge.calls.retry();
    return [length > 0, heard.length === length, heard.every((args) => args.length === 1), JSON.stringify(value),
      Object.values(value).some((part) => typeof part === 'function'), leave.length];`,
  );
  expect(heard).toEqual([true, true, true, '{"name":"opening"}', false, 0]);
});

test('the policy that the browser got names nothing unsafe', async () => {
  const driver = await openApp();
  // The menu's item is meant for the window that has the focus.
  await soon(async () => (await driver.recorded()).windows[0]!.focused).toBe(true);
  const again = driver.page.waitForResponse((response) => response.url().endsWith('/index.html'));
  await driver.clickMenu('View', 'reload');
  const policy = (await (await again).allHeaders())['content-security-policy']!;
  const directives = new Map(
    policy.split(';').map((directive) => {
      const [name, ...sources] = directive.trim().split(/\s+/);
      return [name!, sources] as const;
    }),
  );
  expect(directives.get('default-src')).toEqual(["'none'"]);
  for (const name of ['base-uri', 'form-action', 'frame-ancestors']) {
    expect(directives.get(name), name).toEqual(["'none'"]); // default-src isn't meant for these
  }
  expect(directives.get('require-trusted-types-for')).toEqual(["'script'"]);
  expect(directives.get('trusted-types')).toEqual(['vue']);
  for (const [name, sources] of directives) {
    if (name.endsWith('-src')) expect(["'self'", "'none'"], name).toEqual(expect.arrayContaining(sources));
  }
  await driver.page.getByLabel('Your name').waitFor();
});

/** What a script might try, and the directive that has to stop it. Each may set window.ran. */
const blocked: [attempt: string, directive: RegExp][] = [
  [`const s = make('script'); s.append('window.ran = 1'); put(s);`, /^script-src|trusted-types/],
  [`const s = make('script'); s.src = '${elsewhere}/a.js'; put(s);`, /^script-src|trusted-types/],
  [
    `const b = make('button'); b.setAttribute('onclick', 'window.ran = 1'); put(b).click();`,
    /^script-src|trusted/,
  ],
  [
    `put(Object.assign(make('a'), { href: 'javascript:window.ran = 1' })).click();`,
    /^script-src|trusted-types/,
  ],
  [`eval('window.ran = 1');`, /^script-src|trusted-types/],
  [`new Function('window.ran = 1')();`, /^script-src|trusted-types/],
  [`setTimeout('window.ran = 1');`, /^script-src|trusted-types/],
  [`new Worker('data:text/javascript,');`, /worker-src|trusted-types/],
  [`import('data:text/javascript,window.ran = 1').catch(() => {});`, /^script-src/],
  [`WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])).catch(() => {});`, /^script-src/],
  [`fetch('${elsewhere}/f').catch(() => {});`, /connect-src/],
  [`fetch('/index.html').catch(() => {});`, /connect-src/],
  [`const r = new XMLHttpRequest(); r.open('GET', '${elsewhere}/x'); r.send();`, /connect-src/],
  [`new WebSocket('wss://elsewhere.invalid/w');`, /connect-src/],
  [`new EventSource('${elsewhere}/e');`, /connect-src/],
  [`navigator.sendBeacon('${elsewhere}/b', 'text');`, /connect-src/],
  [`new Image().src = '${elsewhere}/i.png';`, /img-src/],
  [`new Image().src = 'data:image/gif;base64,R0lGODlhAQABAAAAACw=';`, /img-src/],
  [`put(Object.assign(make('video'), { src: '${elsewhere}/v.mp4' })).load();`, /media-src/],
  [`put(Object.assign(make('link'), { rel: 'stylesheet', href: '${elsewhere}/s.css' }));`, /style-src/],
  [`put(make('style')).append('body { background: url(${elsewhere}/c) }');`, /style-src/],
  [`put(make('p')).setAttribute('style', 'background: url(${elsewhere}/c)');`, /style-src/],
  [`new FontFace('Far', 'url(${elsewhere}/f.woff2)').load().catch(() => {});`, /font-src/],
  [
    `put(Object.assign(make('link'), { rel: 'prefetch', href: '${elsewhere}/p' }));`,
    /default-src|prefetch-src/,
  ],
  [`put(Object.assign(make('iframe'), { src: '${elsewhere}/' }));`, /frame-src/],
  [`put(Object.assign(make('iframe'), { src: '/index.html' }));`, /frame-src/],
  [`put(Object.assign(make('object'), { data: '${elsewhere}/o.svg' }));`, /object-src|trusted-types/],
  [`put(Object.assign(make('embed'), { src: '${elsewhere}/o.svg' }));`, /object-src|trusted-types/],
  [
    `put(Object.assign(make('base'), { href: '${elsewhere}/' })); new Image().src = 'still-here.png';`,
    /base-uri/,
  ],
  [`put(Object.assign(make('form'), { action: '${elsewhere}/', method: 'post' })).submit();`, /form-action/],
];

test('the policy blocks what a script that got in would try', async () => {
  const driver = await openApp();
  await driver.page.evaluate(`window.mark = 'the same page'`);
  for (const [attempt, directive] of blocked) {
    const violation = await asPage<string>(
      driver,
      `const make = (tag) => document.createElement(tag);
      const put = (element) => document.body.appendChild(element);
      const before = new Set(document.body.children);
      const violated = new Promise((resolve) => addEventListener('securitypolicyviolation', (event) =>
        resolve(event.effectiveDirective + ' ' + event.disposition), { once: true }));
      try { ${attempt} } catch {}
      const said = await violated;
      for (const child of [...document.body.children]) if (!before.has(child)) child.remove();
      return said;`,
    );
    expect(violation, attempt).toMatch(directive);
    expect(violation, attempt).toMatch(/ enforce$/);
  }
  expect(await driver.page.evaluate('[window.ran, window.mark, document.baseURI === location.href]')).toEqual(
    [...[undefined, 'the same page', true]],
  );
  expect((await driver.recorded()).refusedRequests).toEqual([]);
});

test('texts become no markup: Trusted Types take strings nowhere', async () => {
  const driver = await openApp();
  const sinks = [
    `document.body.innerHTML = '<b>'`,
    `document.body.outerHTML = '<b>'`,
    `document.body.insertAdjacentHTML('beforeend', '<b>')`,
    `document.body.setHTMLUnsafe('<b>')`,
    `document.write('<b>')`,
    `new DOMParser().parseFromString('<b>', 'text/html')`,
    `document.createRange().createContextualFragment('<b>')`,
    `document.createElement('iframe').srcdoc = '<b>'`,
    `document.createElement('script').text = '1'`,
    `document.createElement('script').src = '/a.js'`,
    `document.execCommand('insertHTML', false, '<b>')`,
    `trustedTypes.createPolicy('mine', {})`,
    `trustedTypes.createPolicy('default', {})`,
    // The only one that is allowed, a second time: Vue has taken it.
    `trustedTypes.createPolicy('vue', {})`,
  ];
  const taken = await asPage<string[]>(
    driver,
    `const attempts = { ${sinks.map((sink, i) => `${i}: () => ${sink}`).join(',\n')} };
    return Object.entries(attempts).filter(([, attempt]) => {
      try { attempt(); return true; } catch (error) { return !(error instanceof TypeError); }
    }).map(([i, attempt]) => String(attempt));`,
  );
  expect(taken).toEqual([]);
  await driver.page.getByLabel('Your name').fill('still usable');
});
