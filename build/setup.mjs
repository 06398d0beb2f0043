// Installs what a command needs and this machine lacks. Plain JavaScript: it runs on the Node.js that is there, from
// version 20.11 on, before anything was installed.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..');

const osRelease = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
export const isDebian = /^ID=debian$/m.test(osRelease);

/** Debian's packages: a window where Electron is missing; keytar's library; a secret service that needs no desktop. In
 * Ubuntu, Chromium is a snap and has its sandbox with it. */
export const windowPackages = [
  'chromium',
  ...(isDebian ? ['chromium-sandbox'] : []),
  'fonts-dejavu-core',
  'fonts-noto-color-emoji',
];
export const keytarPackages = ['libsecret-1-0'];
export const keyringPackages = ['libsecret-1-0', 'gnome-keyring', 'dbus', 'dbus-x11'];

function run(command, args) {
  // The lines of an installation belong to the log, not to a program's output.
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (error || status !== 0) {
    console.error(`\n"${command} ${args.join(' ')}" failed. Its last lines, above, say why; then try again.`);
    process.exit(1);
  }
}

/** Installs the npm packages of package-lock.json, unless exactly those are there: however they were installed.
 * @param all also those that only building, testing and the window need: eight times the others' size */
export function ensureNpmPackages(all) {
  if (arePackagesThere(all)) return;
  console.error('Installing the npm packages ...');
  // Some packages for development name a newer Node.js than the one that installs them. They run on the project's own.
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error', ...(all ? [] : ['--omit=dev'])]);
}

/** By npm's own note of what it has installed; packages for other systems may be missing in it. */
function arePackagesThere(all) {
  const note = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(note)) return false;
  const packagesIn = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;
  const there = packagesIn(note);
  const { '': _own, ...locked } = packagesIn(join(root, 'package-lock.json'));
  return (
    Object.keys(there).every((path) => path in locked) &&
    Object.entries(locked).every(([path, { integrity, optional, dev, devOptional }]) =>
      path in there ? there[path].integrity === integrity : optional || devOptional || (dev && !all),
    )
  );
}

/** The Node.js 24 that everything runs on: the project's own, or the one that runs this. A build takes any that is
 * new enough for npm install. @returns its path */
export function findNode(isAnyGood) {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const own = join(root, 'node_modules', 'node', 'bin', name);
  if (existsSync(own)) return own;
  if (isAnyGood || Number.parseInt(process.versions.node) >= 24) return process.execPath;
  console.error(
    'The npm packages were installed without their scripts, so the Node.js 24 that this runs on is',
  );
  console.error('not there. Run "npm rebuild node bun", or use a Node.js 24 of your own; then try again.');
  return process.exit(1);
}

/** Installs Debian packages as root; otherwise says which line does it. Elsewhere than on Debian, does nothing. */
export function ensureDebianPackages(names) {
  if (process.platform !== 'linux' || !existsSync('/usr/bin/dpkg-query')) return;
  const missing = names.filter((name) => {
    const { stdout } = spawnSync('dpkg-query', ['-W', '-f=${db:Status-Status}', name], { encoding: 'utf8' });
    return stdout !== 'installed';
  });
  if (missing.length === 0) return;
  const install = ['install', '-y', '--no-install-recommends', ...missing];
  if (process.getuid() !== 0) {
    console.error(`Signet needs packages that are missing here. Install them, then try again:\n`);
    console.error(`  sudo sh -c 'apt-get update && apt-get ${install.join(' ')}'\n`);
    process.exit(1);
  }
  console.error(`Installing ${missing.join(', ')} ...`);
  run('apt-get', ['update', '-q']);
  run('apt-get', ['-q', ...install]);
}
