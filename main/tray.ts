// The icon in the system's tray: Signet goes on there while its window is closed.
import { Menu, nativeImage, Tray } from 'electron';

type Options = { icon: string; onOpen: () => void; onQuit: () => void };

/** @returns undefined where the system has no tray; the window must not be hidden then */
export function openTray({ icon, onOpen, onQuit }: Options): Tray | undefined {
  try {
    const image = nativeImage.createFromPath(icon);
    // macOS colours it itself, for a light bar and a dark one.
    if (process.platform === 'darwin') image.setTemplateImage(true);
    const tray = new Tray(image);
    tray.setContextMenu(
      Menu.buildFromTemplate([
        { label: 'Open Signet', click: onOpen },
        { type: 'separator' },
        { label: 'Quit Signet', click: onQuit },
      ]),
    );
    tray.on('click', onOpen);
    showUnreadInTray(tray, 0);
    return tray;
  } catch (error) {
    console.error(`There is no tray: ${String(error)}`);
    return undefined;
  }
}

export function showUnreadInTray(tray: Tray, unread: number): void {
  tray.setToolTip(unread > 0 ? `Signet: ${unread} unread` : 'Signet');
}
