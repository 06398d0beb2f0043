// The app, composed from top to bottom: profile, window, the door between them, tray, notifications, and the end.
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { app, type BrowserWindow, dialog, nativeImage, powerMonitor, type Tray } from 'electron';
import { asData } from '../preload/contract.ts';
import { Failure } from '../protocol/failures.ts';
import appIcon from '../build/icons/icon.png?asset';
import colourIcon from '../build/icons/tray.png?asset';
import templateIcon from '../build/icons/trayTemplate.png?asset';
import unreadIcon from '../build/icons/unread.png?asset';
import { gatherChanges } from './changes.ts';
import { handlersFor } from './handlers.ts';
import { serve, teller } from './ipc.ts';
import { offerContextMenu, setMenu } from './menu.ts';
import { linkIn, openLinks } from './links.ts';
import { Notifications } from './notifications.ts';
import { registerPageScheme } from './page.ts';
import { Profile } from './profile.ts';
import { Settings } from './settings.ts';
import { openTray, showUnreadInTray } from './tray.ts';
import { openWindow, showWindow } from './window.ts';

/** How long quitting waits for what is being sealed and stored; never for the network. */
const QUIT_MS = 5000;
/** And for the page to hand over what was typed a moment ago. */
const LEAVE_MS = 500;

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
const link = linkIn(process.argv);
// The order of arguments isn't kept on the way to the first instance: the link goes by itself.
if (app.requestSingleInstanceLock({ link })) start(link);
else app.quit();

function start(startedWith: string | null): void {
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
  const pageLeft = Promise.withResolvers<void>();
  const links = openLinks(startedWith, () => tell('inviteOpened', null));
  const handlers = handlersFor({
    ...{ profile, settings },
    openedInvite: links.give,
    onLeft: () => pageLeft.resolve(),
    onLooked: (contact) => {
      showing = contact;
      if (contact && isLookedAt(contact)) notifications.withdraw(contact);
    },
  });
  serve(contents, handlers);

  app.on('second-instance', (_event, _argv, _directory, handedOver) => {
    open();
    links.take((handedOver as { link: string | null }).link);
  });
  const leave = async (): Promise<void> => {
    tell('leaving', null);
    if (profile.stage.name === 'ready') await Promise.race([pageLeft.promise, delay(LEAVE_MS)]);
    await profile.close();
  };
  app.on('activate', open);
  app.on('before-quit', (event) => {
    quitting = true;
    if (closed) return;
    event.preventDefault();
    closed = Promise.race([leave(), delay(QUIT_MS)]).catch((error: unknown) =>
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
        onPlaced: (place) => {
          try {
            settings.change({ place });
          } catch (error) {
            // Where the window was isn't worth stopping for.
            console.error('The place of the window could not be kept:', error);
          }
        },
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
      tray = openTray({
        icon: process.platform === 'darwin' ? templateIcon : colourIcon,
        onOpen: open,
        onQuit: () => app.quit(),
      });
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
