// What each command installs: enough for what it runs, and nothing that it doesn't need.
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
};

/** Packages that the files import, their types left out. */
function importedBy(...patterns: string[]): Set<string> {
  const files = globSync(patterns, { cwd: root });
  expect(files.length).toBeGreaterThan(patterns.length);
  const found = new Set<string>();
  for (const file of files) {
    const source = readFileSync(join(root, file), 'utf8');
    const imports = /^(?:import|export) (?!type )[^;]*?from '([^.][^']*)'|import\('([^.][^']*)'\)/gm;
    for (const [, fixed, dynamic] of source.matchAll(imports)) {
      const name = (fixed ?? dynamic)!;
      if (!isBuiltin(name))
        found.add(
          name
            .split('/')
            .slice(0, name.startsWith('@') ? 2 : 1)
            .join('/'),
        );
    }
  }
  return found;
}

test('relay, console client and examples run with the dependencies alone, and these with no others', () => {
  const needed = importedBy(
    'protocol/*.ts',
    'relay/**/*.ts',
    'cli/*.ts',
    'main/messenger/*.ts',
    'examples/[!d]*.ts',
  );
  expect([...needed, 'node'].sort()).toEqual(Object.keys(dependencies).sort());
});

test('npm run example names the examples there are', () => {
  for (const name of [[], ['no-such'], ['demo'], ['../build/build']]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['build/start.mjs', 'example', ...name], {
      cwd: root,
      encoding: 'utf8',
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('Which example? npm run example NAME');
    expect(stderr).toContain('\n  textbook-rsa\n');
    expect(stderr).not.toContain('demo');
  }
});
