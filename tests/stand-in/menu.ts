// Menus and the tray: nothing is drawn; tests read them, and click by label.
import type * as Electron from 'electron';
import { app } from './application.ts';
import { BrowserWindow } from './browser-window.ts';
import { checkOptions, Emitter, guardClass, type Mirror, preventable } from './guard.ts';

const known = [
  'click',
  'role',
  'label',
  'type',
  'enabled',
  'checked',
  'visible',
  'submenu',
  'accelerator',
  'id',
];
const focused = (): BrowserWindow | null => BrowserWindow.getFocusedWindow();

/** "Define the action of the menu item, when specified the `click` property will be ignored." */
const roles: Partial<Record<string, () => void>> = {
  quit: () => app.quit(),
  close: () => focused()?.close(),
  hide: () => focused()?.hide(),
  minimize: () => focused()?.minimize(),
  reload: () => focused()?.webContents.reload(),
  toggleDevTools: () => focused()?.webContents.openDevTools(),
  ...Object.fromEntries(
    ['undo', 'redo', 'cut', 'copy', 'paste', 'selectAll'].map((role) => [
      role,
      () => focused()?.webContents.edit(role),
    ]),
  ),
};

export class MenuItem {
  label: string;
  type: Electron.MenuItem['type'];
  enabled: boolean;
  checked: boolean;
  visible: boolean;
  id: string;
  accelerator: string | null;
  role: Electron.MenuItemConstructorOptions['role'];
  submenu: Menu | undefined;
  click: () => void;

  constructor(options: Electron.MenuItemConstructorOptions) {
    checkOptions('MenuItem', options, known);
    const { label, role, submenu, click, type = submenu ? 'submenu' : 'normal' } = options;
    this.label = label ?? role ?? '';
    this.type = type;
    this.enabled = options.enabled ?? true;
    this.checked = options.checked ?? false;
    this.visible = options.visible ?? true;
    this.id = options.id ?? '';
    this.accelerator = options.accelerator ?? null;
    this.role = role;
    this.submenu = Array.isArray(submenu) ? Menu.buildFromTemplate(submenu) : (submenu as Menu | undefined);
    this.click = () => {
      if (!this.enabled || !this.visible)
        throw new Error(`The menu item '${this.label}' can't be clicked now`);
      // As Electron does, before it calls `click`.
      if (type === 'checkbox') this.checked = !this.checked;
      if (type === 'radio') this.checked = true;
      if (!role) return click?.(this as never, (focused() ?? undefined) as never, {});
      const act = roles[role];
      if (!act) throw new Error(`The stand-in has no electron.MenuItem role '${role}'`);
      act();
    };
  }
}

let applicationMenu: Menu | null = null;
/** Those for a right click, in the order in which they were opened. */
export const opened: Menu[] = [];

export class Menu extends Emitter {
  readonly items: MenuItem[] = [];

  constructor() {
    super('Menu', ['menu-will-show', 'menu-will-close']);
  }

  append(item: MenuItem): void {
    this.items.push(item);
  }

  popup(): void {
    opened.push(this);
  }

  static buildFromTemplate(template: (Electron.MenuItemConstructorOptions | MenuItem)[]): Menu {
    const menu = new Menu();
    for (const item of template) menu.append(item instanceof MenuItem ? item : new MenuItem(item));
    return menu;
  }

  static setApplicationMenu(menu: Menu | null): void {
    applicationMenu = menu;
  }

  static getApplicationMenu(): Menu | null {
    return applicationMenu;
  }
}

export const trays: Tray[] = [];
const trayEvents = ['click', 'double-click', 'right-click'];

export class Tray extends Emitter {
  image: Electron.NativeImage | string;
  toolTip = '';
  menu: Menu | null = null;
  #destroyed = false;

  constructor(image: Electron.NativeImage | string) {
    super('Tray', trayEvents);
    this.image = image;
    if (!app.isReady()) throw new Error('Cannot create Tray before app is ready');
    trays.push(this);
  }

  setToolTip(toolTip: string): void {
    this.toolTip = toolTip;
  }

  setImage(image: Electron.NativeImage | string): void {
    this.image = image;
  }

  setContextMenu(menu: Menu | null): void {
    this.menu = menu;
  }

  click(): void {
    this.emit('click', preventable(), { x: 0, y: 0, width: 16, height: 16 }, { x: 0, y: 0 });
  }

  destroy(): void {
    this.#destroyed = true;
  }

  isDestroyed = (): boolean => this.#destroyed;
  setIgnoreDoubleClickEvents = (): void => {};
}

type MirroredItem = Mirror<MenuItem, Electron.MenuItem, 'role' | 'submenu'>;
type MirroredMenu = Mirror<Menu, Electron.Menu, 'items' | 'append'>;
type MirroredTray = Mirror<Tray, Electron.Tray, 'setContextMenu'>;
guardClass('MenuItem', MenuItem satisfies MirroredItem);
guardClass('Menu', Menu satisfies MirroredMenu);
guardClass('Tray', Tray satisfies MirroredTray);
