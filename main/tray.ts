// The icon in the system's tray: Signet goes on there while its window is closed.
import { Menu, nativeImage, Tray } from 'electron';

type Options = { icon: string; onOpen: () => void; onQuit: () => void };
/** hosting: users connected to the relay that runs here besides oneself, null if none runs */
export type Standing = { unread: number; hosting: number | null };

export class TrayIcon {
  readonly #tray: Tray;
  readonly #options: Options;
  #shown: string | undefined;

  private constructor(tray: Tray, options: Options) {
    this.#tray = tray;
    this.#options = options;
    tray.on('click', options.onOpen);
    this.show({ unread: 0, hosting: null });
  }

  /** @returns undefined where the system has no tray; the window must not be hidden then */
  static open(options: Options): TrayIcon | undefined {
    try {
      const image = nativeImage.createFromPath(options.icon);
      // macOS colours it itself, for a light bar and a dark one.
      if (process.platform === 'darwin') image.setTemplateImage(true);
      return new TrayIcon(new Tray(image), options);
    } catch (error) {
      console.error(`There is no tray: ${String(error)}`);
      return undefined;
    }
  }

  show({ unread, hosting }: Standing): void {
    const relay =
      hosting === null ? '' : `Hosting a relay: ${hosting === 1 ? '1 other' : `${hosting} others`} connected`;
    const news = unread > 0 ? `${unread} unread` : '';
    const { onOpen, onQuit } = this.#options;
    const shown = [relay, news].filter((text) => text !== '').join(', ');
    // A menu that is open closes when it is set anew.
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#tray.setToolTip(shown === '' ? 'Signet' : `Signet: ${shown}`);
    this.#tray.setContextMenu(
      Menu.buildFromTemplate([
        ...(relay === '' ? [] : [{ label: relay, enabled: false }, { type: 'separator' } as const]),
        { label: 'Open Signet', click: onOpen },
        { type: 'separator' },
        { label: 'Quit Signet', click: onQuit },
      ]),
    );
  }
}
