// New versions: asked for from time to time, fetched in the background, installed when the user quits. What is fetched
// must have the checksum that was announced over TLS; a package that is signed takes only what the same ones signed.
import { EventEmitter } from 'node:events';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import type { AppUpdater, UpdateInfo } from 'electron-updater';
import type { Update } from '../preload/contract.ts';

/** The relay comes first after a start. */
const FIRST_MS = 10_000;
const AGAIN_MS = 6 * 3600_000;
/** Of release notes, what a person would read. */
const NOTES_LENGTH = 8000;

/** Where the app runs, and what it was started with. */
export type Place = {
  isPackaged: boolean;
  platform: NodeJS.Platform;
  /** Folder of the package's own files. */
  resources: string;
  env: Partial<Record<string, string>>;
};

/** Why this installation can't update itself, as a sentence; null if it can. */
export function whyNoUpdates({ isPackaged, platform, resources, env }: Place): string | null {
  if (!isPackaged) return 'This Signet was started from its sources, and changes with them.';
  if (existsSync(join(resources, 'package-type')))
    return "This Signet is kept up to date by the system's packages.";
  // An AppImage that started another program leaves its variables to it: that one's file must not be replaced.
  const isAppImage = env['APPIMAGE'] && env['APPDIR'] && resources.startsWith(env['APPDIR'] + sep);
  if ((platform === 'linux' && !isAppImage) || env['PORTABLE_EXECUTABLE_FILE'])
    return 'This kind of package does not update itself: get new versions where you got this one.';
  if (platform === 'linux' && !mayWrite(dirname(env['APPIMAGE']!)))
    return `Signet may not write to ${dirname(env['APPIMAGE']!)}, where its AppImage is: move that elsewhere.`;
  if (!namesFeed(join(resources, 'app-update.yml')))
    return 'Whoever made this package has named no place for updates: get new versions where you got this one.';
  return null;
}

function mayWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether the package says where updates are, and that is reached over TLS. */
function namesFeed(file: string): boolean {
  const feed = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return /^provider: (?!generic)/m.test(feed) || /^url: ['"]?https:/m.test(feed);
}

/** Fetches electron-updater, which is only loaded where it is needed, and shuts what it leaves open. */
async function loadUpdater(): Promise<AppUpdater> {
  const { autoUpdater: updater } = await import('electron-updater');
  updater.logger = null;
  updater.allowDowngrade = false;
  updater.allowPrerelease = false;
  updater.disableWebInstaller = true;
  // It says "prerelease" only of what GitHub calls so.
  const isSupported = updater.isUpdateSupported;
  updater.isUpdateSupported = (info) => !info.version.includes('-') && isSupported(info);
  // In place of a number by which a server could tell one user from another.
  updater.requestHeaders = { 'x-user-staging-id': 'none' };
  // Wherever a server sends it to.
  updater.netSession.webRequest.onBeforeRequest(({ url }, answer) =>
    answer({ cancel: !url.startsWith('https:') }),
  );
  return updater;
}

type Options = {
  place: Place;
  /** Whether the user wants updates. */
  wanted: boolean;
  load?: () => Promise<AppUpdater>;
};

export class Updates extends EventEmitter<{ changed: [update: Update] }> {
  readonly #hindrance: string | null;
  readonly #load: () => Promise<AppUpdater>;
  #updater: AppUpdater | undefined;
  #wanted: boolean;
  #state: Update;
  #cancel: (() => void) | undefined;
  /** electron-updater does one thing at a time: who asks meanwhile gets that one's end, though it was called off. */
  #turn: Promise<void> = Promise.resolve();

  constructor({ place, wanted, load = loadUpdater }: Options) {
    super();
    this.#hindrance = whyNoUpdates(place);
    this.#load = load;
    this.#wanted = wanted;
    this.#state = this.#atRest();
  }

  get state(): Update {
    return this.#state;
  }

  /** Checks in a while, and then every few hours. */
  start(): void {
    if (this.#hindrance !== null) return;
    setTimeout(() => void this.check(), FIRST_MS);
    setInterval(() => void this.check(), AGAIN_MS);
  }

  /** The user wants updates, or no longer does: then also none that is ready already, but on macOS, which has taken
   * that over by then. */
  async want(wanted: boolean): Promise<void> {
    if (this.#hindrance !== null || wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#cancel?.();
    this.#become(this.#atRest());
    if (this.#updater) this.#updater.autoInstallOnAppQuit = wanted;
    await this.check();
  }

  /** Looks for an update and fetches it, unless that is going on or done. What fails is the new state. */
  async check(): Promise<void> {
    if (this.#state.name !== 'idle' && this.#state.name !== 'failed') return;
    const checking = this.#become({ name: 'checking' });
    await (this.#turn = this.#turn.then(() => this.#fetch(checking)));
  }

  async #fetch(checking: Update): Promise<void> {
    if (this.#state !== checking) return;
    // A step counts only as long as nothing else has happened: the user may have changed their mind.
    let own: Update = checking;
    const go = (next: Update): void => {
      if (this.#state === own) own = this.#become(next);
    };
    try {
      this.#updater ??= await this.#prepare();
      const found = await this.#updater.checkForUpdates();
      if (!found?.isUpdateAvailable) return go({ name: 'idle' });
      this.#cancel = () => found.cancellationToken?.cancel();
      if (this.#state !== own) this.#cancel();
      const about = { version: found.updateInfo.version, notes: notesOf(found.updateInfo) };
      go({ name: 'fetching', ...about });
      await found.downloadPromise;
      go({ name: 'ready', ...about });
    } catch (error) {
      if (this.#state === own) this.#fail(error);
    }
  }

  async #prepare(): Promise<AppUpdater> {
    const updater = await this.#load();
    updater.autoInstallOnAppQuit = this.#wanted;
    // The rest is told to who asked; this one comes from macOS, which has looked at what it is to install.
    updater.on('error', (error) => this.#state.name === 'ready' && this.#fail(error));
    return updater;
  }

  #atRest(): Update {
    return this.#hindrance === null && this.#wanted
      ? { name: 'idle' }
      : { name: 'off', why: this.#hindrance };
  }

  #fail(error: unknown): void {
    // Being offline is nothing that a log has to know.
    const why = whyFailed(error);
    if (why !== UNREACHABLE) console.error(`The update failed: ${String(error).split('\n')[0]}`);
    this.#become({ name: 'failed', why });
  }

  #become(state: Update): Update {
    this.#state = state;
    this.emit('changed', state);
    return state;
  }
}

function notesOf({ releaseNotes }: UpdateInfo): string {
  const notes = Array.isArray(releaseNotes)
    ? releaseNotes.map(({ version, note }) => `${version}\n${note ?? ''}`).join('\n\n')
    : (releaseNotes ?? '');
  return notes.slice(0, NOTES_LENGTH).trim();
}

const UNREACHABLE = 'The place for updates could not be reached. Signet asks again later.';
/** By electron-updater's codes and those of files. */
const sentences: Partial<Record<string, string>> = {
  ERR_CHECKSUM_MISMATCH:
    'What came is not what was announced: its checksum differs. It was thrown away. Signet tries again later.',
  ERR_UPDATER_INVALID_SIGNATURE:
    'The update is not signed by who has signed this Signet. It was thrown away. Tell who you got Signet from.',
  ENOSPC: 'There is no room on the disk for the update. Make room, then check again.',
  EACCES: "The update can't be stored or put in place: Signet may not write there.",
  EROFS: "The update can't be stored or put in place: Signet may not write there.",
};

function whyFailed(error: unknown): string {
  const { code = '', message = '' } = error as NodeJS.ErrnoException;
  if (message.startsWith('net::')) return UNREACHABLE;
  return (
    sentences[code] ??
    'The place for updates answered with something that Signet can not use. Signet asks again later.'
  );
}
