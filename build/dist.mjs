// npm run dist: packages for this system (or, after "--", what electron-builder is told) in dist/, and their check.
// npm run dist:check (--check [folder]): lays out the app without any download, checks it, and extracts it.
import { spawnSync } from 'node:child_process';
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { extractAll } from '@electron/asar';
import { fetchElectron, makeElectronDist } from './electron-dist.mjs';
import { report } from './packed.mjs';
import { root } from './setup.mjs';

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

/** Runs electron-builder on electron-builder.yml. @returns the folders that the packages were made of */
function pack(output, args) {
  const cli = join(root, 'node_modules/electron-builder/cli.js');
  const { status } = spawnSync(
    process.execPath,
    [cli, '--publish', 'never', `--config.directories.output=${output}`, ...args],
    { cwd: root, stdio: 'inherit' },
  );
  if (status !== 0) fail('\nelectron-builder failed. Its lines above say why.');
  return readdirSync(output)
    .filter((name) => /-unpacked$|^mac/.test(name))
    .map((name) => join(output, name));
}

const layOut = (output) => pack(output, ['--linux', 'dir', `--config.electronDist=${makeElectronDist()}`]);

const remove = (folder) => rmSync(folder, { recursive: true, force: true });

/** Leaves the packed app in OUTPUT/app; an earlier one stays until then, since tests may be running in it. */
async function checkLayout(output) {
  const [folder] = layOut(output);
  const app = join(output, 'app');
  if (!(await report(folder))) {
    remove(app);
    process.exit(1);
  }
  const extracting = join(output, 'extracting');
  remove(extracting);
  extractAll(join(folder, 'resources', 'app.asar'), extracting);
  remove(app);
  renameSync(extracting, app);
  console.log(`The packed app lies extracted in ${app}.`);
}

async function makePackages(args) {
  const output = join(root, 'dist');
  const electron = fetchElectron();
  if (!electron && (args.length > 0 || process.platform !== 'linux')) {
    fail('Packages need it: connect this computer to the Internet, then try again.');
  }
  if (!electron) {
    console.log('So no package is made. To see that everything is in its place, the app is laid out around');
    console.log('a made-up Electron, which can NOT be started.');
  }
  remove(output);
  const folders = electron ? pack(output, args) : layOut(output);
  for (const folder of folders) if (!(await report(folder))) process.exitCode = 1;
  if (!electron) console.log('Reminder: what is in dist/ can not be started; Electron was not there.');
}

const [first, ...rest] = process.argv.slice(2);
if (first === '--check') await checkLayout(resolve(root, rest[0] ?? 'out/dist-check'));
else await makePackages(process.argv.slice(2));
