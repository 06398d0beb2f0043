// The one Chromium of an app: starts when the app is ready, and gives each BrowserWindow a page.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Chromium, type Session } from './chromium.ts';
import { settings } from './settings.ts';

export type Tab = { targetId: string; session: Session };

let chromium: Chromium;
let started: Promise<unknown>;
let firstIsTaken = false;
const attached = new Map<string, Session>();
const watchers = new Map<string, () => void>();
let wake = (): void => {};

/** @param ended called with Chromium's last words when it ends before the app */
export function startDisplay(ended: (said: string) => void): {
  pid: number | undefined;
  port: Promise<string>;
} {
  const { profile, headless, size = { width: 1024, height: 768 } } = settings;
  // Only a window in app mode comes without tabs and address bar; only the first one can be had so.
  const first = headless
    ? ['--no-startup-window']
    : ['--app=data:text/html,<title>Signet</title>', `--window-size=${size.width},${size.height}`];
  chromium = new Chromium({ profile, headless, args: first });
  void chromium.ended.then(ended);
  const { browser } = chromium;
  browser.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
    if (targetInfo.openerId) return void refuse(targetInfo.targetId, chromium.session(sessionId));
    attached.set(targetInfo.targetId, chromium.session(sessionId));
    wake();
  });
  browser.on('Target.targetDestroyed', ({ targetId }) => watchers.get(targetId)?.());
  const filter = [{ type: 'page' }];
  started = Promise.all([
    browser.send('Target.setDiscoverTargets', { discover: true, filter }),
    browser.send('Target.setAutoAttach', {
      autoAttach: true,
      waitForDebuggerOnStart: true,
      flatten: true,
      filter,
    }),
  ]);
  return { pid: chromium.pid, port: readPort(join(profile, 'DevToolsActivePort')) };
}

/** A window opened by a page: it is closed before it could ask for anything, but its opener must not be left waiting. */
async function refuse(targetId: string, session: Session): Promise<void> {
  const stopped = [session.send('Fetch.enable'), session.send('Runtime.runIfWaitingForDebugger')];
  await Promise.all([...stopped, chromium.browser.send('Target.closeTarget', { targetId })]).catch(() => {});
}

/** Chromium writes the file when the port is open; the pipe may be quicker. */
async function readPort(file: string): Promise<string> {
  for (;;) {
    const [port, address] = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    if (port && address) return port;
    await setTimeout(5);
  }
}

export async function openTab(): Promise<Tab> {
  await started;
  let targetId: string | undefined;
  if (settings.headless || firstIsTaken)
    ({ targetId } = await chromium.browser.send('Target.createTarget', {
      url: 'about:blank',
      newWindow: true,
    }));
  firstIsTaken = true;
  for (;;) {
    targetId ??= attached.keys().next().value;
    const session = targetId && attached.get(targetId);
    if (session) return { targetId: targetId!, session };
    await new Promise<void>((resolve) => (wake = resolve));
  }
}

/** @param gone called when the page has been closed otherwise than by closeTab */
export function watchTab({ targetId }: Tab, gone: () => void): void {
  watchers.set(targetId, gone);
}

export async function closeTab({ targetId }: Tab): Promise<void> {
  watchers.delete(targetId);
  await chromium.browser.send('Target.closeTarget', { targetId }).catch(() => {}); // closed already
}

/** Minimized, Chromium's page says "hidden"; focus emulation makes it visible and focused. */
export async function showTab({ targetId, session }: Tab, visible: boolean, focused: boolean): Promise<void> {
  if (settings.headless) await session.send('Emulation.setFocusEmulationEnabled', { enabled: focused });
  const { windowId } = await chromium.browser.send('Browser.getWindowForTarget', { targetId });
  const windowState = visible ? 'normal' : 'minimized';
  await chromium.browser.send('Browser.setWindowBounds', { windowId, bounds: { windowState } });
  if (settings.headless) await session.send('Runtime.evaluate', { expression: focusIn(focused) });
  else if (focused) await session.send('Page.bringToFront');
}

/** Chromium without a head gives every page that is shown the focus: the document has to be told that it has none. */
const focusIn = (focused: boolean): string => `
  { const before = document.hasFocus();
    ${focused ? 'delete document.hasFocus' : 'document.hasFocus = () => false'};
    if (before !== document.hasFocus()) dispatchEvent(new Event('${focused ? 'focus' : 'blur'}')); }`;

export async function sizeTab({ targetId, session }: Tab, bounds: Electron.Rectangle): Promise<void> {
  const { x: left, y: top, width, height } = bounds;
  if (settings.headless) {
    const metrics = { width, height, deviceScaleFactor: 0, mobile: false };
    return void (await session.send('Emulation.setDeviceMetricsOverride', metrics));
  }
  const { windowId } = await chromium.browser.send('Browser.getWindowForTarget', { targetId });
  await chromium.browser.send('Browser.setWindowBounds', { windowId, bounds: { left, top, width, height } });
}

export async function colorTab({ session }: Tab, dark: boolean): Promise<void> {
  const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }];
  await session.send('Emulation.setEmulatedMedia', { features });
}
