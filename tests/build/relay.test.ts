// The relay for servers: the archive, the executable that needs nothing installed, the service and the manual.
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeInvite } from '../../protocol/links.ts';
import { type Program, spawnChat } from '../processes.ts';
import { afterwards, temporaryFolder, until } from '../harness.ts';

const root = join(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const resources = join(root, 'build/relay');

type Ended = { code: number | null; out: string; error: string };
type Relay = { child: ChildProcess; ended: Promise<unknown[]>; port: number; invite: string };

/** Whether a program is installed; a test that can't run without says so. */
function isThere(program: string): boolean {
  const found = spawnSync('which', [program]).status === 0;
  if (!found) console.log(`${program} is not installed: what it would check was not seen.`);
  return found;
}

if (process.platform !== 'linux') console.log('The executable is made on Linux only: it was not seen here.');

describe.runIf(process.platform === 'linux')('dist:relay', () => {
  const dist = mkdtempSync(join(tmpdir(), 'signet-dist-'));
  const executable = join(dist, 'signet-relay');
  const archive = join(dist, `signet-relay-${version}.tar.gz`);
  const deb = join(dist, `signet-relay_${version}_${process.arch === 'arm64' ? 'arm64' : 'amd64'}.deb`);
  const licenses = join(dist, 'signet-relay.LICENSES.md');
  let printed = '';
  beforeAll(() => {
    printed = execFileSync(process.execPath, ['build/dist-relay.mjs', dist], { cwd: root, encoding: 'utf8' });
  });
  afterAll(() => rmSync(dist, { recursive: true, force: true }));

  /** A folder with the programs of coreutils in it, and no Node.js: all that is on the path. */
  function barePath(): string {
    const folder = temporaryFolder();
    for (const name of ['cat', 'env', 'ls', 'mkdir', 'rm', 'uname'])
      symlinkSync(`/usr/bin/${name}`, join(folder, name));
    return folder;
  }

  /** Starts the executable as `env -i PATH=...` would, in an empty folder. */
  function start(args: string[]): ChildProcess {
    return spawn(executable, args, { cwd: temporaryFolder(), env: { PATH: barePath() } });
  }

  async function run(...args: string[]): Promise<Ended> {
    const child = start(args);
    const ended = { out: '', error: '' };
    child.stdout!.on('data', (data) => (ended.out += String(data)));
    child.stderr!.on('data', (data) => (ended.error += String(data)));
    await once(child, 'close');
    return { code: child.exitCode, ...ended };
  }

  async function done(...args: string[]): Promise<string> {
    const { code, out, error } = await run(...args);
    if (code !== 0 || error) throw new Error(`${args.join(' ')} ended with ${code}: ${error}`);
    return out;
  }

  async function serve(data: string, port: number): Promise<Relay> {
    const child = start(['--json', '--host', '127.0.0.1', '--port', `${port}`, '--data', data]);
    const ended = once(child, 'close');
    afterwards(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    child.stderr!.resume();
    const [line] = (await once(createInterface(child.stdout!), 'line')) as [string];
    const { port: taken, invite } = JSON.parse(line) as { port: number; invite: string };
    return { child, ended, port: taken, invite };
  }

  async function online(name: string, profile: string, invite: string): Promise<Program> {
    const client = spawnChat(profile, name, invite);
    await client.wait(({ event, state }) => event === 'connection' && state === 'online');
    return client;
  }

  test('tells what it made, and leaves nothing else', () => {
    expect(readdirSync(dist).sort()).toEqual(
      ['signet-relay', 'signet-relay.LICENSES.md', `signet-relay-${version}.tar.gz`, basename(deb)].sort(),
    );
    for (const file of [executable, archive, licenses, deb]) {
      const [sum = ''] = execFileSync('sha256sum', [file], { encoding: 'utf8' }).split(' ');
      expect(printed).toContain(`${sum}  ${file}  (`);
    }
  });

  test('the archive holds a relay for a Node.js that is there, and what a server needs beside it', async () => {
    const folder = temporaryFolder();
    execFileSync('tar', ['-xzf', archive, '-C', folder]);
    expect(readdirSync(folder)).toEqual([`signet-relay-${version}`]);
    const inside = join(folder, `signet-relay-${version}`);
    expect(readdirSync(inside).sort()).toEqual(
      [
        'LICENSE',
        'LICENSES.md',
        'README.md',
        'signet-relay.1',
        'signet-relay.bash',
        'signet-relay.env',
        'signet-relay.fish',
        'signet-relay.zsh',
        'signet-relay.cjs',
        'signet-relay.service',
      ].sort(),
    );
    expect(readFileSync(join(inside, 'LICENSES.md'), 'utf8')).toContain('commander');
    // As README.md installs it: a link on the path, to a file that is found by its own name alone.
    const program = join(inside, 'signet-relay.cjs');
    expect(statSync(program).mode & 0o111).toBe(0o111);
    const bin = temporaryFolder();
    symlinkSync(program, join(bin, 'signet-relay'));
    symlinkSync(process.execPath, join(bin, 'node'));
    symlinkSync('/usr/bin/env', join(bin, 'env'));
    const options = { cwd: temporaryFolder(), env: { PATH: bin }, encoding: 'utf8' } as const;
    expect(execFileSync('/usr/bin/env', ['signet-relay', '--version'], options)).toBe(`${version}\n`);
    expect(execFileSync('/usr/bin/env', ['signet-relay', 'invite', '--help'], options)).toContain('--qr');
    // As Debian has it: too old, and told so before anything is asked of it that it doesn't know.
    const older = join(folder, 'older.cjs');
    const versions = `{ value: { ...process.versions, node: '20.20.2' } }`;
    writeFileSync(older, `Object.defineProperty(process, 'versions', ${versions});`);
    const refused = spawnSync(process.execPath, ['--require', older, program, 'serve'], options);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toMatch(
      /^signet-relay needs Node\.js 24 or later, and this is 20\.20\.2\. .*\.\n$/,
    );
  });

  test('the Debian package holds the service, its user, the manual and the completions', () => {
    const query = (...args: string[]): string => execFileSync('dpkg-deb', args, { encoding: 'utf8' });
    expect(query('--field', deb, 'Package', 'Version')).toBe(`Package: signet-relay\nVersion: ${version}\n`);
    const folder = temporaryFolder();
    query('--raw-extract', deb, folder);
    const text = (name: string): string => readFileSync(join(folder, name), 'utf8');
    expect(readFileSync(join(folder, 'usr/bin/signet-relay')).equals(readFileSync(executable))).toBe(true);
    const unit = text('usr/lib/systemd/system/signet-relay.service');
    expect(unit).toContain('ExecStart=/usr/bin/signet-relay serve\n');
    expect(unit).toContain('User=signet-relay\n');
    expect(unit).not.toContain('DynamicUser');
    expect(text('DEBIAN/conffiles')).toBe('/etc/signet-relay.env\n');
    expect(text('usr/share/bash-completion/completions/signet-relay')).toContain('complete -o filenames');
    expect(text('usr/share/zsh/vendor-completions/_signet-relay')).toMatch(/^#compdef signet-relay\n/);
    expect(text('usr/share/fish/vendor_completions.d/signet-relay.fish')).toContain(
      'complete -c signet-relay',
    );
    const manual = gunzipSync(readFileSync(join(folder, 'usr/share/man/man1/signet-relay.1.gz'))).toString();
    expect(manual).toBe(readFileSync(join(resources, 'signet-relay.1'), 'utf8'));
    for (const name of ['postinst', 'prerm', 'postrm']) {
      const script = join(folder, 'DEBIAN', name);
      expect(statSync(script).mode & 0o777).toBe(0o755);
      execFileSync('sh', ['-n', script]);
    }
    // Nobody but root owns or writes any of it.
    for (const line of query('--contents', deb).trim().split('\n'))
      expect(line).toMatch(/^.{5}-..-. root\/root /);
  });

  test('the executable has no table of symbols, which would be a seventh of it', () => {
    expect(execFileSync('readelf', ['-S', executable], { encoding: 'utf8' })).not.toContain('.symtab');
  });

  test('what the container file copies and runs is there', () => {
    const text = readFileSync(join(resources, 'Containerfile'), 'utf8');
    expect(text).toMatch(/^USER signet-relay$/m);
    expect(text).toMatch(/^VOLUME \/data$/m);
    expect(text).toMatch(/^HEALTHCHECK .*"check"/m);
    for (const [, names] of text.matchAll(/^COPY (?!--from)(.+) \S+$/gm))
      for (const name of names!.split(' ')) expect(existsSync(join(root, name)), name).toBe(true);
    for (const [, name] of text.matchAll(/ \/dist\/(\S+)/g)) expect(readdirSync(dist)).toContain(name);
    const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
    expect(ignored).toEqual(expect.arrayContaining(['.git', 'node_modules', 'signet-relay-data']));
  });

  test('beside the executable lie the licences of all that is in it', () => {
    const text = readFileSync(licenses, 'utf8');
    expect(text).toContain('The Signet authors');
    for (const name of ['commander', 'pino', 'ws', 'zod'])
      expect(text).toMatch(new RegExp(`^## ${name} - `, 'm'));
    expect(text).toContain(`# Node.js ${process.version}, which runs it`);
    expect(text).toContain('Copyright Node.js contributors.');
  });

  test('the executable needs nothing that is installed, and takes no options of Node.js', async () => {
    expect(await done('--version')).toBe(`${version}\n`);
    expect((await run('--nonsense')).error).toContain("error: unknown option '--nonsense'");
    const options = { env: { NODE_OPTIONS: '--no-such-option' }, encoding: 'utf8' } as const;
    expect(execFileSync(executable, ['--version'], options)).toBe(`${version}\n`);
  });

  test('two people chat through it; backed up and restored elsewhere, the old invite and the mail are there', async () => {
    const data = join(temporaryFolder(), 'relay');
    const relay = await serve(data, 0);
    const [aliceProfile, bobProfile] = [temporaryFolder(), temporaryFolder()];
    const alice = await online('alice', aliceProfile, relay.invite);
    const bob = await online('bob', bobProfile, relay.invite);
    alice.tell({ do: 'send', to: 'bob', text: 'Through the executable' });
    await bob.wait(({ text }) => text === 'Through the executable');
    bob.tell({ do: 'send', to: 'alice', text: 'And back' });
    await alice.wait(({ text }) => text === 'And back');

    bob.tell({ do: 'quit' });
    await until(() => bob.kill('SIGTERM').then(() => true));
    alice.tell({ do: 'send', to: 'bob', text: 'For when you are back', ref: 1 });
    const { id } = await alice.wait(({ event, ref }) => event === 'queued' && ref === 1);
    await alice.wait((event) => event.event === 'state' && event['id'] === id && event['state'] === 'sent');

    const args = ['--data', data];
    const { users } = JSON.parse(await done('users', '--json', ...args)) as {
      users: { name: string; waiting: number }[];
    };
    expect(users).toMatchObject([{ name: 'alice' }, { name: 'bob' }]);
    expect(users[1]!.waiting).toBeGreaterThan(0);
    expect(await done('export', 'bob', ...args)).not.toContain('For when you are back');
    const file = join(temporaryFolder(), 'relay.backup');
    await done('backup', file, ...args);
    const listen = ['--host', '127.0.0.1', '--port', `${relay.port}`];
    expect(await done('check', ...args, ...listen)).toContain(
      `ok    port: this relay answers on port ${relay.port}`,
    );
    // What comes after the backup is lost with the relay's computer.
    relay.child.kill('SIGKILL');
    await relay.ended;
    rmSync(data, { recursive: true });

    const elsewhere = join(temporaryFolder(), 'restored');
    await done('restore', file, '--data', elsewhere);
    expect(await done('invite', '--data', elsewhere, ...listen)).toContain(relay.invite);
    const qr = await done('invite', '--qr', '--data', elsewhere, ...listen);
    expect(qr).toContain('▄▄▄');
    const again = await serve(elsewhere, relay.port);
    expect(decodeInvite(again.invite)).toEqual(decodeInvite(relay.invite));
    // Bob finds his mail, Alice comes back by herself, and somebody new joins by the old invite.
    const back = await online('bob', bobProfile, relay.invite);
    await back.wait(({ text }) => text === 'For when you are back');
    await alice.wait(
      (event) => event.event === 'state' && event['id'] === id && event['state'] === 'delivered',
    );
    const carol = await online('carol', temporaryFolder(), relay.invite);
    carol.tell({ do: 'send', to: 'alice', text: 'By the old invite' });
    await alice.wait(({ text }) => text === 'By the old invite');
    again.child.kill('SIGTERM');
    expect(await again.ended).toEqual([0, null]);
  });

  test('the service may do little besides serving, by the judgement of systemd', () => {
    if (!isThere('systemd-analyze')) return;
    const unit = join(resources, 'signet-relay.service');
    // Fails above 2.5 on its scale from 0 to 10.
    const judged = spawnSync(
      'systemd-analyze',
      ['security', '--offline=true', '--threshold=25', '--no-pager', unit],
      { encoding: 'utf8' },
    );
    expect(judged.stdout).toContain('Overall exposure level for signet-relay.service: ');
    expect(judged.status).toBe(0);
    // Where the program and its manual are installed, there is nothing to complain about.
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'man/man1'), { recursive: true });
    copyFileSync(join(resources, 'signet-relay.1'), join(folder, 'man/man1/signet-relay.1'));
    const installed = join(folder, 'signet-relay.service');
    const text = readFileSync(unit, 'utf8');
    expect(text).toContain('ExecStart=/usr/local/bin/signet-relay serve\n');
    writeFileSync(installed, text.replace('/usr/local/bin/signet-relay', executable));
    const man = isThere('man') ? [] : ['--man=no'];
    const verified = spawnSync('systemd-analyze', ['verify', ...man, installed], {
      encoding: 'utf8',
      env: { ...process.env, MANPATH: join(folder, 'man') },
    });
    expect({ status: verified.status, error: verified.stderr }).toEqual({ status: 0, error: '' });
  });

  test('the manual is well-formed', () => {
    if (!isThere('mandoc')) return;
    const { status, stdout } = spawnSync('mandoc', ['-T', 'lint', join(resources, 'signet-relay.1')], {
      encoding: 'utf8',
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });

  test('the manual and the file of settings tell of what there is', async () => {
    const manual = readFileSync(join(resources, 'signet-relay.1'), 'utf8');
    const settings = readFileSync(join(resources, 'signet-relay.env'), 'utf8');
    const help = await done('--help');
    const commands = [...help.matchAll(/^ {2}([a-z][a-z-]*) (?:\[|<)/gm)]
      .map(([, name]) => name!)
      .filter((name) => name !== 'help');
    expect(commands).toHaveLength(9);
    for (const command of commands) expect(manual).toContain(`\n.It Cm ${command}\n`);
    const helps = await Promise.all(commands.map((command) => done(command, '--help')));
    for (const [, option = ''] of helps.join('').matchAll(/^ {2}--([a-z-]+)/gm)) {
      if (option !== 'help') expect(manual).toMatch(new RegExp(`Fl Fl ${option}\\b`));
    }
    const variables = new Set(helps.join('').match(/SIGNET_RELAY_[A-Z]+(?:_[A-Z]+)*/g));
    expect(variables.size).toBe(9);
    for (const variable of variables) expect(manual).toContain(`Ev ${variable}\n`);
    for (const [, variable = ''] of settings.matchAll(/^#(SIGNET\w+)=/gm))
      expect(variables).toContain(variable);
  });
});
