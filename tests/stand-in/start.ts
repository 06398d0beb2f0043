// Starts an app in the stand-in as a process of its own, and sweeps up after it, however it ended.
import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endChromium, findChromium } from './chromium.ts';
import type { Told } from './control.ts';

export type Settings = {
  /** Folder of Chromium's profile. */
  profile: string;
  headless: boolean;
  size?: { width: number; height: number };
  colorScheme?: 'light' | 'dark';
  /** Folder of the package's resources; without it the app is one that is being developed. */
  resources?: string;
};

export const variable = 'SIGNET_STAND_IN';

export type Started = {
  child: ChildProcess;
  /** The exit code, null after a signal; by then Chromium has ended too, and its profile is gone. */
  exited: Promise<number | null>;
};

export function startApp(
  main: string,
  args: string[],
  settings: Omit<Settings, 'profile'>,
  { env = {}, stdio }: { env?: Record<string, string> | undefined; stdio: 'pipe' | 'inherit' },
): Started {
  findChromium(); // better here than later, in the app
  const profile = mkdtempSync(join(tmpdir(), 'signet-chromium-'));
  const told = { [variable]: JSON.stringify({ ...settings, profile } satisfies Settings) };
  // Electron warns of an unhandled rejection, where Node.js would end the process.
  const flags = ['--disable-warning=ExperimentalWarning', '--unhandled-rejections=warn-with-error-code'];
  const channels: StdioOptions = ['ignore', stdio, stdio, 'ipc'];
  const child = spawn(process.execPath, [...flags, join(import.meta.dirname, 'boot.ts'), main, ...args], {
    env: { ...process.env, ...env, ...told },
    stdio: channels,
    serialization: 'advanced',
  });
  let pid: number | undefined;
  child.on('message', (message: Told) => {
    if ('chromium' in message) pid = message.chromium;
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve)).then(async (code) => {
    // Chromium ends when the app's pipe closes, in about a second; here it is ended at once.
    if (pid) endChromium(pid);
    rmSync(profile, { recursive: true, force: true, maxRetries: 20 });
    return code;
  });
  return { child, exited };
}
