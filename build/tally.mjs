// Adds up what the test runs have reported, as one line; fails unless everything ran and passed.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

const folder = join(root, 'out', 'tests');
let passed = 0;
let failed = 0;
for (const run of ['node', 'bun']) {
  const file = join(folder, `${run}.json`);
  const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  passed += report?.numPassedTests ?? 0;
  failed += report?.numFailedTests ?? 0;
  // A run that reported nothing, or whose success isn't explained by its tests (coverage, a suite that didn't load).
  if (!report || (!report.success && report.numFailedTests === 0)) {
    console.log(`The tests on ${run} did not complete.`);
    failed++;
  }
}
for (const mark of ['check-passed', 'coverage-passed']) {
  if (existsSync(join(folder, mark))) passed++;
  else {
    console.log(`${mark.replace('-passed', '')} did not pass.`);
    failed++;
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
