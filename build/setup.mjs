// Installs what a command needs and this machine lacks. Plain JavaScript: it runs on the Node.js that is there, from
// version 20 on, before anything was installed.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..');

/** Debian's packages: a window where Electron is missing; keytar's library; a secret service that needs no desktop. */
export const windowPackages = ['chromium', 'fonts-dejavu-core', 'fonts-noto-color-emoji'];
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

/** Installs the npm packages of package-lock.json, unless exactly those are there, whoever has installed them. */
export function ensureNpmPackages() {
  if (areInstalled()) return;
  console.error('Installing the npm packages ...');
  run('npm', ['ci', '--no-audit', '--no-fund']);
}

/** npm writes a list of what it has installed, and does so last. Optional packages are those of other systems. */
function areInstalled() {
  const list = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(list)) return false;
  const packagesIn = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;
  const there = packagesIn(list);
  return Object.entries(packagesIn(join(root, 'package-lock.json'))).every(
    ([path, { optional, integrity }]) => path === '' || optional || there[path]?.integrity === integrity,
  );
}

/** The project's own Node.js. Where npm was told to run no scripts (npm ci --ignore-scripts) that is an empty package, and
 * the one that runs this has to do. */
export function projectNode() {
  const own = join(root, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(own)) return own;
  if (process.versions.node.startsWith('24.')) return process.execPath;
  console.error(
    `The project runs on Node.js 24; this is ${process.version}, and npm has left out the one that`,
  );
  console.error('package.json names. "npm rebuild node" fetches it.');
  process.exit(1);
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
    console.error(`  sudo apt-get ${install.join(' ')}\n`);
    process.exit(1);
  }
  console.error(`Installing ${missing.join(', ')} ...`);
  run('apt-get', ['update', '-q']);
  run('apt-get', ['-q', ...install]);
}
