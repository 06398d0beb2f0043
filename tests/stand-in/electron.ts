// The module `electron` as main imports it: what is imitated, and by name what isn't. Comments quote Electron's
// documentation where they imitate it. Known limits, besides those of the schemes (network.ts):
// - window.open() gives the page a window that is closed at once, where Electron's "deny" gives null.
// - No page is asked by beforeunload; a page closed by its user whose window refuses to close is loaded anew.
// - senderFrame is never null; DOM elements and Blobs don't cross contextBridge.
// - Of the permissions, a page can ask for notifications, media and geolocation; all can be asked for in its place.
// - A page that is loaded into a shown window without the focus still says document.hasFocus(), until the window's focus
//   changes; localStorage ends with the app.
// - On a display (run.ts): no tray, menu, dialog or notification is drawn, and moving the window isn't noticed.
import { missing } from './guard.ts';

export { app } from './application.ts';
export { BrowserWindow } from './browser-window.ts';
export { clipboard, dialog, nativeImage, Notification, powerMonitor, screen, shell } from './desktop.ts';
export { ipcMain } from './ipc-main.ts';
export { Menu, MenuItem, Tray } from './menu.ts';
export { nativeTheme } from './native-theme.ts';
export { net } from './net.ts';
export { protocol, session } from './network.ts';
export { utilityProcess } from './utility-process.ts';

export const autoUpdater = missing('autoUpdater');
export const BaseWindow = missing('BaseWindow');
export const BrowserView = missing('BrowserView');
export const ClipboardItem = missing('ClipboardItem');
export const contentTracing = missing('contentTracing');
export const crashReporter = missing('crashReporter');
export const desktopCapturer = missing('desktopCapturer');
export const globalShortcut = missing('globalShortcut');
export const ImageView = missing('ImageView');
export const inAppPurchase = missing('inAppPurchase');
export const IpcMainServiceWorker = missing('IpcMainServiceWorker');
export const MessageChannelMain = missing('MessageChannelMain');
export const netLog = missing('netLog');
export const parentPort = missing('parentPort');
export const powerSaveBlocker = missing('powerSaveBlocker');
export const pushNotifications = missing('pushNotifications');
export const safeStorage = missing('safeStorage');
export const ShareMenu = missing('ShareMenu');
export const sharedTexture = missing('sharedTexture');
export const systemPreferences = missing('systemPreferences');
export const TouchBar = missing('TouchBar');
export const View = missing('View');
export const webContents = missing('webContents');
export const WebContentsView = missing('WebContentsView');
export const webFrameMain = missing('webFrameMain');
export const WebSocket = missing('WebSocket');
