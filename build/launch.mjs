// npm start: the app, in Electron where that can be had, otherwise in a window of Chromium. Without a display it is the
// demonstration, whose windows need none.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { electronProgram, fetchElectron } from './electron-dist.mjs';
import { ensureDebianPackages, root, windowPackages } from './setup.mjs';

/** Electron is as large as a browser: who waits for the app for the first time waits so long at most. */
const DOWNLOAD_MS = 120_000;
const args = process.argv.slice(2);

function run(program, ...rest) {
  const child = spawn(program, rest, { cwd: root, stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  process.on('SIGINT', () => {});
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => resolve(signal ? 1 : code));
    child.on('error', (error) => {
      console.error(`${program} could not be started: ${error.message}`);
      resolve(1);
    });
  });
}

async function start() {
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) {
    console.log('There is no display here, so the app has nowhere to show its window.');
    console.log('In its place, the demonstration: two windows that nobody sees, and pictures of them.\n');
    ensureDebianPackages(windowPackages);
    return run(process.execPath, join(root, 'examples', 'demo.ts'), ...args);
  }
  const isElectron = fetchElectron(DOWNLOAD_MS);
  // Electron takes the app's name, and with it the profile's folder, from package.json only if it is given the folder.
  const [program, ...script] = isElectron
    ? [electronProgram(), root]
    : [process.execPath, join(root, 'tests', 'stand-in', 'run.ts'), join(root, 'out', 'main', 'index.js')];
  if (!isElectron) {
    console.log('So the app runs on Node.js, with a window of Chromium.');
    ensureDebianPackages(windowPackages);
  }
  if (!process.env.SIGNET_PASSING_KEYRING) return run(program, ...script, ...args);
  // Keys that are gone tomorrow must not belong to a profile that stays.
  const profile = mkdtempSync(join(tmpdir(), 'signet-profile-'));
  console.log(
    'There is no desktop session with a keychain here: keys and messages of this run are thrown away.',
  );
  try {
    return await run(program, ...script, ...args, '--profile', profile);
  } finally {
    rmSync(profile, { recursive: true, force: true });
  }
}

process.exit(await start());
