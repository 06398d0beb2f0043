// BrowserWindow: its state, its events in Electron's order, and the page of Chromium that belongs to it.
import type * as Electron from 'electron';
import { closeTab, colorTab, openTab, showTab, sizeTab, type Tab, watchTab } from './display.ts';
import { Emitter, checkOptions, guardClass, type Mirror } from './guard.ts';
import { nativeTheme } from './native-theme.ts';
import { settings } from './settings.ts';
import { WebContents } from './web-contents.ts';

/** For the application: windows come and go, and a close may be refused. */
export type Household = {
  isReady: () => boolean;
  created: (contents: WebContents) => void;
  cancelled: () => void;
  emptied: () => void;
  /** The user closed a visible window. */
  deserted: () => void;
};
let household: Household;
export function keepHouse(keeper: Household): void {
  household = keeper;
}

const known = [
  ...['width', 'height', 'x', 'y', 'minWidth', 'minHeight', 'show', 'title', 'icon', 'backgroundColor'],
  ...['autoHideMenuBar', 'webPreferences', 'center', 'useContentSize'],
];
const preferences = ['preload', 'sandbox', 'contextIsolation', 'nodeIntegration', 'webviewTag', 'spellcheck'];
const harmless = ['devTools', 'webSecurity', 'navigateOnDragDrop', 'safeDialogs'];
const events = ['close', 'closed', 'ready-to-show', 'show', 'hide', 'focus', 'blur', 'resize', 'move'];
const more = ['page-title-updated', 'minimize', 'restore', 'maximize', 'unmaximize'];

const all: BrowserWindow[] = [];
let focused: BrowserWindow | undefined;
let lastId = 0;

export class BrowserWindow extends Emitter {
  readonly id = ++lastId;
  readonly webContents: WebContents;
  flashing = false;
  #tab: Promise<Tab>;
  #title: string;
  #bounds: Electron.Rectangle;
  #visible: boolean;
  #minimized = false;
  #maximized = false;
  #destroyed = false;

