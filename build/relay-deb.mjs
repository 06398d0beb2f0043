// The Debian package of the relay, of what dist-relay.mjs has made. Plain JavaScript, on the project's own Node.js.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { root } from './setup.mjs';

const architectures = { x64: 'amd64', arm64: 'arm64' };

/** @param archived the folder of the archive @param made the folder of the executable @returns the package's file */
export function makePackage(work, archived, made, version) {
  const folder = join(work, 'deb');
  const put = (path, content, mode = 0o644) => {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    chmodSync(file, mode);
  };
  const text = (name) => readFileSync(join(archived, name), 'utf8');
  mkdirSync(join(folder, 'usr/bin'), { recursive: true });
  copyFileSync(join(made, 'signet-relay'), join(folder, 'usr/bin/signet-relay'));
  chmodSync(join(folder, 'usr/bin/signet-relay'), 0o755);
  put('usr/lib/systemd/system/signet-relay.service', ownUnit(text('signet-relay.service')));
  put('usr/share/man/man1/signet-relay.1.gz', gzipSync(text('signet-relay.1'), { level: 9 }));
  put('usr/share/bash-completion/completions/signet-relay', text('signet-relay.bash'));
  put('usr/share/zsh/vendor-completions/_signet-relay', text('signet-relay.zsh'));
  put('usr/share/fish/vendor_completions.d/signet-relay.fish', text('signet-relay.fish'));
  put('usr/share/doc/signet-relay/copyright', readFileSync(join(made, 'signet-relay.LICENSES.md')));
  put('etc/signet-relay.env', text('signet-relay.env'));
  put('DEBIAN/conffiles', '/etc/signet-relay.env\n');
  for (const name of ['postinst', 'prerm', 'postrm']) {
    put(`DEBIAN/${name}`, readFileSync(join(root, 'build/relay/deb', name)), 0o755);
  }
  const architecture = architectures[process.arch];
  put('DEBIAN/control', control(version, architecture, kibibytesOf(folder)));
  const file = join(work, `signet-relay_${version}_${architecture}.deb`);
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', folder, file], { stdio: 'pipe' });
  return file;
}

/** The service of a program that is installed as a package, with a user that the package makes. */
function ownUnit(unit) {
  const own = unit
    .replace('ExecStart=/usr/local/bin/', 'ExecStart=/usr/bin/')
    .replace(
      '# A user of its own that exists while it runs, and one folder',
      '# A user of its own, and one folder',
    )
    .replace('DynamicUser=yes', 'User=signet-relay\nGroup=signet-relay');
  if (!own.includes('/usr/bin/signet-relay') || own.includes('DynamicUser'))
    throw new Error('The unit has changed.');
  return own;
}

function kibibytesOf(folder) {
  const files = readdirSync(folder, { recursive: true }).map((name) => statSync(join(folder, name)));
  return Math.ceil(files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0) / 1024);
}

const control = (version, architecture, size) => `Package: signet-relay
Version: ${version}
Architecture: ${architecture}
Maintainer: The Signet authors <signet@signet.example>
Installed-Size: ${size}
Depends: adduser, libc6 (>= 2.28), libstdc++6, libgcc-s1
Recommends: systemd
Section: net
Priority: optional
Homepage: https://signet.example
Description: relay of the Signet messenger
 Stores and forwards sealed messages between Signet's desktop apps, and can
 read none of them. It runs as a service, with a user and a folder of its own.
`;
