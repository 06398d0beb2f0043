// Installs what a command needs and this machine lacks. Plain JavaScript: it runs on the Node.js that is there, from
// version 20 on, before anything was installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
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

/** Installs the npm packages of package-lock.json, unless exactly those are there. */
export function ensureNpmPackages() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const mark = join(root, 'node_modules', '.signet-lock');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === lock) return;
  console.error('Installing the npm packages ...');
  run('npm', ['ci', '--no-audit', '--no-fund']);
  writeFileSync(mark, lock);
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
