// The app, composed from top to bottom: profile, window, the calls between them, tray, notifications, and the end.
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { app, type BrowserWindow, dialog, nativeImage, powerMonitor } from 'electron';
import { asData } from '../preload/contract.ts';
import { Failure } from '../protocol/failures.ts';
import appIcon from '../build/icons/icon.png?asset';
import colourIcon from '../build/icons/tray.png?asset';
import templateIcon from '../build/icons/trayTemplate.png?asset';
import unreadIcon from '../build/icons/unread.png?asset';
import { gatherChanges } from './changes.ts';
import { Autostart, wasStartedHidden } from './autostart.ts';
import { linkOpener } from './external.ts';
import { handlersFor } from './handlers.ts';
import { Hosting } from './hosting.ts';
import { serve, teller } from './ipc.ts';
import { offerContextMenu, setMenu } from './menu.ts';
import { linkIn, openLinks } from './links.ts';
import { Notifications } from './notifications.ts';
import { registerPageScheme } from './page.ts';
import { Profile } from './profile.ts';
import { Settings } from './settings.ts';
import { TrayIcon } from './tray.ts';
import { Updates } from './updates.ts';
import { type Ask, askOver, openWindow, showWindow } from './window.ts';

/** How long quitting waits for what is being sealed and stored; never for the network. */
const QUIT_MS = 5000;
/** And for the page to hand over what was typed a moment ago. */
const LEAVE_MS = 500;
/** How long a computer takes to be shut down, at most. */
const SHUTDOWN_MS = 60_000;

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
  const autostart = new Autostart(typeof values.profile === 'string' ? app.getPath('userData') : undefined);
  const profile = new Profile(app.getPath('userData'));
  const updates = new Updates({
    place: {
      isPackaged: app.isPackaged,
      platform: process.platform,
      resources: process.resourcesPath,
      env: process.env,
    },
    wanted: settings.chosen.updates,
  });
  let window: BrowserWindow | undefined;
  let tray: TrayIcon | undefined;
  let showing: string | null = null;
  let quitting = false;
  /** The computer is being shut down: nobody is there to be asked. */
  let isEnding = false;
  let asking = new AbortController();
  let isAsking = false;
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
  let unread = 0;
  const showInTray = (): void => {
    tray?.show({ unread, hosting: hosting.shown.state === 'on' ? hosting.shown.others : null });
  };
  const ask: Ask = (question) => askOver(window, question);
  const hosting = new Hosting({
    program: app.isPackaged
      ? join(process.resourcesPath, 'relay', 'index.mjs')
      : join(import.meta.dirname, '../relay/index.mjs'),
    ...{ profile, settings, ask },
    onChanged: () => {
      tell('hostingChanged', hosting.shown);
      showInTray();
    },
  });
  const showUnread = (count: number): void => {
    unread = count;
    window?.setTitle(unread > 0 ? `(${unread}) Signet` : 'Signet');
    showInTray();
    if (process.platform === 'win32') {
      const icon = unread > 0 ? nativeImage.createFromPath(unreadIcon) : null;
      window?.setOverlayIcon(icon, unread > 0 ? `${unread} unread messages` : '');
    } else app.setBadgeCount(unread);
  };

  profile.on('stage', (stage) => {
    tell('stageChanged', stage);
    hosting.pointHome();
  });
  profile.on('connection', (connection) => {
    tell('connectionChanged', connection);
    // Oneself is not among the others who are connected.
    tell('hostingChanged', hosting.shown);
    showInTray();
  });
  profile.on('failure', (failure) => {
    if (failure.code === 'internal') console.error(failure.cause);
    tell('failed', asData(failure));
  });
  profile.on('messenger', (messenger) => {
    showUnread(messenger.overview.unread);
    messenger.on('message', ({ from }) => notifications.announce(from));
    gatherChanges(messenger, (changes, unread) => {
      tell('changed', changes);
      showUnread(unread);
    });
  });
  updates.on('changed', (update) => tell('updateChanged', update));
  const pageLeft = Promise.withResolvers<void>();
  const links = openLinks(startedWith, () => {
    open();
    tell('inviteOpened', null);
  });
  const handlers = handlersFor({
    ...{ profile, settings, hosting, autostart, updates },
    openLink: linkOpener(ask),
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
    await hosting.close();
  };
  const quit = async (): Promise<void> => {
    if (isAsking) return;
    isAsking = true;
    const mayLeave = isEnding || (await hosting.mayLeave('Quit', asking.signal));
    isAsking = false;
    if (!mayLeave && !isEnding) return;
    quitting = true;
    closed = Promise.race([leave(), delay(QUIT_MS)]).catch((error: unknown) =>
      console.error('Closing the profile failed:', error),
    );
    await closed;
    app.quit();
  };
  app.on('activate', open);
  app.on('before-quit', (event) => {
    if (closed) return;
    event.preventDefault();
    void quit();
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
      tray = TrayIcon.open({
        icon: process.platform === 'darwin' ? templateIcon : colourIcon,
        onOpen: open,
        onQuit: () => app.quit(),
      });
      window = openWindow({
        preload: join(import.meta.dirname, '../preload/index.cjs'),
        page: join(import.meta.dirname, '../renderer'),
        icon: appIcon,
        place: settings.place,
        startsHidden: tray !== undefined && wasStartedHidden(),
        // On a desktop without a tray, starting Signet again shows the window of a host.
        staysOnClose: () =>
          !quitting &&
          (process.platform === 'darwin' ||
            hosting.shown.state !== 'off' ||
            (tray !== undefined && settings.chosen.keepRunning)),
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
      powerMonitor.on('resume', () => profile.stage.name === 'ready' && profile.messenger.reconnectNow());
      powerMonitor.on('shutdown', () => {
        isEnding = true;
        asking.abort();
        asking = new AbortController();
        // Somebody may have thought better of it.
        setTimeout(() => (isEnding = false), SHUTDOWN_MS);
      });
      autostart.renew();
      hosting.resume();
      updates.start();
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
