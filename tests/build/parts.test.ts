// The parts of npm test: each runs and is counted, whatever has failed before it.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../harness.ts';

const root = join(import.meta.dirname, '../..');

type Part = { name: string; script: string; report?: string };

/** Runs parts, each a few lines of JavaScript. @returns the exit code and what was printed */
function runParts(parts: Part[]): { status: number | null; lines: string[] } {
  const commands = parts.map(({ script, ...part }) => ({
    ...part,
    command: [process.execPath, '--input-type=module', '--eval', script],
  }));
  const program = `
    import { runParts } from ${JSON.stringify(join(root, 'build/parts.mjs'))};
    process.exit((await runParts(${JSON.stringify(commands)})) ? 0 : 1);`;
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
  });
  return { status, lines: stdout.trim().split('\n') };
}

const reporting = (file: string, passed: number, failed: number, code = failed ? 1 : 0): string => `
  import { writeFileSync } from 'node:fs';
  writeFileSync(${JSON.stringify(file)}, '{"numPassedTests":${passed},"numFailedTests":${failed}}');
  process.exit(${code});`;

test('parts that pass are added up', () => {
  const report = join(temporaryFolder(), 'report.json');
  const { status, lines } = runParts([
    { name: 'build', script: '' },
    { name: 'tests', script: reporting(report, 7, 0), report },
  ]);
  expect(status).toBe(0);
  expect(lines.slice(-4)).toEqual([
    expect.stringMatching(/^build +\d+ min \d\d s  1 passed, 0 failed$/),
    expect.stringMatching(/^tests +\d+ min \d\d s  7 passed, 0 failed$/),
    expect.stringMatching(/^all +\d+ min \d\d s$/),
    '8 passed, 0 failed',
  ]);
});

test('a part that fails hides no other', () => {
  const folder = temporaryFolder();
  const [first, second] = [join(folder, 'first.json'), join(folder, 'second.json')];
  const { status, lines } = runParts([
    { name: 'build', script: 'process.exit(3)' },
    { name: 'node', script: reporting(first, 40, 2), report: first },
    { name: 'bun', script: reporting(second, 5, 0), report: second },
    { name: 'check', script: 'process.kill(process.pid, "SIGKILL")' },
  ]);
  expect(status).toBe(1);
  expect(lines.join('\n')).toMatch(
    /build .* 0 passed, 1 failed\nnode .* 40 passed, 2 failed\nbun .* 5 passed, 0 failed\ncheck .* 0 passed, 1 failed\n/,
  );
  expect(lines.at(-1)).toBe('45 passed, 4 failed');
});

test('a part fails that does not say why: by its exit code, without a test, without a report, with half of one', () => {
  const folder = temporaryFolder();
  const report = (name: string): string => join(folder, name);
  // Left by an earlier run, whose success is none of this one's.
  writeFileSync(report('c'), '{"numPassedTests":9,"numFailedTests":0}');
  const { status, lines } = runParts([
    { name: 'a', script: reporting(report('a'), 9, 0, 1), report: report('a') },
    { name: 'b', script: reporting(report('b'), 0, 0), report: report('b') },
    { name: 'c', script: '', report: report('c') },
    {
      name: 'd',
      script: `(await import('node:fs')).writeFileSync(${JSON.stringify(report('d'))}, '{"num')`,
      report: report('d'),
    },
  ]);
  expect(status).toBe(1);
  expect(lines.join('\n')).toMatch(
    /a .* 9 passed, 1 failed \(failed outside of its tests\)\nb .* 0 passed, 1 failed \(ran no test\)\n/,
  );
  expect(lines.at(-1)).toBe('9 passed, 4 failed');
});

test('what failed is told once more before the sum, with its place and its message', () => {
  const report = join(temporaryFolder(), 'report.json');
  const said = {
    numPassedTests: 1,
    numFailedTests: 1,
    testResults: [
      {
        name: '/a/first.test.ts',
        status: 'failed',
        message: '',
        assertionResults: [
          { status: 'passed', fullName: 'holds', failureMessages: [] },
          {
            status: 'failed',
            fullName: 'a house stands',
            failureMessages: [`Error: it fell\n${'    at somewhere\n'.repeat(60)}at the very end`],
          },
        ],
      },
      { name: '/a/second.test.ts', status: 'failed', message: 'does not load', assertionResults: [] },
      { name: '/a/third.test.ts', status: 'passed', message: '', assertionResults: [] },
    ],
  };
  const { lines } = runParts([
    {
      name: 'tests',
      script: `
        (await import('node:fs')).writeFileSync(${JSON.stringify(report)}, ${JSON.stringify(JSON.stringify(said))});
        process.exit(1);`,
      report,
    },
  ]);
  const text = lines.join('\n');
  expect(text).toContain('Failed in tests: /a/first.test.ts: a house stands\n    Error: it fell\n');
  expect(text).toContain('Failed in tests: /a/second.test.ts\n    does not load\n');
  expect(text).not.toContain('the very end');
  expect(text).not.toContain('third');
  expect(lines.at(-1)).toBe('1 passed, 1 failed');
});
