// Which installations update themselves, and when they ask.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AppUpdater } from 'electron-updater';
import { expect, test, vi } from 'vitest';
import { type Place, Updates, whyNoUpdates } from '../../main/updates.ts';
import { afterwards, temporaryFolder } from '../harness.ts';

const feed = 'provider: generic\nurl: https://updates.example/signet\n';

/** A package, with files in its resources. */
function unpack(files: Record<string, string> = {}, env: Place['env'] = {}): Place {
  const mount = temporaryFolder();
  const resources = join(mount, 'resources');
  mkdirSync(resources);
  for (const [name, text] of Object.entries({ 'app-update.yml': feed, ...files }))
    writeFileSync(join(resources, name), text);
  return { isPackaged: true, platform: 'linux', resources, env };
}

function appImage(files: Record<string, string> = {}): Place {
  const place = unpack(files);
  const env = { APPDIR: join(place.resources, '..'), APPIMAGE: join(temporaryFolder(), 'Signet.AppImage') };
  return { ...place, env };
}

test('an AppImage, an installed Windows app and a macOS app update themselves, from the place they name', () => {
  expect(whyNoUpdates(appImage())).toBeNull();
  expect(whyNoUpdates({ ...unpack(), platform: 'win32' })).toBeNull();
  expect(whyNoUpdates({ ...unpack(), platform: 'darwin' })).toBeNull();
  expect(whyNoUpdates(appImage({ 'app-update.yml': 'provider: github\nowner: x\nrepo: y\n' }))).toBeNull();
});

test.each<[string, () => Place, string]>([
  ['an app in development', () => ({ ...appImage(), isPackaged: false }), 'from its sources'],
  ['a deb', () => unpack({ 'package-type': 'deb' }), "the system's packages"],
  [
    'an rpm that an AppImage has started',
    () => ({ ...appImage({ 'package-type': 'rpm' }) }),
    "the system's packages",
  ],
  ['a tar.gz', () => unpack(), 'does not update itself'],
  [
    'a tar.gz that another AppImage has started',
    () => unpack({}, { APPIMAGE: '/home/me/Terminal.AppImage', APPDIR: '/tmp/.mount_Termin' }),
    'does not update itself',
  ],
  [
    'a portable Windows app',
    () => ({ ...unpack({}, { PORTABLE_EXECUTABLE_FILE: 'C:\\Signet.exe' }), platform: 'win32' as const }),
    'does not update itself',
  ],
  ['a package that names no place', () => appImage({ 'app-update.yml': '' }), 'named no place'],
  [
    'a package that names a place without TLS',
    () => appImage({ 'app-update.yml': feed.replace('https', 'http') }),
    'named no place',
  ],
  [
    'an AppImage in a folder that is gone',
    () => {
      const place = appImage();
      return { ...place, env: { ...place.env, APPIMAGE: '/nowhere/Signet.AppImage' } };
    },
    'may not write to /nowhere',
  ],
])('%s has no updates, and nothing is loaded or asked', async (_name, place, why) => {
  const load = vi.fn<() => Promise<AppUpdater>>();
  const updates = new Updates({ place: place(), wanted: true, load });
  expect(updates.state).toEqual({ name: 'off', why: expect.stringContaining(why) as string });
  vi.useFakeTimers();
  afterwards(() => vi.useRealTimers());
  updates.start();
  await updates.check();
  await updates.want(false);
  await vi.advanceTimersByTimeAsync(24 * 3600_000);
  expect(load).not.toHaveBeenCalled();
  expect(updates.state.name).toBe('off');
});

test.runIf(process.getuid?.() !== 0 && process.platform !== 'win32')(
  'an AppImage in a folder that is not its own user’s has none',
  () => {
    const place = appImage();
    const folder = join(place.env['APPIMAGE']!, '..');
    chmodSync(folder, 0o500);
    afterwards(() => chmodSync(folder, 0o700));
    expect(whyNoUpdates(place)).toContain('may not write');
  },
);

test('it asks soon after the start and every six hours, not while it is off, and says each state once', async () => {
  vi.useFakeTimers();
  afterwards(() => vi.useRealTimers());
  // Of the library only how often it is asked: what it does is seen in tests/e2e/updates.test.ts.
  const checkForUpdates = vi.fn(async () => ({ isUpdateAvailable: false }));
  const updater = { on: () => {}, checkForUpdates, autoInstallOnAppQuit: true };
  const updates = new Updates({
    place: appImage(),
    wanted: true,
    load: async () => updater as unknown as AppUpdater,
  });
  const names: string[] = [];
  updates.on('changed', ({ name }) => names.push(name));
  updates.start();
  expect(checkForUpdates).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(checkForUpdates).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(24 * 3600_000);
  expect(checkForUpdates).toHaveBeenCalledTimes(5);
  expect(names).toEqual(Array.from({ length: 5 }, () => ['checking', 'idle']).flat());
  await updates.want(false);
  expect(updater.autoInstallOnAppQuit).toBe(false);
  await vi.advanceTimersByTimeAsync(24 * 3600_000);
  expect(checkForUpdates).toHaveBeenCalledTimes(5);
  await updates.want(true);
  expect(updater.autoInstallOnAppQuit).toBe(true);
  expect(checkForUpdates).toHaveBeenCalledTimes(6);
});
