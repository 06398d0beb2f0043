// Every link of a page to another file, or to a heading, leads somewhere.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './sentences.ts';

const FOLDERS = ['docs', 'protocol', 'tests', 'build', 'bench', 'examples'];
const pages = [
  ...readdirSync(root),
  ...FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  ),
].filter((name) => name.endsWith('.md'));
const read = (path: string): string => readFileSync(join(root, path), 'utf8').replace(/^```[^]*?^```/gm, '');

/** As GitHub makes them: https://docs.github.com/get-started/writing-on-github, "Section links". */
function anchors(path: string): string[] {
  const headings = [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, text]) =>
    text!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
  return headings.map((name, i) => {
    const before = headings.slice(0, i).filter((other) => other === name).length;
    return before > 0 ? `${name}-${before}` : name;
  });
}

/** Links that lead nowhere, as "page: link". */
function broken(page: string, text: string): string[] {
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
  return links
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [file = '', anchor] = link.split('#');
      const path = file === '' ? page : join(dirname(page), file);
      if (!existsSync(join(root, path))) return true;
      if (anchor === undefined) return false;
      return !statSync(join(root, path)).isFile() || !anchors(path).includes(anchor);
    })
    .map((link) => `${page}: ${link}`);
}

test('there is no broken link in any page', () => {
  expect(pages).toContain('README.md');
  expect(pages.flatMap((page) => broken(page, read(page)))).toEqual([]);
});

test('a broken link is found', () => {
  const text =
    '[a](docs/HOSTING.md#the-firewall) [b](docs/HOSTING.md#nothing) [c](docs/NOTHING.md) [d](#licence)';
  expect(broken('README.md', text)).toEqual([
    'README.md: docs/HOSTING.md#nothing',
    'README.md: docs/NOTHING.md',
  ]);
});
