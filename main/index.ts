// The app, composed from top to bottom: profile, window, the door between them, tray, notifications, and the end.
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { app, type BrowserWindow, dialog, nativeImage, powerMonitor, type Tray } from 'electron';
import { Failure } from '../protocol/failures.ts';
import appIcon from '../build/icons/icon.png?asset';
import trayIcon from '../build/icons/tray.png?asset';
import unreadIcon from '../build/icons/unread.png?asset';
import { gatherChanges } from './changes.ts';
import { handlersFor } from './handlers.ts';
import { asData, serve, teller } from './ipc.ts';
import { offerContextMenu, setMenu } from './menu.ts';
import { Notifications } from './notifications.ts';
import { registerPageScheme } from './page.ts';
import { Profile } from './profile.ts';
import { Settings } from './settings.ts';
import { openTray, showUnreadInTray } from './tray.ts';
import { openWindow, showWindow } from './window.ts';

/** How long quitting waits for what is being sealed and stored; never for the network. */
const QUIT_MS = 5000;

// A profile is a folder; each has one instance, since the lock goes by it.
const { values } = parseArgs({
  args: process.argv.slice(app.isPackaged ? 1 : 2),
  options: { profile: { type: 'string' } },
  // Chromium's own switches stand among the arguments, too.
  strict: false,
});
if (typeof values.profile === 'string') {
  const directory = resolve(values.profile);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  app.setPath('userData', directory);
}
app.enableSandbox();
app.setAppUserModelId('chat.signet.desktop');
registerPageScheme();
if (app.requestSingleInstanceLock()) start();
else app.quit();

function start(): void {
  const settings = new Settings(app.getPath('userData'));
  const profile = new Profile(app.getPath('userData'));
  let window: BrowserWindow | undefined;
  let tray: Tray | undefined;
  let showing: string | null = null;
  let quitting = false;
  let closed: Promise<void> | undefined;

  const contents = (): BrowserWindow['webContents'] | undefined =>
    window && !window.isDestroyed() ? window.webContents : undefined;
  const tell = teller(contents);
  const open = (): void => {
    if (window && !window.isDestroyed()) showWindow(window);
  };
  const isLookedAt = (contact: string): boolean => contact === showing && window?.isFocused() === true;

  const notifications = new Notifications({
    isNeedless: (contact) => !settings.chosen.notifications || isLookedAt(contact),
    onClick: (contact) => {
      open();
      tell('conversationOpened', { contact });
    },
  });
  const showUnread = (unread: number): void => {
    window?.setTitle(unread > 0 ? `(${unread}) Signet` : 'Signet');
    if (tray) showUnreadInTray(tray, unread);
    if (process.platform === 'win32') {
      const icon = unread > 0 ? nativeImage.createFromPath(unreadIcon) : null;
      window?.setOverlayIcon(icon, unread > 0 ? `${unread} unread messages` : '');
    } else app.setBadgeCount(unread);
  };

  profile.on('stage', (stage) => tell('stageChanged', stage));
  profile.on('connection', (connection) => tell('connectionChanged', connection));
  profile.on('failure', (failure) => {
    if (failure.code === 'internal') console.error(failure.cause);
    tell('failed', asData(failure));
  });
  profile.on('messenger', (messenger) => {
    showUnread(messenger.conversations.unread);
    messenger.on('message', ({ from }) => notifications.announce(from));
    gatherChanges(messenger, (changes, unread) => {
      tell('changed', changes);
      showUnread(unread);
    });
  });
  const handlers = handlersFor({
    profile,
    settings,
    onLooked: (contact) => {
      showing = contact;
      if (contact && isLookedAt(contact)) notifications.withdraw(contact);
    },
  });
  serve(contents, handlers);

  app.on('second-instance', open);
  app.on('activate', open);
  app.on('before-quit', (event) => {
    quitting = true;
    if (closed) return;
    event.preventDefault();
    closed = Promise.race([profile.close(), delay(QUIT_MS)]).catch((error: unknown) =>
      console.error('Closing the profile failed:', error),
    );
    void closed.then(() => app.quit());
  });
  app.on('window-all-closed', () => app.quit());
  process.on('unhandledRejection', (error) => {
    console.error('A failure that nobody expected:', error);
    tell('failed', asData(Failure.from(error)));
  });
  process.on('uncaughtException', stop);

  app
    .whenReady()
    .then(() => {
      setMenu();
      window = openWindow({
        preload: join(import.meta.dirname, '../preload/index.cjs'),
        page: join(import.meta.dirname, '../renderer'),
        icon: appIcon,
        place: settings.place,
        staysOnClose: () =>
          !quitting && (process.platform === 'darwin' || (tray !== undefined && settings.chosen.keepRunning)),
        onPlaced: (place) => settings.change({ place }),
        onFocus: () => showing && notifications.withdraw(showing),
        onBroken: () => {
          dialog.showErrorBox(
            'The window has crashed',
            'It crashed twice in a row. Nothing is lost. Please start Signet again.',
          );
          app.quit();
        },
      });
      offerContextMenu(window.webContents);
      tray = openTray({ icon: trayIcon, onOpen: open, onQuit: () => app.quit() });
      powerMonitor.on('resume', () => profile.stage.name === 'ready' && profile.messenger.reconnect());
      void profile.open();
    })
    .catch(stop);
}

/** Nothing sensible can go on. What was sent and received is on the disk already. */
function stop(error: unknown): void {
  console.error('A failure that nobody expected:', error);
  dialog.showErrorBox(
    'Signet has to stop',
    'Something went wrong inside. What was sent and received is stored. Please start Signet again.',
  );
  app.exit(1);
}
