// What a packed app must hold and must not: node build/packed.mjs FOLDER checks one, such as dist/linux-unpacked.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { extractFile, getRawHeader } from '@electron/asar';
import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { systemOf } from './executables.mjs';
import { root } from './setup.mjs';

/** Said here once more than in electron-builder.yml: a check that reads its answer from there would check nothing. */
const FUSES = {
  RunAsNode: false,
  EnableCookieEncryption: true,
  EnableNodeOptionsEnvironmentVariable: false,
  EnableNodeCliInspectArguments: false,
  EnableEmbeddedAsarIntegrityValidation: true,
  OnlyLoadAppFromAsar: true,
  LoadBrowserProcessSpecificV8Snapshot: false,
  GrantFileProtocolExtraPrivileges: false,
};
/** Without these nothing works. */
const needed = (system) => [
  'package.json',
  'out/main/index.js',
  'out/preload/index.cjs',
  'out/renderer/index.html',
  'out/main/LICENSES.md',
  'out/preload/LICENSES.md',
  'out/renderer/LICENSES.md',
  'node_modules/keytar/package.json',
  'node_modules/keytar/LICENSE.md',
  'node_modules/keytar/lib/keytar.js',
  `node_modules/keytar/prebuilds/${system}/keytar.node`,
];
/** These may be there besides. */
const WELCOME = [
  /^out\/main\/chunks\/[\w@.-]+\.(js|png)$/,
  /^out\/renderer\/assets\/[\w@.-]+\.(js|css|woff2|svg|png)$/,
];
const NEVER = /\.map$|\.[cm]?tsx?$|\.vue$|\.(test|spec)\./;
const METADATA = (
  'name productName version private description author license homepage type main ' +
  'engines allowScripts overrides dependencies desktopName'
).split(' ');
/** All of the resources; electron-builder adds the licences of Electron, what deb, rpm and macOS need, and where updates
 * are. */
const RESOURCES = ['LICENSE', 'app.asar', 'app.asar.unpacked', 'relay'];
const RESOURCES_ADDED = /^LICENSES?\.|^(apparmor-profile|package-type|app-update\.yml)$|\.(icns|lproj|car)$/;

/** Where things lie in a packed folder of any system. */
function placesIn(folder) {
  const app = join(folder, 'Signet.app');
  if (existsSync(app)) {
    const contents = join(app, 'Contents');
    return { resources: join(contents, 'Resources'), program: join(contents, 'MacOS/Signet'), fuses: app };
  }
  const program = ['signet', 'Signet.exe'].map((name) => join(folder, name)).find((file) => existsSync(file));
  return program && { resources: join(folder, 'resources'), program, fuses: program };
}

/** @returns path -> {size, unpacked?, link?} of every file in an archive */
function filesIn(archive) {
  const files = new Map();
  const walk = (entries, path) => {
    for (const [name, entry] of Object.entries(entries)) {
      if (entry.files) walk(entry.files, `${path}${name}/`);
      else files.set(path + name, entry);
    }
  };
  walk(getRawHeader(archive).header.files, '');
  return files;
}

function* checkFiles(files, system) {
  for (const path of needed(system)) if (!files.has(path)) yield `${path} is missing in app.asar.`;
  for (const [path, { link }] of files) {
    if (link) yield `${path} in app.asar is a link: only plain files belong there.`;
    if (NEVER.test(path))
      yield `${path} in app.asar is a source, a source map or a test: take it out of out/.`;
    else if (!needed(system).includes(path) && !WELCOME.some((pattern) => pattern.test(path))) {
      yield `${path} in app.asar is not expected: take it out, or welcome it in build/packed.mjs.`;
    }
  }
}

