// The one window: a sandboxed page that can go nowhere else. Closing it leaves Signet in the tray, if so chosen.
import { app, BrowserWindow, dialog, type MessageBoxOptions, nativeTheme, screen, session } from 'electron';
import type { Rectangle, Session } from 'electron';
import { PAGE_URL, servePage } from './page.ts';
import type { Place } from './settings.ts';

type Options = {
  preload: string;
  /** Folder of the built page. */
  page: string;
  icon: string;
  place: Place | undefined;
  /** It is not shown before it is asked for. */
  startsHidden: boolean;
  /** Whether closing the window only hides it. */
  staysOnClose: () => boolean;
  onPlaced: (place: Place) => void;
  /** The window was looked at, or is no longer. */
  onFocus: () => void;
  /** The page has crashed again and again. */
  onBroken: () => void;
};

const MIN_SIZE = { minWidth: 720, minHeight: 480 };
const FIRST_SIZE = { width: 1100, height: 760 };
const PAPER = { light: '#FBFAF7', dark: '#151619' };
/** A page that crashes again within this time isn't loaded again. */
const CRASH_LOOP_MS = 10_000;

export function openWindow(options: Options): BrowserWindow {
  const { place } = options;
  guard(session.defaultSession);
  servePage(session.defaultSession.protocol, options.page);
  const window = new BrowserWindow({
    ...FIRST_SIZE,
    ...(place && isOnScreen(place) ? boundsOf(place) : {}),
    ...MIN_SIZE,
    show: false,
    title: 'Signet',
    icon: options.icon,
    autoHideMenuBar: true,
    backgroundColor: nativeTheme.shouldUseDarkColors ? PAPER.dark : PAPER.light,
    webPreferences: {
      preload: options.preload,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      devTools: !app.isPackaged,
      // Its dictionaries would be fetched from a server of somebody else's.
      spellcheck: false,
    },
  });
  confine(window);
  if (options.startsHidden) window.once('show', () => place?.maximized && window.maximize());
  else {
    window.once('ready-to-show', () => {
      // This shows the window, too.
      if (place?.maximized) window.maximize();
      else window.show();
    });
  }
  window.on('page-title-updated', (event) => event.preventDefault());
  window.on('focus', options.onFocus);
  window.on('close', (event) => {
    options.onPlaced({ ...window.getNormalBounds(), maximized: window.isMaximized() });
    if (!options.staysOnClose()) return;
    event.preventDefault();
    // There, a window that is hidden in full screen leaves a black one behind.
    if (process.platform !== 'darwin' || !window.isFullScreen()) return window.hide();
    window.once('leave-full-screen', () => window.hide());
    window.setFullScreen(false);
  });
  reviveAfterCrash(window, options.onBroken);
  void window.loadURL(PAGE_URL);
  return window;
}

/** Brings the window to the front, wherever it was. */
export function showWindow(window: BrowserWindow): void {
  if (window.isMinimized()) window.restore();
  window.show();
  window.focus();
}

/** Asks the user. @returns the number of the button */
export type Ask = (question: MessageBoxOptions) => Promise<number>;

/** Asks over the window where it is to be seen: on macOS a question of its own keeps everything waiting. */
export async function askOver(
  window: BrowserWindow | undefined,
  question: MessageBoxOptions,
): Promise<number> {
  const { response } = await (window && !window.isDestroyed() && window.isVisible() && !window.isMinimized()
    ? dialog.showMessageBox(window, question)
    : dialog.showMessageBox(question));
  return response;
}

/** The page needs no permission at all. */
function guard(session: Session): void {
  session.setPermissionRequestHandler((_contents, _permission, callback) => callback(false));
  session.setPermissionCheckHandler(() => false);
  session.setDevicePermissionHandler(() => false);
}

/** The page stays where it is: no navigation, no other windows, no guests. */
function confine({ webContents }: BrowserWindow): void {
  // No policy of the page's own governs this one way out of it.
  webContents.setWebRTCIPHandlingPolicy('disable_non_proxied_udp');
  webContents.setWindowOpenHandler(() => ({ action: 'deny' }));
  webContents.on('will-navigate', (event) => event.preventDefault());
  webContents.on('will-redirect', (event) => event.preventDefault());
  webContents.on('will-attach-webview', (event) => event.preventDefault());
}

function reviveAfterCrash(window: BrowserWindow, onBroken: () => void): void {
  let last = -CRASH_LOOP_MS;
  window.webContents.on('render-process-gone', (_event, { reason }) => {
    if (reason === 'clean-exit') return;
    console.error(`The page's process is gone (${reason}).`);
    const now = performance.now();
    if (now - last < CRASH_LOOP_MS) return onBroken();
    last = now;
    void window.loadURL(PAGE_URL);
  });
}

const boundsOf = ({ x, y, width, height }: Place): Rectangle => ({ x, y, width, height });

/** Whether enough of the title bar lies on a screen for it to be found and moved: screens come and go. */
function isOnScreen({ x, y, width }: Rectangle): boolean {
  return screen.getAllDisplays().some(({ workArea }) => {
    const overlap = Math.min(x + width, workArea.x + workArea.width) - Math.max(x, workArea.x);
    return overlap >= 100 && y >= workArea.y && y < workArea.y + workArea.height - 40;
  });
}
