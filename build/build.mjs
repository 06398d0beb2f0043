// npm run build: the app's three parts and the relay, all into out/.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

const tool = (...names) => join(root, 'node_modules', ...names);
const steps = [
  [tool('electron-vite', 'bin', 'electron-vite.js'), 'build', '--logLevel', 'warn'],
  [tool('vite', 'bin', 'vite.js'), 'build', '--logLevel', 'warn', '--config', 'relay.vite.config.ts'],
];

// What an earlier build has left must not get into a package.
for (const part of ['main', 'preload', 'renderer', 'relay']) {
  rmSync(join(root, 'out', part), { recursive: true, force: true });
}
for (const step of steps) {
  const { status, error } = spawnSync(process.execPath, step, { cwd: root, stdio: 'inherit' });
  if (status !== 0) {
    console.error(`\nThe build failed${error ? ` (${error.message})` : ''}. The lines above say where.`);
    process.exit(1);
  }
}
