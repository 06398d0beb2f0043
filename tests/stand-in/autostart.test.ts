// Starting with the computer where this one can't show it: on Windows, by what Electron documents of it; and what a Linux
// desktop's own settings do to the file. Switched in the window: tests/e2e/hosting.test.ts.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type * as Module from '../../main/autostart.ts';
import { launch } from './fixture.ts';
import { temporaryFolder } from '../harness.ts';
import { soon } from '../e2e/soon.ts';

const autostart = join(import.meta.dirname, '..', '..', 'main', 'autostart.ts');

test('on Windows an entry is found again by its name, each profile has its own', async () => {
  const app = await launch(
    (_electron, { print }) => {
      Object.defineProperty(process, 'platform', { value: 'win32' });
      const load = process.getBuiltinModule('node:module').createRequire(process.env['AUTOSTART']!);
      const { Autostart } = load(process.env['AUTOSTART']!) as typeof Module;
      const [one, other] = [new Autostart(), new Autostart('C:\\Other profile')];
      print('none', one.isOn, other.isOn);
      one.set(true);
      print('one', one.isOn, other.isOn);
      other.set(true);
      print('other', one.isOn, other.isOn);
      other.set(false);
      print('off', one.isOn, other.isOn);
    },
    {
      env: { AUTOSTART: autostart, PORTABLE_EXECUTABLE_FILE: 'C:\\Users\\Ann Lee\\Signet.exe' },
      window: false,
    },
  );
  await soon(() => app.log()).toContain('off');
  expect(app.log()).toMatch(
    /none false false\n(.*\n)?one true false\n(.*\n)?other false true\n(.*\n)?off false false/,
  );
});

test('an entry that the desktop has switched off is off, and an update leaves it so', async () => {
  const config = temporaryFolder();
  const entry = join(config, 'autostart', 'chat.signet.desktop');
  mkdirSync(join(config, 'autostart'));
  writeFileSync(entry, '[Desktop Entry]\nExec=old\nHidden=true\n');
  const app = await launch(
    (_electron, { print }) => {
      const { readFileSync, writeFileSync } = process.getBuiltinModule('node:fs');
      const load = process.getBuiltinModule('node:module').createRequire(process.env['AUTOSTART']!);
      const { Autostart } = load(process.env['AUTOSTART']!) as typeof Module;
      const file = process.env['ENTRY']!;
      const one = new Autostart();
      const text = readFileSync(file, 'utf8');
      for (const off of [text, text.replace('Hidden=true', 'X-GNOME-Autostart-enabled=false')]) {
        writeFileSync(file, off);
        one.renew();
        print('off', one.isOn, readFileSync(file, 'utf8') === off);
      }
      writeFileSync(file, text.replace('Hidden=true', ''));
      one.renew();
      print('on', one.isOn);
    },
    { env: { AUTOSTART: autostart, ENTRY: entry, XDG_CONFIG_HOME: config }, window: false },
  );
  await soon(() => app.log()).toContain('on true');
  expect(app.log().match(/off false true/g)).toHaveLength(2);
  expect(readFileSync(entry, 'utf8')).toContain('"--hidden"');
});
