// npm run dist:relay: the relay for servers, in dist/: an archive for a Node.js that is there, one executable, and a
// Debian package of that.
// Plain JavaScript, on the project's own Node.js: the executable is made of the very one that runs this.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { makePackage } from './relay-deb.mjs';
import { root } from './setup.mjs';

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
/** Of the version that package.json names; npm's package of it holds the text. */
const NODE_LICENSE = 'build/relay/LICENSE.node';
/** What lies beside the program, from build/relay/. */
const RESOURCES = ['README.md', 'signet-relay.1', 'signet-relay.service', 'signet-relay.env'];
/** Node.js looks for a program in itself when the digit after this, 0, is a 1 (its documentation, "SEA"). */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** An older Node.js would stop at a module that it lacks, in words for programmers. */
const VERSION_CHECK = `if (parseInt(process.versions.node) < 24) {
  console.error(
    'signet-relay needs Node.js 24 or later, and this is ' + process.versions.node + '. ' +
      'Install a newer one, or use the executable signet-relay, which needs none.',
  );
  process.exit(1);
}`;

/** Bundles the relay into signet-relay.cjs as relay.vite.config.ts does: of the two formats the one that an executable
 * can be made of, and that runs line by line, the check of the version first. */
async function bundle(folder) {
  await build({
    root,
    configFile: join(root, 'relay.vite.config.ts'),
    logLevel: 'warn',
    build: {
      outDir: folder,
      emptyOutDir: true,
      rolldownOptions: {
        output: { format: 'cjs', entryFileNames: 'signet-relay.cjs', banner: VERSION_CHECK },
      },
    },
  });
}

/** signet-relay-VERSION.tar.gz with a folder of that name. */
async function makeArchive(work, output) {
  const name = `signet-relay-${version}`;
  const folder = join(work, name);
  await bundle(folder);
  chmodSync(join(folder, 'signet-relay.cjs'), 0o755);
  for (const shell of ['bash', 'zsh', 'fish']) {
    const script = execFileSync(process.execPath, [join(folder, 'signet-relay.cjs'), 'completion', shell]);
    writeFileSync(join(folder, `signet-relay.${shell}`), script);
  }
  for (const resource of RESOURCES) copyFileSync(join(root, 'build/relay', resource), join(folder, resource));
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  // The same files make the same archive, with GNU tar; others don't know these options.
  const isGnu = execFileSync('tar', ['--version'], { encoding: 'utf8' }).includes('GNU');
  const steady = isGnu ? ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'] : [];
  const file = join(work, `${name}.tar.gz`);
  const archive = execFileSync('tar', ['-cf', '-', ...steady, '-C', work, name], {
    maxBuffer: 64 * 1024 * 1024,
  });
  writeFileSync(file, gzipSync(archive));
  place(file, output);
  return folder;
}

/** signet-relay, with Node.js and the relay in one file; beside it the licences of all that is inside. */
async function makeExecutable(work, output) {
  const folder = join(work, 'executable');
  await bundle(folder);
  const configuration = join(folder, 'sea.json');
  const blob = join(folder, 'sea.blob');
  writeFileSync(
    configuration,
    JSON.stringify({
      main: join(folder, 'signet-relay.cjs'),
      output: blob,
      disableExperimentalSEAWarning: true,
      // Options of Node.js by the environment are not for a server that is installed once.
      execArgvExtension: 'none',
    }),
  );
  execFileSync(process.execPath, ['--experimental-sea-config', configuration], { stdio: 'pipe' });
  const file = join(folder, 'signet-relay');
  copyFileSync(process.execPath, file);
  chmodSync(file, 0o755);
  // Without its table of symbols it is a seventh smaller.
  if (spawnSync('strip', [file], { stdio: 'ignore' }).status !== 0) {
    throw new Error('The program "strip" is missing. Install it (Debian: binutils), then try again.');
  }
  await inject(file, blob);
  place(file, output);
  const text = (path) => readFileSync(path, 'utf8');
  const licenses = join(folder, 'signet-relay.LICENSES.md');
  const [own, node] = ['LICENSE', NODE_LICENSE].map((name) => text(join(root, name)));
  const libraries = text(join(folder, 'LICENSES.md'));
  writeFileSync(
    licenses,
    `# Signet\n\n${own}\n${libraries}\n# Node.js ${process.version}, which runs it\n\n${node}`,
  );
  place(licenses, output);
  return folder;
}

async function inject(file, blob) {
  const { inject } = createRequire(import.meta.url)('postject');
  // It warns of a section that Node.js has and that it has no name for, over and over.
  const { warn } = console;
  console.warn = () => {};
  await inject(file, 'NODE_SEA_BLOB', readFileSync(blob), { sentinelFuse: FUSE });
  console.warn = warn;
}

/** Moves a file to where it is wanted, and tells of it. */
function place(file, output) {
  const target = join(output, file.split(/[\\/]/).at(-1));
  copyFileSync(file, `${target}.new`);
  chmodSync(`${target}.new`, statSync(file).mode);
  renameSync(`${target}.new`, target);
  const hash = createHash('sha256').update(readFileSync(target)).digest('hex');
  console.log(`${hash}  ${target}  (${statSync(target).size.toLocaleString('en')} bytes)`);
}

const isThere = (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;

const output = resolve(root, process.argv[2] ?? 'dist');
const work = mkdtempSync(join(tmpdir(), 'signet-dist-relay-'));
try {
  mkdirSync(output, { recursive: true });
  const archived = await makeArchive(work, output);
  if (process.platform === 'linux') {
    const made = await makeExecutable(work, output);
    if (isThere('dpkg-deb')) place(makePackage(work, archived, made, version), output);
    else console.log('The Debian package is made where dpkg-deb is.');
  } else {
    console.log('The single executable is made on Linux only: elsewhere it would have to be signed.');
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
