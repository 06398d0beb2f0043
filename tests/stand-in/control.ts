// The tests' hold on a running app: over the IPC channel of its process they read what it did, and act as the user.
import { app } from './application.ts';
import { BrowserWindow } from './browser-window.ts';
import { dialogAnswers, notifications, patience, powerMonitor, refusal } from './desktop.ts';
import { preventable } from './guard.ts';
import { Frame } from './frame.ts';
import { dispatch } from './ipc-main.ts';
import { Menu, type MenuItem, opened, trays } from './menu.ts';
import { setSystemTheme } from './native-theme.ts';
import { records } from './records.ts';
import type { WebContents } from './web-contents.ts';

export type RecordedItem = { label: string; enabled: boolean; checked: boolean; submenu?: RecordedItem[] };

const windows = (): BrowserWindow[] => BrowserWindow.getAllWindows();
const tray = () => trays.findLast((one) => !one.isDestroyed());

function items(menu: Menu | null | undefined): RecordedItem[] {
  const drawn = (menu?.items ?? []).filter(({ type, visible }) => visible && type !== 'separator');
  return drawn.map(({ label, enabled, checked, submenu }) => ({
    ...{ label, enabled, checked },
    ...(submenu && { submenu: items(submenu) }),
  }));
}

function find(menu: Menu | null | undefined, path: string[]): MenuItem {
  const [label, ...rest] = path;
  const item = menu?.items.find((one) => one.label === label && one.visible);
  if (!item) throw new Error(`There is no menu item '${label}', only ${JSON.stringify(items(menu))}`);
  return rest.length > 0 ? find(item.submenu, rest) : item;
}

const controls = {
  recorded: () => ({
    ...records,
    notifications: notifications.map(({ title, body, silent, shown }) => ({ title, body, silent, shown })),
    tray: trays
      .map((one) => ({ toolTip: one.toolTip, menu: items(one.menu), destroyed: one.isDestroyed() }))
      .at(-1),
    menu: items(Menu.getApplicationMenu()),
    contextMenu: items(opened.at(-1)),
    windows: windows().map((window) => ({
      title: window.getTitle(),
      visible: window.isVisible(),
      focused: window.isFocused(),
      minimized: window.isMinimized(),
      flashing: window.flashing,
      bounds: window.getBounds(),
      url: window.webContents.getURL(),
      webPreferences: window.webContents.getLastWebPreferences(),
      webRtcPolicy: window.webContents.getWebRTCIPHandlingPolicy(),
    })),
  }),
  clickNotification: (index = 0) => void notifications[index]!.emit('click', preventable()),
  closeNotification: (index = 0) => notifications[index]!.close(),
  clickTray: () => tray()!.click(),
  clickTrayItem: (...path: string[]) => find(tray()?.menu, path).click(),
  clickMenu: (...path: string[]) => find(Menu.getApplicationMenu(), path).click(),
  clickContextMenu: (...path: string[]) => find(opened.at(-1), path).click(),
  answerDialog: (answer: (typeof dialogAnswers)[number]) => void dialogAnswers.push(answer),
  /** The user lets message boxes stand, or turns to them again. */
  holdDialogs: (hold: boolean) => {
    patience.held?.resolve();
    patience.held = hold ? Promise.withResolvers() : undefined;
  },
  /** What shell.openExternal fails with from now on. */
  refuseOpening: (message?: string) => void (refusal.message = message),
  /** By the button in its frame. */
  closeWindow: (index = 0) => windows()[index]!.close(),
  /** The user turns to the window, or to another program. */
  focusWindow: (focus: boolean, index = 0) => (focus ? windows()[index]!.focus() : windows()[index]!.blur()),
  crashPage: (index = 0) => windows()[index]!.webContents.crash(),
  quit: () => app.quit(),
  activate: () => void app.emit('activate', preventable(), false),
  openUrl: (url: string) => void app.emit('open-url', preventable(), url),
  systemTheme: (theme: 'light' | 'dark') => setSystemTheme(theme),
  suspend: () => void powerMonitor.emit('suspend'),
  resume: () => void powerMonitor.emit('resume'),
  /** A call as if from another frame: of the window's page (`inside`), or of a page that main never made. */
  async invokeFrom(
    { url, inside = true }: { url: string; inside?: boolean },
    channel: string,
    args: unknown[],
  ) {
    const { webContents } = windows()[0]!;
    const frame = new Frame(99, inside ? webContents.mainFrame : null);
    frame.url = url;
    const result = await dispatch(webContents.invokeEvent(frame), channel, args);
    if ('error' in result) throw new Error(result.error);
    return result.result;
  },
  /** What main says when the page asks for a permission. */
  requestPermission: (...asked: Parameters<WebContents['askPermission']>) =>
    windows()[0]!.webContents.askPermission(...asked),
  checkPermission: (...asked: Parameters<WebContents['checkPermission']>) =>
    windows()[0]!.webContents.checkPermission(...asked),
  checkDevice: (...asked: Parameters<WebContents['checkDevice']>) =>
    windows()[0]!.webContents.checkDevice(...asked),
  /** Whether main prevents what Chromium doesn't come to here, since another bar stands before it. */
  isPrevented: (event: 'will-redirect' | 'will-attach-webview', url: string) =>
    windows()[0]!.webContents.ask(event, { url, isMainFrame: true }, url),
};

export type Controls = typeof controls;
export type Asked = { id: number; call: keyof Controls; args: never[] };
export type Told =
  { chromium: number | undefined } | { port: string } | { id: number; result?: unknown; error?: string };

/** @returns what is to be called when Chromium is started, and when its port is known */
export function serveStarter(): (told: Told) => void {
  const send = process.send?.bind(process);
  if (!send) return () => {};
  delete process.send; // Electron's main process has none
  process.on('message', ({ id, call, args }: Asked) => {
    const act = controls[call] as (...args: unknown[]) => unknown;
    Promise.resolve()
      .then(() => act(...args))
      .then((result) => send({ id, result } satisfies Told))
      .catch((error: unknown) => send({ id, error: String(error) } satisfies Told));
  });
  process.on('disconnect', () => process.exit(1)); // the tests are gone
  return (told) => void send(told);
}
