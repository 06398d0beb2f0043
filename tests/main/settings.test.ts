// What the user has chosen: kept in a small file, which is never half written and never in the way of a start.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { Settings } from '../../main/settings.ts';
import { afterwards, temporaryFolder } from '../harness.ts';

const place = { x: -10, y: 20, width: 900, height: 700, maximized: false };
const first = { keepRunning: true, notifications: true, updates: true };

/** What is told on the console, which is kept quiet meanwhile. */
function listen(): string[] {
  const told: string[] = [];
  const spy = vi.spyOn(console, 'error').mockImplementation((text: string) => void told.push(text));
  afterwards(() => spy.mockRestore());
  return told;
}

test('a new profile has everything as at first, and writes nothing', () => {
  const told = listen();
  const folder = temporaryFolder();
  const settings = new Settings(folder);
  expect(settings.chosen).toEqual(first);
  expect(settings.place).toBeUndefined();
  expect(readdirSync(folder)).toEqual([]);
  expect(told).toEqual([]);
});

test('what was chosen is there at the next start, and each change leaves the rest', () => {
  const folder = temporaryFolder();
  const settings = new Settings(folder);
  settings.change({ notifications: false });
  settings.change({ place });
  expect(settings.chosen).toEqual({ ...first, notifications: false });
  expect(settings.place).toEqual(place);
  const again = new Settings(folder);
  expect(again.chosen).toEqual({ ...first, notifications: false });
  expect(again.place).toEqual(place);
  again.change({ keepRunning: false });
  expect(new Settings(folder).chosen).toEqual({ ...first, keepRunning: false, notifications: false });
  expect(new Settings(folder).place).toEqual(place);
  expect(readdirSync(folder)).toEqual(['settings.json']);
  if (process.platform !== 'win32') expect(statSync(join(folder, 'settings.json')).mode & 0o777).toBe(0o600);
});

test('what the file leaves out is as at first', () => {
  const told = listen();
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'settings.json'), '{ "keepRunning": false, "of a newer version": 1 }');
  const settings = new Settings(folder);
  expect(settings.chosen).toEqual({ ...first, keepRunning: false });
  expect(settings.place).toBeUndefined();
  expect(told).toEqual([]);
});

test.each([
  ['that is empty', ''],
  ['that is cut off', '{ "keepRunning": fal'],
  ['of something else', '[1, 2]'],
  ['with a wrong type', '{ "keepRunning": "no", "notifications": false }'],
  ['with a place that is none', `{ "notifications": false, "place": { "x": 1.5 } }`],
])('a file %s counts as none, is told, and can be written again', (_name, content) => {
  const told = listen();
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'settings.json'), content);
  const settings = new Settings(folder);
  expect(settings.chosen).toEqual(first);
  expect(settings.place).toBeUndefined();
  expect(told).toEqual([expect.stringContaining('settings.json')]);
  settings.change({ notifications: false });
  expect(new Settings(folder).chosen).toEqual({ ...first, notifications: false });
  expect(told).toHaveLength(1);
});

test('a change that cannot be written is refused, and everything stays as it was', () => {
  const folder = temporaryFolder();
  const settings = new Settings(folder);
  settings.change({ notifications: false });
  const before = readFileSync(join(folder, 'settings.json'), 'utf8');
  // In the way of the new file: root may write into any folder.
  const obstacle = join(folder, 'settings.json.new');
  mkdirSync(obstacle);
  if (process.getuid?.() !== 0) chmodSync(folder, 0o500);
  expect(() => settings.change({ keepRunning: false })).toThrow();
  chmodSync(folder, 0o700);
  expect(readFileSync(join(folder, 'settings.json'), 'utf8')).toBe(before);
  expect(settings.chosen).toEqual({ ...first, notifications: false });
});

test.runIf(existsSync('/dev/full'))('on a full disk the old file stays as it was', () => {
  const folder = temporaryFolder();
  new Settings(folder).change({ notifications: false });
  const before = readFileSync(join(folder, 'settings.json'), 'utf8');
  const settings = new Settings(folder);
  // Opens like a file, and takes not a byte: what a full disk does.
  symlinkSync('/dev/full', join(folder, 'settings.json.new'));
  expect(() => settings.change({ keepRunning: false })).toThrow(/the disk is full/);
  expect(readFileSync(join(folder, 'settings.json'), 'utf8')).toBe(before);
  expect(new Settings(folder).chosen).toEqual({ ...first, notifications: false });
});
