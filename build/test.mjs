// npm test: the build, all tests on Node.js (OpenSSL), those of the cryptography again on bun (BoringSSL, as in
// Electron). With --check (.ci/run) npm run check is one more part. Any other arguments are Vitest's, on Node.js alone.
import { join } from 'node:path';
import { runParts } from './parts.mjs';
import { root } from './setup.mjs';

const bin = (...names) => join(root, 'node_modules', ...names);
const report = (name) => join(root, 'out', 'tests', `${name}.json`);
const vitest = [bin('vitest', 'vitest.mjs'), 'run'];
const reporters = (name) => ['--reporter=default', '--reporter=json', `--outputFile=${report(name)}`];

const build = { name: 'build', command: [process.execPath, 'build/build.mjs'] };
const everything = [
  build,
  {
    name: 'tests on Node.js',
    command: [process.execPath, ...vitest, '--coverage', ...reporters('node')],
    report: report('node'),
  },
  {
    name: 'tests on bun',
    command: [bin('.bin', 'bun'), '--bun', ...vitest, '--project', 'crypto', ...reporters('bun')],
    report: report('bun'),
  },
];
const check = { name: 'check', command: [process.execPath, 'build/start.mjs', 'check'] };

const args = process.argv.slice(2);
let parts = everything;
if (args[0] === '--check') parts = [...everything, check];
else if (args.length > 0) {
  parts = [
    build,
    {
      name: 'tests on Node.js',
      command: [process.execPath, ...vitest, ...args, ...reporters('some')],
      report: report('some'),
    },
  ];
}
process.exit((await runParts(parts)) ? 0 : 1);
