// Runs the parts of a command one after the other, all of them whatever fails, and sums up what each has shown.
// Plain JavaScript for Node.js 20.11 and later.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { root } from './setup.mjs';

/** A part is a program with its arguments. Its report, if it writes one, is a file in the format of Jest's JSON; without
 * a report the part counts as one test, by its exit code.
 * @typedef {{ name: string, command: string[], report?: string }} Part
 * @typedef {{ name: string, seconds: number, passed: number, failed: number, note?: string }} Result */

function execute([program, ...args]) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: 'inherit' });
    const pass = (signal) => child.kill(signal);
    for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, pass);
    child.on('error', (error) => {
      console.error(`${program} could not be started: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (code) => {
      for (const signal of ['SIGTERM', 'SIGHUP']) process.off(signal, pass);
      resolve(code ?? 1);
    });
  });
}

/** @returns what a report says; undefined if the part has not written a whole one */
function read(file) {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** @param {Part} part @returns {Promise<Result>} */
async function run({ name, command, report }) {
  // What an earlier run has left must not count as this one's.
  if (report) rmSync(report, { force: true });
  const start = performance.now();
  const code = await execute(command);
  const seconds = (performance.now() - start) / 1000;
  if (!report) return { name, seconds, passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 };
  const { numPassedTests: passed = 0, numFailedTests: failed = 0 } = read(report) ?? {};
  if (failed > 0) return { name, seconds, passed, failed };
  // No test failed, and the part did: a file that doesn't load, an error outside of any test, or too little coverage.
  if (code !== 0) return { name, seconds, passed, failed: 1, note: 'failed outside of its tests' };
  if (passed === 0) return { name, seconds, passed, failed: 1, note: 'ran no test' };
  return { name, seconds, passed, failed };
}

const duration = (seconds) =>
  `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;

/** Runs all parts, and prints a line for each and one for the whole: "N passed, N failed".
 * @param {Part[]} parts @returns {Promise<boolean>} whether all passed */
export async function runParts(parts) {
  const results = [];
  for (const part of parts) {
    console.log(`\n== ${part.name}`);
    results.push(await run(part));
  }
  const width = Math.max(...parts.map(({ name }) => name.length));
  console.log();
  for (const { name, seconds, passed, failed, note } of results) {
    const outcome = `${passed} passed, ${failed} failed${note ? ` (${note})` : ''}`;
    console.log(`${name.padEnd(width)}  ${duration(seconds).padStart(11)}  ${outcome}`);
  }
  const total = (key) => results.reduce((sum, result) => sum + result[key], 0);
  console.log(`${'all'.padEnd(width)}  ${duration(total('seconds')).padStart(11)}`);
  console.log(`${total('passed')} passed, ${total('failed')} failed`);
  return total('failed') === 0;
}
