// The workflows: what they call is there, what they use is pinned, and they are valid where actionlint can say so.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../harness.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const { version, scripts, dependencies } = JSON.parse(read('package.json')) as {
  version: string;
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
};

describe.each(['ci', 'release'])('%s.yml', (name) => {
  const text = read(`.github/workflows/${name}.yml`);
  const all = (pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, found]) => found!);

  test('calls commands and files that there are', () => {
    for (const script of all(/npm run ([\w:]+)/g)) expect(scripts).toHaveProperty([script]);
    for (const file of all(/\bnode (\S+\.mjs)/g)) expect(existsSync(join(root, file)), file).toBe(true);
    for (const folder of all(/npm test -- (\S+)/g)) expect(existsSync(join(root, folder)), folder).toBe(true);
    for (const file of all(/uses: (\.\/\S+)/g)) expect(existsSync(join(root, file)), file).toBe(true);
  });

  test('runs on the Node.js that package.json names, and pins all that is not ours', () => {
    for (const node of all(/node-version: (\S+)/g)) expect(node).toBe(dependencies['node']);
    for (const action of all(/uses: (?!\.\/)(.+)/g))
      expect(action).toMatch(/^[\w/-]+@[0-9a-f]{40} # v[\d.]+$/);
    expect(text).toMatch(/^permissions:\n {2}contents: read$/m);
  });

  test('is valid', (context) => {
    if (spawnSync('actionlint', ['--version']).status !== 0)
      context.skip('actionlint is not installed: what it would check was not seen');
    const path = join(root, `.github/workflows/${name}.yml`);
    const { status, stdout } = spawnSync('actionlint', [path], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });
});

/** A checkout with a changelog of its own. */
function notes(changelog: string, tag: string): { status: number | null; stdout: string; stderr: string } {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'build'));
  for (const file of ['build/notes.mjs', 'build/setup.mjs', 'package.json'])
    copyFileSync(join(root, file), join(folder, file));
  writeFileSync(join(folder, 'CHANGELOG.md'), changelog);
  return spawnSync(process.execPath, ['build/notes.mjs', tag], { cwd: folder, encoding: 'utf8' });
}

test('what is new is the section of the very version that the tag and package.json name', () => {
  const changelog = `# Changelog\n\n## [Unreleased]\n\n- later\n\n## [${version}] - 2026-01-01\n\n### Added\n\n- this\n\n## [0.0.1]\n\n- old\n`;
  expect(notes(changelog, `v${version}`)).toMatchObject({ status: 0, stdout: '### Added\n\n- this\n' });
  expect(notes(changelog, 'v0.0.1')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(`This is version ${version}, not "0.0.1"`) as string,
  });
  expect(notes('# Changelog\n', `v${version}`)).toMatchObject({
    status: 1,
    stderr: `CHANGELOG.md has no section "## [${version}]": give it one.\n`,
  });
});
