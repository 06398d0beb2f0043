// Part of npm run check: whether package-lock.json can only install what it was made of. node build/lock.mjs [FILE]
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

const file = process.argv[2] ?? join(root, 'package-lock.json');

// The lock names no addresses (.npmrc): one that is named all the same may only be npm's own, for that very package.
const { status } = spawnSync(
  process.execPath,
  [
    ...[join(root, 'node_modules/lockfile-lint/bin/lockfile-lint.js'), '--path', file, '--type', 'npm'],
    ...['--format', 'plain', '--validate-integrity', '--validate-package-names'],
    ...['--allowed-hosts', 'npm', '--allowed-schemes', 'https:'],
  ],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);

// lockfile-lint takes a package without any hash as a good one.
const { packages } = JSON.parse(readFileSync(file, 'utf8'));
const bare = Object.keys(packages).filter((path) => path !== '' && !packages[path].integrity);
for (const path of bare)
  console.error(`${path} has no hash in ${file}: make the lock anew with npm install.`);
process.exit(status === 0 && bare.length === 0 ? 0 : 1);
