// The packed app: what it holds, what it refuses to hold, and that its parts run where they lie.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { decodeInvite } from '../../protocol/links.ts';
import {
  joinInApp,
  bubble,
  meet,
  openConversation,
  openApp,
  openRelayProcess,
  ticked,
  write,
} from '../e2e/driver.ts';
import { afterwards, temporaryFolder } from '../harness.ts';

const root = join(import.meta.dirname, '../..');
const packed = join(root, 'out/dist-check/linux-unpacked');
const keytar = 'node_modules/keytar/prebuilds';

type Ended = { code: number | null; out: string; error: string };

async function node(args: string[], cwd = root): Promise<Ended> {
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = { out: '', error: '' };
  child.stdout.on('data', (data) => (ended.out += String(data)));
  child.stderr.on('data', (data) => (ended.error += String(data)));
  await once(child, 'close');
  return { code: child.exitCode, ...ended };
}

// It is laid out for Linux, wherever it is packed; only there does all of it run.
describe.runIf(process.platform === 'linux')('packed', () => {
  let check: Ended;
  beforeAll(async () => {
    // Of what the tests' own build has left: another one would pull the app from under the other specs.
    check = await node(['build/dist.mjs', '--check']);
  });

  test('the app holds what it must, and nothing else', () => {
    expect(check).toMatchObject({ code: 0, error: '' });
    expect(check.out).toContain('RunAsNode: off');
    expect(check.out).toContain('The packed app holds what it must, and nothing else.');
    expect(readdirSync(join(root, 'out/dist-check/app')).sort()).toEqual([
      'node_modules',
      'out',
      'package.json',
    ]);
  });

  test('what does not belong in out/ is refused with a sentence, and nothing is extracted', async () => {
    const strangers = ['out/main/secret.map', 'out/renderer/x.ts', 'out/renderer/notes.txt'];
    for (const name of strangers) {
      writeFileSync(join(root, name), '');
      afterwards(() => rmSync(join(root, name)));
    }
    const folder = temporaryFolder();
    const { code, error } = await node(['build/dist.mjs', '--check', folder]);
    expect(code).toBe(1);
    for (const name of strangers) expect(error).toContain(`WRONG: ${name} in app.asar is `);
    expect(error.trim().split('\n')).toHaveLength(strangers.length);
    expect(readdirSync(folder)).not.toContain('app');
  });

  /** What is said about a copy of the packed app after something was done to it. */
  async function saidAbout(harm: (folder: string) => void): Promise<string[]> {
    const folder = temporaryFolder();
    cpSync(packed, folder, { recursive: true });
    harm(folder);
    const { code, error } = await node(['build/packed.mjs', folder]);
    expect(code).toBe(1);
    return error.trim().split('\n');
  }

  test('a fuse that has been flipped back is noticed', async () => {
    const said = await saidAbout((folder) => {
      const program = readFileSync(join(folder, 'signet'));
      program[program.indexOf('dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX') + 34] = '1'.charCodeAt(0);
      writeFileSync(join(folder, 'signet'), program);
    });
    expect(said).toEqual([
      'WRONG: The fuse RunAsNode is true and has to be false: see electron-builder.yml.',
    ]);
  });

  test('a keytar that is made for another system is noticed', async () => {
    const said = await saidAbout((folder) =>
      copyFileSync(
        join(root, keytar, 'darwin-arm64/keytar.node'),
        join(folder, `resources/app.asar.unpacked/${keytar}/linux-${process.arch}/keytar.node`),
      ),
    );
    expect(said).toEqual([expect.stringContaining('keytar.node is made for darwin-arm64, but')]);
  });

  test('what is missing in the resources, or does not belong there, is noticed', async () => {
    const said = await saidAbout((folder) => {
      rmSync(join(folder, 'resources/relay'), { recursive: true });
      writeFileSync(join(folder, 'resources/default_app.asar'), '');
    });
    expect(said[0]).toBe('WRONG: resources/relay is missing.');
    expect(said[1]).toBe('WRONG: resources/default_app.asar is not expected there.');
    expect(said[2]).toContain('WRONG: The packed relay does not say its version');
  });

  test('a place for updates is welcome when it is reached over TLS', async () => {
    const feed = (url: string) => (folder: string) =>
      writeFileSync(join(folder, 'resources/app-update.yml'), `provider: generic\nurl: ${url}\n`);
    const said = await saidAbout(feed('http://updates.example'));
    expect(said).toEqual([expect.stringContaining('names no place that is reached over TLS')]);
    const folder = temporaryFolder();
    cpSync(packed, folder, { recursive: true });
    feed('https://updates.example')(folder);
    expect((await node(['build/packed.mjs', folder])).code).toBe(0);
  });

  test('the licences of the libraries inside come along', () => {
    const text = (part: string) =>
      readFileSync(join(root, `out/dist-check/app/out/${part}/LICENSES.md`), 'utf8');
    for (const name of ['electron-updater', 'ws', 'js-yaml']) expect(text('main')).toContain(`## ${name} - `);
    expect(text('preload')).toContain('## zod - ');
    for (const name of ['@vue/runtime-core', '@fontsource-variable/inter', 'reka-ui'])
      expect(text('renderer')).toMatch(new RegExp(`^## ${name}\\b`, 'm'));
  });

  test('a folder that holds no packed app is refused with a sentence', async () => {
    const folder = temporaryFolder();
    const { code, error } = await node(['build/packed.mjs', folder]);
    expect({ code, error }).toEqual({
      code: 1,
      error: `WRONG: ${folder} holds no packed Signet: pack it first (npm run dist).\n`,
    });
  });

  test('the relay serves from any folder, with nothing beside it', async () => {
    const folder = temporaryFolder();
    copyFileSync(join(packed, 'resources/relay/index.mjs'), join(folder, 'relay.mjs'));
    const options = ['--host', '127.0.0.1', '--port', '0', '--log-level', 'error'];
    const relay = spawn(process.execPath, ['relay.mjs', ...options], { cwd: folder });
    const ended = once(relay, 'close');
    afterwards(() => relay.kill('SIGKILL'));
    let out = '';
    for await (const data of relay.stdout) {
      out += String(data);
      if (/^signet:.*\n/m.test(out)) break;
    }
    const invite = /^signet:.*$/m.exec(out)?.[0] ?? '';
    expect(decodeInvite(invite).relays).toHaveLength(1);
    // The code to scan comes from a library that is loaded only then.
    const code = execFileSync(process.execPath, ['relay.mjs', 'invite', '--qr'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(code).toContain('▄▄▄');
    relay.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  test('the packed files run: two people join, chat, and find it all again', async () => {
    const main = join(root, 'out/dist-check/app/out/main/index.js');
    const relay = await openRelayProcess();
    const [alice, bob] = await Promise.all([
      joinInApp('alice', relay.invite, { main }),
      joinInApp('bob', relay.invite, { main }),
    ]);
    await meet(alice, 'bob');
    await write(alice, 'bob', 'Packed and delivered 📦');
    await openConversation(bob, 'alice');
    await ticked(alice, 'Packed and delivered 📦', 'Read');
    const [window] = (await alice.recorded()).windows;
    expect(window?.webPreferences.preload).toBe(join(root, 'out/dist-check/app/out/preload/index.cjs'));
    await bob.quit();
    expect(await bob.exited).toBe(0);
    const again = await openApp({ main, profile: bob.profile });
    await openConversation(again, 'alice');
    await bubble(again.page, 'Packed and delivered 📦').waitFor();
  });

  test('the extracted app finds its own keytar', async () => {
    const main = join(root, 'out/dist-check/app/out/main/index.js');
    const script = `import { createRequire } from 'node:module';
      const require = createRequire(${JSON.stringify(main)});
      console.log(require.resolve('keytar'), typeof require('keytar').getPassword);`;
    const { out, error } = await node(['--input-type=module', '--eval', script], temporaryFolder());
    expect({ out, error }).toEqual({
      out: `${join(root, 'out/dist-check/app/node_modules/keytar/lib/keytar.js')} function\n`,
      error: '',
    });
  });
});
