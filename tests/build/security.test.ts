// SECURITY.md names the tests of each of Electron's recommendations: they have to be there.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

test('each of the twenty recommendations names code and tests that are there', () => {
  const [, section = ''] = read('SECURITY.md').split("## Electron's checklist");
  const rows = section.split('\n').filter((line) => /^\| (\d+\.|Besides)/.test(line));
  expect(rows.map((row) => /^\| (\d+|B)/.exec(row)![1])).toEqual([
    ...Array.from({ length: 20 }, (_, i) => String(i + 1)),
    'B',
  ]);
  for (const row of rows) {
    const [, code = '', tests = ''] = row.split(' | ');
    const files = [...code.matchAll(/`([\w/-]+\.\w+)`/g)].map(([, path]) => path!);
    expect(files.length, row).toBeGreaterThan(0);
    for (const path of files) expect(read(path).length, path).toBeGreaterThan(0);
    const named = tests.split('; ').map((one) => /^(?:`(?<file>[^`]+)`: )?_(?<name>.+)_/.exec(one)?.groups);
    let file = '';
    for (const groups of named) {
      file = groups?.['file'] ?? file;
      const name = groups?.['name'] ?? '';
      expect(name, row).not.toBe('');
      expect(
        [`test('${name}'`, `test("${name}"`].some((start) => read(file).includes(start)),
        `${file}: ${name}`,
      ).toBe(true);
    }
  }
});