function* checkSources(files, text) {
  for (const path of files.keys()) {
    if (/^out\/.*\.(c?js|css)$/.test(path) && /[#@]\s*sourceMappingURL=/.test(text(path))) {
      yield `${path} names a source map: build it without.`;
    }
  }
  // In a sandboxed page nothing else can be loaded.
  const preload = text('out/preload/index.cjs');
  const required = [...preload.matchAll(/\brequire\(\s*([^)]*?)\s*\)/g)].map(([, what]) => what);
  for (const what of required) {
    if (!/^(["'`])electron\1$/.test(what))
      yield `The preload script requires ${what}: it may only require electron.`;
  }
  if (/^\s*import\b|\bimport\(/m.test(preload))
    yield 'The preload script imports: it has to be one CommonJS file.';
  for (const path of files.keys()) {
    if (!/^out\/main\/.*\.js$/.test(path)) continue;
    const source = text(path);
    const imported = [...source.matchAll(/^(?:import|export)\b[^"';]*["']([^"']+)["']/gm)];
    // What a library of CommonJS asks for while it runs.
    const required = [...source.matchAll(/\b__require\(["']([^"']+)["']\)/g)];
    for (const [, name] of [...imported, ...required]) {
      // ws does without them.
      if (['bufferutil', 'utf-8-validate'].includes(name)) continue;
      const own = name.startsWith('.') && files.has(posix.join(posix.dirname(path), name));
      if (!own && !isBuiltin(name) && !['electron', 'keytar'].includes(name)) {
        yield `${path} imports ${name}, which is not in app.asar: let the build bundle it.`;
      }
    }
  }
}

function* checkMetadata(text) {
  const packageJson = JSON.parse(text('package.json'));
  for (const key of Object.keys(packageJson)) {
    if (!METADATA.includes(key)) yield `package.json in app.asar has "${key}": nobody needs it there.`;
  }
  if (packageJson.main !== 'out/main/index.js') yield `package.json starts ${packageJson.main}: not the app.`;
}

function* checkKeytar({ resources, program }, system, files) {
  const path = `node_modules/keytar/prebuilds/${system}/keytar.node`;
  const file = join(resources, 'app.asar.unpacked', path);
  if (!existsSync(file))
    return yield `${path} is not unpacked beside app.asar: a library can't be loaded from it.`;
  if (systemOf(file) !== system) {
    yield `${path} is made for ${systemOf(file)}, but ${program} for ${system}: pack the one that fits.`;
  }
  const unpacked = [...files].filter(([, entry]) => entry.unpacked).map(([name]) => name);
  if (unpacked.join() !== path)
    yield `app.asar.unpacked holds ${unpacked.join(', ')}: only keytar.node belongs there.`;
}

function* checkFuses(fuses) {
  for (const [name, wanted] of Object.entries(FUSES)) {
    if (fuses[name] !== wanted)
      yield `The fuse ${name} is ${fuses[name]} and has to be ${wanted}: see electron-builder.yml.`;
  }
}

/** @returns name -> whether it is on, as the program holds it */
async function readFuses(file) {
  const wire = await getCurrentFuseWire(file);
  const state = (index) => ({ [0x30]: false, [0x31]: true })[wire[index]];
  return Object.fromEntries(Object.keys(FUSES).map((name) => [name, state(FuseV1Options[name])]));
}

function* checkResources(resources) {
  const found = readdirSync(resources);
  for (const name of RESOURCES) if (!found.includes(name)) yield `resources/${name} is missing.`;
  for (const name of found) {
    if (RESOURCES.includes(name) || RESOURCES_ADDED.test(name)) continue;
    yield `resources/${name} is not expected there.`;
  }
}

/** Where updates are, if the package says so. */
function* checkFeed(resources) {
  const file = join(resources, 'app-update.yml');
  if (!existsSync(file) || /^url: ['"]?https:\/\//m.test(readFileSync(file, 'utf8'))) return;
  yield 'resources/app-update.yml names no place that is reached over TLS: see "publish" in electron-builder.yml.';
}

function* checkRelay(resources, version) {
  const relay = join(resources, 'relay/index.mjs');
  const { stdout, stderr } = spawnSync(process.execPath, [relay, '--version'], {
    cwd: tmpdir(),
    encoding: 'utf8',
  });
  if (stdout.trim() !== version || stderr)
    yield `The packed relay does not say its version: ${stdout}${stderr}`;
}

function* checkConfiguration() {
  const configuration = readFileSync(join(root, 'electron-builder.yml'), 'utf8');
  if (!/^protocols:\n  - name: .+\n    schemes: \[signet\]$/m.test(configuration)) {
    yield 'electron-builder.yml does not announce signet:// links: give it the protocol.';
  }
}

/** @returns sentences about what is wrong, none if all is well; and what was seen */
export async function check(folder) {
  const places = placesIn(folder);
  if (!places) return { complaints: [`${folder} holds no packed Signet: pack it first (npm run dist).`] };
  const archive = join(places.resources, 'app.asar');
  if (!existsSync(archive)) return { complaints: [`${archive} is missing.`] };
  const system = systemOf(places.program);
  if (!system) return { complaints: [`${places.program} is no program for any system that Signet knows.`] };
  const files = filesIn(archive);
  const text = (path) => (files.has(path) ? extractFile(archive, path).toString() : '');
  const fuses = await readFuses(places.fuses);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const complaints = [
    ...checkFiles(files, system),
    ...checkSources(files, text),
    ...checkMetadata(text),
    ...checkKeytar(places, system, files),
    ...checkFuses(fuses),
    ...checkResources(places.resources),
    ...checkFeed(places.resources),
    ...checkRelay(places.resources, version),
    ...checkConfiguration(),
  ];
  return { complaints, archive, system, files, fuses, size: statSync(archive).size };
}

/** Prints what was seen and what is wrong. @returns whether all is well */
export async function report(folder) {
  const { complaints, archive, system, files, fuses, size } = await check(folder);
  if (archive) {
    const bytes = (count) => `${count.toLocaleString('en').padStart(11)} bytes`;
    console.log(`\n${archive}, for ${system}:\n${bytes(size)}`);
    const parts = new Map();
    for (const [path, entry] of files) {
      const part = path.split('/').slice(0, 2).join('/') + (entry.unpacked ? ' (unpacked, beside it)' : '');
      const { count, total } = parts.get(part) ?? { count: 0, total: 0 };
      parts.set(part, { count: count + 1, total: total + entry.size });
    }
    for (const [part, { count, total }] of parts) console.log(`${bytes(total)}  ${part}, ${count} file(s)`);
    console.log('Fuses, as read back:');
    for (const [name, on] of Object.entries(fuses)) console.log(`  ${name}: ${on ? 'on' : 'off'}`);
  }
  for (const complaint of complaints) console.error(`WRONG: ${complaint}`);
  if (complaints.length === 0) console.log('The packed app holds what it must, and nothing else.');
  return complaints.length === 0;
}

if (import.meta.main) process.exit((await report(process.argv[2] ?? '')) ? 0 : 1);
