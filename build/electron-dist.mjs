// Electron's own files: downloaded, or, where they can't be had, made up far enough for a package to be laid out.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { SENTINEL } from '@electron/fuses/dist/constants.js';
import { root } from './setup.mjs';

const DOWNLOAD_MS = 10 * 60_000;

/** One attempt; does nothing when Electron is there already. @param timeout milliseconds
 * @returns whether it is there now */
export function fetchElectron(timeout = DOWNLOAD_MS) {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'node_modules/electron/install.js')], {
    encoding: 'utf8',
    timeout,
  });
  if (status !== 0)
    console.log(`Electron could not be downloaded: ${stderr.split('\n')[0] || 'it took too long'}.`);
  return status === 0;
}

/** Electron's own program, once it is there. */
export const electronProgram = () => createRequire(import.meta.url)('electron');

/** The program's file: just an ELF header and the fuses, as Electron's own has them before they are flipped. */
function program() {
  const header = Buffer.alloc(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // ELF, 64 bits, little endian
  header.writeUInt16LE(2, 16); // a program
  header.writeUInt16LE(process.arch === 'arm64' ? 183 : 62, 18);
  header.writeUInt32LE(1, 20);
  const states = Buffer.from('10110001');
  return Buffer.concat([header, Buffer.from(SENTINEL), Buffer.from([1, states.length]), states]);
}

/** Makes up Electron's folder for Linux. Nothing in it runs. @returns the folder */
export function makeElectronDist() {
  const folder = join(root, 'out', 'electron-dist');
  const { version } = createRequire(import.meta.url)('electron/package.json');
  const files = {
    electron: program(),
    'chrome-sandbox': '',
    'resources.pak': '',
    'icudtl.dat': '',
    'locales/en-US.pak': '',
    LICENSE: 'Electron\n',
    'LICENSES.chromium.html': '',
    version,
  };
  rmSync(folder, { recursive: true, force: true });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content, { mode: name === 'electron' ? 0o755 : 0o644 });
  }
  return folder;
}
