// Starting with the computer, into the tray: a login item where the system has those, else a file of the desktop's.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { app } from 'electron';
import { Failure } from '../protocol/failures.ts';

/** Says that Signet was started by the system, not by its user. */
const HIDDEN = '--hidden';

/** macOS passes no arguments to a login item, but tells. */
export const wasStartedHidden = (): boolean =>
  process.argv.includes(HIDDEN) ||
  (process.platform === 'darwin' && app.getLoginItemSettings().wasOpenedAtLogin);

export class Autostart {
  readonly #login: { path: string; args: string[] };
  /** https://specifications.freedesktop.org/autostart-spec/latest/ */
  readonly #desktopFile = join(app.getPath('appData'), 'autostart', 'chat.signet.desktop');

  /** @param args what Signet is started with besides */
  constructor(args: string[]) {
    // An AppImage and a portable program are unpacked elsewhere when they run. What an AppImage starts has its
    // variables, too.
    const { APPIMAGE, APPDIR, PORTABLE_EXECUTABLE_FILE } = process.env;
    const image = APPDIR && process.execPath.startsWith(APPDIR + sep) ? APPIMAGE : undefined;
    const path = image ?? PORTABLE_EXECUTABLE_FILE ?? process.execPath;
    this.#login = { path, args: [...args, HIDDEN] };
  }

  get isOn(): boolean {
    return process.platform === 'linux'
      ? existsSync(this.#desktopFile)
      : app.getLoginItemSettings(this.#login).openAtLogin;
  }

  /** @throws Failure `folder-unusable` */
  set(wanted: boolean): void {
    if (process.platform !== 'linux') {
      return app.setLoginItemSettings({ ...this.#login, openAtLogin: wanted });
    }
    try {
      if (!wanted) return rmSync(this.#desktopFile, { force: true });
      mkdirSync(dirname(this.#desktopFile), { recursive: true });
      writeFileSync(this.#desktopFile, desktopEntry(this.#login));
    } catch (cause) {
      throw new Failure(
        'folder-unusable',
        `The file that starts Signet with the computer can't be written: ${this.#desktopFile}. Check its folder.`,
        { cause },
      );
    }
  }

  /** Names the program as it is now: an update may have moved it. */
  renew(): void {
    if (process.platform !== 'linux' || !this.isOn) return;
    try {
      this.set(true);
    } catch (error) {
      console.error('Starting with the computer could not be renewed:', error);
    }
  }
}

function desktopEntry({ path, args }: { path: string; args: string[] }): string {
  const lines = ['[Desktop Entry]', 'Type=Application', 'Name=Signet', 'Icon=signet'];
  return [...lines, `Exec=${[path, ...args].map(quoted).join(' ')}`, ''].join('\n');
}

/** https://specifications.freedesktop.org/desktop-entry-spec/latest/exec-variables.html: in quotes, with a backslash
 * before what is special in them; "%%" is a percent sign; and as in any string there, each backslash is doubled. */
const quoted = (argument: string): string =>
  `"${argument
    .replace(/["`$\\]/g, '\\$&')
    .replaceAll('%', '%%')
    .replaceAll('\\', '\\\\')}"`;
