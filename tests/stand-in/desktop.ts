// The rest of the desktop: notifications, images, dialogs, clipboard, links, screen and power. Nothing is shown.
import type * as Electron from 'electron';
import { app } from './application.ts';
import { checkOptions, Emitter, guard, guardClass, type Mirror, preventable } from './guard.ts';
import { records } from './records.ts';
import { settings } from './settings.ts';

/** Those that were shown, in that order. */
export const notifications: Notification[] = [];

export class Notification extends Emitter {
  title: string;
  body: string;
  silent: boolean;
  shown = false;

  constructor(options: Electron.NotificationConstructorOptions = {}) {
    super('Notification', ['click', 'close', 'show', 'failed']);
    checkOptions('Notification', options, ['title', 'body', 'silent', 'icon', 'urgency', 'timeoutType']);
    const { title = '', body = '', silent = false } = options;
    this.title = title;
    this.body = body;
    this.silent = silent;
  }

  static isSupported = (): boolean => true;

  /** "If the notification has been shown before, this method will dismiss the previously shown notification and create
   * a new one with identical properties." */
  show(): void {
    if (!notifications.includes(this)) notifications.push(this);
    this.shown = true;
    setImmediate(() => this.emit('show', preventable()));
  }

  close(): void {
    if (!this.shown) return;
    this.shown = false;
    setImmediate(() => this.emit('close', preventable()));
  }
}
guardClass('Notification', Notification satisfies Mirror<Notification, Electron.Notification>);

type Image = Pick<Electron.NativeImage, 'isEmpty' | 'getSize'>;

/** Images aren't decoded: one with contents says that it isn't empty. */
function image(empty: boolean): Image {
  const size = empty ? 0 : 16;
  return guard('NativeImage', { isEmpty: () => empty, getSize: () => ({ width: size, height: size }) });
}

export const nativeImage = guard('nativeImage', {
  createEmpty: () => image(true),
  createFromPath: (path: string) => image(path === ''),
  createFromDataURL: (url: string) => image(url === ''),
  createFromBuffer: (buffer: Buffer) => image(buffer.length === 0),
});

/** What the system says to every openExternal, while it is set. */
export const refusal: { message?: string | undefined } = {};

export const shell = guard('shell', {
  openExternal: async (url) => {
    tellUser(`this would open outside: ${url}`);
    if (refusal.message !== undefined) throw new Error(refusal.message);
    records.openedUrls.push(url);
  },
  showItemInFolder: (path) => void records.shownItems.push(path),
} satisfies Pick<Electron.Shell, 'openExternal' | 'showItemInFolder'>);

export const clipboard = guard('clipboard', {
  writeText: async (text) => void (records.clipboard = text),
  readText: async () => records.clipboard,
} satisfies Pick<Electron.Clipboard, 'writeText' | 'readText'>);

type Answer = { response?: number; checkboxChecked?: boolean; filePath?: string; filePaths?: string[] };
/** What the next dialogs are answered with; without one the user dismisses them. */
export const dialogAnswers: Answer[] = [];
/** Dialogs stay open while this is pending. */
export const patience: { held?: PromiseWithResolvers<void> | undefined } = {};

function checkReady(name: string): void {
  if (!app.isReady()) throw new Error(`${name} can only be used after app is ready`);
}

function tellUser(what: string): void {
  if (!settings.headless) console.error(`In Electron, ${what}`);
}

function ask(kind: string, args: unknown[]): Answer {
  checkReady('dialog module');
  tellUser(`a dialog would be here (${kind}): ${JSON.stringify(args.at(-1))}`);
  const options = args.at(-1) as { cancelId?: number };
  records.dialogs.push({
    kind,
    options: JSON.parse(JSON.stringify(options)) as unknown,
    modal: args.length > 1,
  });
  return dialogAnswers.shift() ?? { response: options.cancelId ?? 0 };
}

export const dialog = guard('dialog', {
  showErrorBox(title, content): void {
    records.dialogs.push({ kind: 'error', options: { title, content }, modal: false });
    console.error(`${title}\n${content}`);
  },
  async showMessageBox(...args: unknown[]) {
    const { response = 0, checkboxChecked = false } = ask('message', args);
    await patience.held?.promise;
    return { response, checkboxChecked };
  },
  async showSaveDialog(...args: unknown[]) {
    const { filePath = '' } = ask('save', args);
    return { canceled: filePath === '', filePath };
  },
  async showOpenDialog(...args: unknown[]) {
    const { filePaths = [] } = ask('open', args);
    return { canceled: filePaths.length === 0, filePaths };
  },
} satisfies Pick<Electron.Dialog, 'showErrorBox' | 'showMessageBox' | 'showSaveDialog' | 'showOpenDialog'>);

const area = { x: 0, y: 0, width: 1920, height: 1080 };
const unknown = { accelerometerSupport: 'unknown', touchSupport: 'unknown', colorSpace: '' } as const;
const display: Electron.Display = {
  ...{ id: 1, label: 'Stand-in', internal: false, detected: true, monochrome: false, rotation: 0 },
  ...{ colorDepth: 24, depthPerComponent: 8, displayFrequency: 60, scaleFactor: 1 },
  ...{ bounds: area, workArea: area, size: area, workAreaSize: area, nativeOrigin: { x: 0, y: 0 } },
  ...{ maximumCursorSize: { width: 64, height: 64 } },
  ...unknown,
};

export const screen = guard('screen', {
  getAllDisplays: () => [display],
  getPrimaryDisplay: () => display,
  getDisplayMatching: () => display,
} satisfies Pick<Electron.Screen, 'getAllDisplays' | 'getPrimaryDisplay' | 'getDisplayMatching'>);

const power = ['suspend', 'resume', 'lock-screen', 'unlock-screen', 'shutdown', 'on-ac', 'on-battery'];
class PowerMonitor extends Emitter {}
guardClass('powerMonitor', PowerMonitor);
export const powerMonitor = new PowerMonitor('powerMonitor', power);
