// Starting with the computer, into the tray: a login item where the system has those, else a file of the desktop's.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { app } from 'electron';
import { Failure } from '../protocol/failures.ts';

/** Says that Signet was started by the system, not by its user. */
const HIDDEN = '--hidden';
const NAME = 'chat.signet';

/** macOS passes no arguments to a login item, but tells. */
export const wasStartedHidden = (): boolean =>
  process.argv.includes(HIDDEN) ||
  (process.platform === 'darwin' && app.getLoginItemSettings().wasOpenedAtLogin);

export class Autostart {
  readonly #login: { path: string; args: string[]; name: string };
  /** https://specifications.freedesktop.org/autostart-spec/latest/ */
  readonly #desktopFile: string;

  /** @param profile the folder that Signet was told to take, if it was: each has an entry of its own */
  constructor(profile?: string) {
    const name =
      profile === undefined
        ? NAME
        : `${NAME}.${createHash('sha256').update(profile).digest('hex').slice(0, 12)}`;
    this.#desktopFile = join(app.getPath('appData'), 'autostart', `${name}.desktop`);
    // An AppImage and a portable program are unpacked elsewhere when they run. What an AppImage starts has its
    // variables, too.
    const { APPIMAGE, APPDIR, PORTABLE_EXECUTABLE_FILE } = process.env;
    const image = APPDIR && process.execPath.startsWith(APPDIR + sep) ? APPIMAGE : undefined;
    const path = image ?? PORTABLE_EXECUTABLE_FILE ?? process.execPath;
    const args = [
      // Of an app that is not packed, Electron has to be told where it is.
      ...(app.isPackaged ? [] : [resolve(process.argv[1] ?? '.')]),
      ...(profile === undefined ? [] : ['--profile', profile]),
      HIDDEN,
    ];
    this.#login = { path, args, name };
    // Windows keeps one line of text, and Electron puts nothing in quotes: not to write it, nor to find it again.
    if (process.platform === 'win32') {
      this.#login.path = `"${path}"`;
      this.#login.args = args.map((one) => (one.includes(' ') ? `"${one}"` : one));
    }
  }

  get isOn(): boolean {
    if (process.platform === 'linux') return startsSomething(this.#desktopFile);
    const { openAtLogin, launchItems } = app.getLoginItemSettings(this.#login);
    if (process.platform !== 'win32') return openAtLogin;
    // That one is of an entry without a name of its own. Windows keeps apart what its Task Manager has switched off.
    return launchItems.some(({ name, enabled }) => name === this.#login.name && enabled);
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

/** A desktop's own settings may switch an entry off and leave it there. */
function startsSomething(desktopFile: string): boolean {
  try {
    return !/^(Hidden=true|X-GNOME-Autostart-enabled=false)$/m.test(readFileSync(desktopFile, 'utf8'));
  } catch {
    // None, or one that nobody can read.
    return false;
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