  constructor(options: Electron.BrowserWindowConstructorOptions = {}) {
    super('BrowserWindow', [...events, ...more]);
    if (!household.isReady()) throw new Error('Cannot create BrowserWindow before app is ready');
    const { webPreferences = {}, width = 800, height = 600, title = 'Electron' } = options;
    checkOptions('BrowserWindow', options, known);
    checkOptions('WebPreferences', webPreferences, [...preferences, ...harmless]);
    const { sandbox = true, contextIsolation = true, ...unsafe } = webPreferences;
    if (!sandbox || !contextIsolation || unsafe.nodeIntegration || unsafe.webviewTag)
      throw new Error('The stand-in has no electron.BrowserWindow but with sandbox and context isolation');
    this.#bounds = { x: options.x ?? 100, y: options.y ?? 100, ...(settings.size ?? { width, height }) };
    this.#title = title;
    // "Whether window should be shown when created. Default is `true`."
    this.#visible = options.show ?? true;
    all.push(this);
    this.webContents = new WebContents(webPreferences);
    this.#tab = this.#open();
    this.webContents.on('-close', () => this.close());
    this.webContents.on('-focus', (on: boolean) => {
      if (!settings.headless) this.#focus(on ? this : focused === this ? undefined : focused);
    });
    this.webContents.on('-title', (title: string) => this.#titled(title));
    this.webContents.once('did-finish-load', () => this.emit('ready-to-show'));
    nativeTheme.on('updated', this.#recolor);
    household.created(this.webContents);
    if (this.#visible) this.#focus(this);
  }

  /** A new page of Chromium; of a window that was closed by the user but refused to close, already the second. */
  async #open(): Promise<Tab> {
    const tab = await openTab();
    watchTab(tab, () => this.#closedByUser());
    await Promise.all([sizeTab(tab, this.#bounds), colorTab(tab, nativeTheme.shouldUseDarkColors)]);
    await this.webContents.attach(tab.session);
    // "using this event [ready-to-show] implies that the renderer will be considered "visible" and paint even though `show`
    // is false."
    const painted = settings.headless || this.isVisible();
    void showTab(tab, painted, this.isFocused()).catch(() => {});
    return tab;
  }

  readonly #recolor = (): void => this.#onTab((tab) => colorTab(tab, nativeTheme.shouldUseDarkColors));

  #onTab(act: (tab: Tab) => Promise<void>): void {
    void this.#tab.then(act).catch(() => {}); // the page has gone in between
  }

  static getAllWindows(): BrowserWindow[] {
    return [...all];
  }

  static getFocusedWindow(): BrowserWindow | null {
    return focused ?? null;
  }

  static fromWebContents(contents: WebContents): BrowserWindow | null {
    return all.find((window) => window.webContents === contents) ?? null;
  }

  loadURL(url: string): Promise<void> {
    return this.webContents.loadURL(url);
  }

  /** "Shows and gives focus to the window." */
  show(): void {
    this.showInactive();
    this.focus();
  }

  showInactive(): void {
    const shown = this.#visible;
    this.#visible = true;
    if (!shown) this.emit('show');
    this.#onTab((tab) => showTab(tab, this.isVisible(), this.isFocused()));
  }

  hide(): void {
    const shown = this.#visible;
    this.#visible = false;
    if (shown) this.emit('hide');
    this.blur();
  }

  focus(): void {
    if (this.#visible && !this.#minimized) this.#focus(this);
  }

  blur(): void {
    if (this.isFocused()) this.#focus(undefined);
    else this.#onTab((tab) => showTab(tab, this.isVisible(), false));
  }

  #focus(next: BrowserWindow | undefined): void {
    if (focused === next) return;
    const before = focused;
    focused = next;
    for (const window of [before, next]) {
      if (!window || window.#destroyed) continue;
      window.emit(window === next ? 'focus' : 'blur');
      window.#onTab((tab) => showTab(tab, window.isVisible(), window === next));
    }
  }

  minimize(): void {
    if (this.#minimized) return;
    this.#minimized = true;
    this.emit('minimize');
    this.blur();
  }

  /** "Restores the window from minimized state to its previous state." */
  restore(): void {
    if (!this.#minimized) return;
    this.#minimized = false;
    this.emit('restore');
    this.show();
  }

  /** "Maximizes the window. This will also show (but not focus) the window if it isn't being displayed already." */
  maximize(): void {
    this.#maximized = true;
    this.emit('maximize');
    this.showInactive();
  }

  isVisible = (): boolean => this.#visible && !this.#minimized && !this.#destroyed;
  isMinimized = (): boolean => this.#minimized;
  isMaximized = (): boolean => this.#maximized;
  isFocused = (): boolean => focused === this;
  isDestroyed = (): boolean => this.#destroyed;
  getTitle = (): string => this.#title;
  getBounds = (): Electron.Rectangle => ({ ...this.#bounds });
  getNormalBounds = (): Electron.Rectangle => ({ ...this.#bounds });
  setOverlayIcon = (): void => {};
  setMenuBarVisibility = (): void => {};
  setBackgroundColor = (): void => {};

  setTitle(title: string): void {
    this.#title = title;
  }

  /** "Emitted when the document changed its title, calling `event.preventDefault()` will prevent the native window's title
   * from changing." */
  #titled(title: string): void {
    if (!this.ask('page-title-updated', {}, title, true)) this.#title = title;
  }

  setBounds(bounds: Partial<Electron.Rectangle>): void {
    const before = this.#bounds;
    this.#bounds = { ...before, ...bounds };
    const { x, y, width, height } = this.#bounds;
    if (x !== before.x || y !== before.y) this.emit('move');
    if (width !== before.width || height !== before.height) this.emit('resize');
    this.#onTab((tab) => sizeTab(tab, this.#bounds));
  }

  flashFrame(flag: boolean): void {
    this.flashing = flag;
  }

  /**
   * "Try to close the window. This has the same effect as a user manually clicking the close button of the window.
   * The web page may cancel the close though." The stand-in's page isn't asked (beforeunload).
   */
  close(): void {
    if (this.#destroyed) return;
    if (this.ask('close', {})) household.cancelled();
    else setImmediate(() => this.destroy());
  }

  /** "Force closing the window, [...] `close` event will also not be emitted for this window, but it guarantees the
   * `closed` event will be emitted." */
  destroy(): void {
    if (this.#destroyed) return;
    if (this.isFocused()) this.#focus(undefined);
    this.#destroyed = true;
    all.splice(all.indexOf(this), 1);
    nativeTheme.off('updated', this.#recolor);
    this.webContents.gone();
    void this.#tab.then(closeTab);
    this.emit('closed');
    if (all.length === 0) household.emptied();
  }

  /** page.close() or window.close(): Chromium doesn't wait for an answer. Refused, the page is opened anew. */
  #closedByUser(): void {
    if (this.#destroyed) return;
    if (!this.ask('close', {})) return this.destroy();
    household.cancelled();
    // On a real display there is no tray to bring the window back with.
    if (!settings.headless) return household.deserted();
    const url = this.webContents.getURL();
    this.#tab = this.#open();
    void this.#tab.then(() => this.loadURL(url));
  }
}

type Mirrored = Mirror<BrowserWindow, Electron.BrowserWindow, 'webContents'>;
guardClass('BrowserWindow', BrowserWindow satisfies Mirrored);
