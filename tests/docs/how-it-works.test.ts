// Every command of these pages, run in order with the real openssl: it prints what the page shows. After a change of the
// protocol `UPDATE_PAGES=1 npm test -- tests/docs/how-it-works` writes the new output into the pages.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { corrected, fits, run, steps } from './commands.ts';
import { figures, folder } from './figures.ts';
import { root } from './sentences.ts';

const { stdout: version } = spawnSync('openssl', ['version'], { encoding: 'utf8' });
/** It is required on Linux. macOS has LibreSSL instead, and Windows may have none. */
const hasOpenssl = process.platform === 'linux' || /^OpenSSL 3/.test(version ?? '');

const pages = hasOpenssl ? ['docs/HOW-IT-WORKS.md', 'tests/vectors/README.md'] : [];

test.runIf(hasOpenssl)('openssl is here, version 3', () => {
  expect(version).toMatch(/^OpenSSL 3/);
});

describe.each(pages)('%s', (name) => {
  const file = join(root, name);
  const page = readFileSync(file, 'utf8');
  const all = steps(page);
  const outputs = run(all.map(({ command }) => command));

  test.runIf(process.env['UPDATE_PAGES'])('is updated', () => writeFileSync(file, corrected(page, outputs)));

  test('has commands that openssl answers', () => {
    expect(
      all.filter(({ command }) => /openssl|verify_pss|oaep/.test(command)).length,
    ).toBeGreaterThanOrEqual(3);
    expect(outputs).toHaveLength(all.length);
  });

  test.skipIf(process.env['UPDATE_PAGES']).each(all.map((step, i) => ({ ...step, printed: outputs[i]! })))(
    '$command',
    ({ shown, printed }) => {
      if (!fits(shown, printed)) expect(printed).toEqual(shown);
    },
  );
});

test('the program in the page about sample data opens an envelope', () => {
  const page = readFileSync(join(root, 'tests/vectors/README.md'), 'utf8');
  const [, input] = /^```ts\n([^]*?)^```$/m.exec(page)!;
  const program = spawnSync(process.execPath, ['--input-type=module-typescript', '-'], { cwd: root, input });
  expect(program.stderr.toString()).toBe('');
  expect(program.stdout.toString()).toMatch(/^Grüße aus 東京/);
});

test('a placeholder stands for something, and for nothing else on its line', () => {
  expect(fits(['key: …', 'ok'], ['key: 7', 'ok'])).toBe(true);
  expect(fits(['key: …', 'ok'], ['key: ', 'ok'])).toBe(false);
  expect(fits(['key: … bits'], ['key: 7 bytes'])).toBe(false);
  expect(fits(['ok'], ['ok', 'and more'])).toBe(false);
  expect(fits(['a.c'], ['abc'])).toBe(false);
});

test('a page is corrected where it is wrong, and its placeholders stay', () => {
  const page = '```console\n$ one \\\n  two\nold\n$ three\nkey: …\n```\n';
  expect(steps(page).map(({ command }) => command)).toEqual(['one \\\n  two', 'three']);
  expect(corrected(page, [['new'], ['key: 7']])).toBe(page.replace('old', 'new'));
});

test('the figures are as the code draws them', () => {
  expect(readdirSync(folder).sort()).toEqual(Object.keys(figures).sort());
  for (const [name, svg] of Object.entries(figures))
    expect(readFileSync(new URL(name, folder), 'utf8'), `run node tests/docs/figures.ts: ${name}`).toBe(svg);
});
