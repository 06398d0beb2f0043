// The lock, and that what npm run check asks of it is noticed when it is missing.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../harness.ts';

const root = join(import.meta.dirname, '../..');
type Entry = { version?: string; resolved?: string; integrity?: string; link?: boolean };
type Lock = { packages: Record<string, Entry> };
const lock = (): Lock => JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;

function check(file: string): { code: number | null; said: string } {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'build/lock.mjs'), file], {
    encoding: 'utf8',
  });
  return { code: status, said: stderr };
}

test('every package has a hash and no address', () => {
  const packages = Object.entries(lock().packages).filter(([path]) => path !== '');
  expect(packages.length).toBeGreaterThan(500);
  for (const [path, { integrity, resolved, link }] of packages) {
    expect({ resolved, link }, path).toEqual({});
    expect(integrity, path).toMatch(/^sha512-[\w+/]{86}==$/);
  }
  expect(check(join(root, 'package-lock.json'))).toEqual({ code: 0, said: '' });
});

test('Electron is pinned to one version, which is the one that is built for', () => {
  const manifest = (path: string): { version: string; devDependencies: Record<string, string> } =>
    JSON.parse(readFileSync(join(root, path), 'utf8')) as never;
  const pinned = manifest('package.json').devDependencies['electron'];
  expect(pinned).toMatch(/^\d+\.\d+\.\d+$/);
  expect(lock().packages['node_modules/electron']?.version).toBe(pinned);
  expect(manifest('node_modules/electron/package.json').version).toBe(pinned);
});

test.each<[harm: string, change: (entry: Entry) => void, said: RegExp]>([
  ['no hash', (entry) => delete entry.integrity, /node_modules\/ws has no hash/],
  ['a weak hash', (entry) => (entry.integrity = 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk='), /integrity hash type/],
  ['an open line', (entry) => (entry.resolved = 'http://elsewhere.invalid/ws-8.23.0.tgz'), /scheme/],
  ['another host', (entry) => (entry.resolved = 'https://elsewhere.invalid/ws-8.23.0.tgz'), /host/],
  ['a repository', (entry) => (entry.resolved = 'git+ssh://git@elsewhere.invalid/ws.git#1234567'), /scheme/],
  ['a folder', (entry) => (entry.resolved = 'file:../ws'), /scheme/],
])('%s is noticed', (_harm, change, said) => {
  const changed = lock();
  change(changed.packages['node_modules/ws']!);
  const file = join(temporaryFolder(), 'package-lock.json');
  writeFileSync(file, JSON.stringify(changed));
  const found = check(file);
  expect(found.code).toBe(1);
  expect(found.said).toMatch(said);
});
