// Runs the parts of a command one after the other, all of them whatever fails, and sums up what each has shown.
// Plain JavaScript for Node.js 20.11 and later.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { root } from './setup.mjs';

/** A part is a program with its arguments. Its report, if it writes one, is a file in the format of Jest's JSON; without
 * a report the part counts as one test, by its exit code.
 * @typedef {{ name: string, command: string[], report?: string }} Part
 * @typedef {{ name: string, seconds: number, passed: number, failed: number, note?: string, failures?: string[] }} Result */

/** The most of a failure's message that is told again in the end: what was expected and what came, and the first places. */
const MESSAGE_LINES = 25;

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

/** @returns what failed by a report: the place and the name, and under them the message */
function failuresOf({ testResults = [] }) {
  const indented = (message) => message.split('\n').slice(0, MESSAGE_LINES).join('\n    ');
  return testResults.flatMap(({ name: file, status, message, assertionResults }) => {
    const failed = assertionResults.filter((result) => result.status === 'failed');
    // A file that doesn't load has a message of its own and no tests.
    if (failed.length === 0) return status === 'failed' ? [`${file}\n    ${indented(message)}`] : [];
    return failed.map(
      (test) => `${file}: ${test.fullName}\n    ${indented(test.failureMessages.join('\n'))}`,
    );
  });
}

/** @param {Part} part @returns {Promise<Result>} */
async function run({ name, command, report }) {
  // What an earlier run has left must not count as this one's.
  if (report) rmSync(report, { force: true });
  const start = performance.now();
  const code = await execute(command);
  const seconds = (performance.now() - start) / 1000;
  if (!report) return { name, seconds, passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 };
  const said = read(report) ?? {};
  const { numPassedTests: passed = 0, numFailedTests: failed = 0 } = said;
  const failures = failuresOf(said);
  if (failed > 0) return { name, seconds, passed, failed, failures };
  // No test failed, and the part did: a file that doesn't load, an error outside of any test, or too little coverage.
  if (code !== 0) return { name, seconds, passed, failed: 1, note: 'failed outside of its tests', failures };
  if (passed === 0) return { name, seconds, passed, failed: 1, note: 'ran no test' };
  return { name, seconds, passed, failed };
}

const duration = (seconds) =>
  `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;

/** Runs all parts, and prints what failed once more, a line for each part and one for the whole: "N passed, N failed".
 * @param {Part[]} parts @returns {Promise<boolean>} whether all passed */
export async function runParts(parts) {
  const results = [];
  for (const part of parts) {
    console.log(`\n== ${part.name}`);
    results.push(await run(part));
  }
  const width = Math.max(...parts.map(({ name }) => name.length));
  for (const { name, failures = [] } of results) {
    for (const failure of failures) console.log(`\nFailed in ${name}: ${failure}`);
  }
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
