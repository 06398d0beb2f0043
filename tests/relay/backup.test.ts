// A backup: whole, while the relay serves or not, written over nothing, and leaving nothing behind.
import {
  chownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lockFolder } from '../../relay/database.ts';
import { temporaryFolder, until } from '../town.ts';
import { backedUp, fill, lettersOf } from './populated.ts';
import { done, listening, refused, run, stop } from './program.ts';
import { alice, bob, letter, Wire } from './wire.ts';

const manifestOf = (file: string): Record<string, unknown> & { files: { name: string; bytes: number }[] } =>
  JSON.parse(readFileSync(file, 'latin1').split('\n')[0]!) as ReturnType<typeof manifestOf>;

test('what a serving relay had when it was made comes back elsewhere: key, users, waiting mail', async () => {
  const { relay, data, file, id, out } = await backedUp();
  expect(out).toContain(`${file} holds the relay of ${data}.`);
  expect(out).toContain('Its private key is in it');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(file, '..'))).toEqual(['relay.backup']);
  // The relay has noticed nothing.
  expect(await (await Wire.open(relay)).signIn('login', alice)).toMatchObject({ type: 'done' });
  await stop(relay);

  const elsewhere = join(temporaryFolder(), 'new', 'folder');
  const said = await done('restore', file, '--data', elsewhere);
  expect(said).toContain(
    `${elsewhere} holds the relay again as it was on ${String(manifestOf(file)['made'])}`,
  );
  expect(readdirSync(elsewhere).sort()).toEqual(['.relay-lock', 'relay-tls.pem', 'relay.sqlite']);
  expect(statSync(elsewhere).mode & 0o777).toBe(0o700);
  for (const name of ['relay-tls.pem', 'relay.sqlite']) {
    expect(statSync(join(elsewhere, name)).mode & 0o777).toBe(0o600);
  }
  const again = await listening(elsewhere);
  expect(again.key).toEqual(relay.key);
  expect(await lettersOf(again)).toEqual([id]);
  expect(await (await Wire.open(again)).signIn('login', alice)).toMatchObject({ type: 'done' });
});

test('of a stopped relay, or one that was killed, it is the same', async () => {
  const { relay, data, file, id } = await backedUp();
  relay.child.kill('SIGKILL');
  await relay.ended;
  await done('backup', file, '--force', '--data', data);
  expect(manifestOf(file).files.map(({ name }) => name)).toEqual(['relay-tls.pem', 'relay.sqlite']);
  const empty = temporaryFolder();
  await done('restore', file, '--data', empty);
  expect(await lettersOf(await listening(empty))).toEqual([id]);
});

test('a file that is there is not written over without --force', async () => {
  const { relay, data, file } = await backedUp();
  const before = readFileSync(file);
  expect(await refused('backup', file, '--data', data)).toBe(
    `${file} is there already. Name another file, or say --force.`,
  );
  expect(readFileSync(file)).toEqual(before);
  await Wire.signedIn(relay, { ...alice });
  await done('backup', file, '--force', '--data', data);
  expect(manifestOf(file)['made']).not.toBe(
    (JSON.parse(before.toString('latin1').split('\n')[0]!) as { made: string }).made,
  );
  expect(readdirSync(join(file, '..'))).toEqual(['relay.backup']);
});

test('--force writes over files alone, and never over those of a relay', async () => {
  const { relay, data, file } = await backedUp();
  const kept = readFileSync(file);
  const forced = (target: string): Promise<string> => refused('backup', target, '--force', '--data', data);
  const beside = (name: string): string => join(file, '..', name);
  mkdirSync(beside('folder'));
  symlinkSync(file, beside('link'));
  symlinkSync('nowhere', beside('broken'));
  for (const target of ['folder', 'link', 'broken'].map(beside)) {
    expect(await forced(target)).toBe(`${target} is no regular file. Name another.`);
  }
  if (process.platform !== 'win32') expect(await forced('/dev/stdout')).toContain('is no regular file');
  symlinkSync(data, beside('data'));
  linkSync(join(data, 'relay.sqlite'), beside('other-name'));
  const own = ['relay.sqlite', 'relay-tls.pem', 'relay.sqlite-wal', 'relay.sqlite-journal', '.relay-lock'];
  const targets = own.flatMap((name) => [join(data, name), join(beside('data'), name)]);
  for (const target of [...targets, beside('other-name')]) {
    expect(await forced(target)).toBe(`${target} is a file of the relay itself. Name another.`);
  }
  expect(await forced(join(data, 'relay.sock'))).toContain('is no regular file');
  expect(readFileSync(file)).toEqual(kept);
  await stop(relay);
  expect(await forced(join(data, 'relay.sqlite'))).toContain('is a file of the relay itself');
  // Beside them there may be one.
  await done('backup', join(data, 'relay.backup'), '--data', data);
  await done('backup', join(data, 'relay.backup'), '--force', '--data', data);
  expect((await listening(data)).key).toEqual(relay.key);
});

test('a damaged relay is what --force replaces; no backup is made of it', async () => {
  const { relay, data, file, id } = await backedUp();
  await stop(relay);
  writeFileSync(join(data, 'relay.sqlite'), 'noise '.repeat(2000));
  const other = join(file, '../other.backup');
  expect(await refused('backup', other, '--data', data)).toContain('relay.sqlite is damaged.');
  writeFileSync(join(data, 'relay-tls.pem'), 'noise');
  expect(await refused('backup', other, '--data', data)).toContain('relay-tls.pem cannot be read');
  expect(readdirSync(join(file, '..'))).toEqual(['relay.backup']);
  await done('restore', file, '--force', '--data', data);
  expect(readdirSync(data).sort()).toEqual(['.relay-lock', 'relay-tls.pem', 'relay.sqlite']);
  expect(await lettersOf(await listening(data))).toEqual([id]);
});

test('a relay without a key of its own: its backup says that the key is to be kept, too', async () => {
  const { relay, data, file } = await backedUp();
  await stop(relay);
  rmSync(join(data, 'relay-tls.pem'));
  const out = await done('backup', file, '--force', '--data', data);
  expect(out).toContain('keep the certificate and the key that the relay uses, too');
  expect(manifestOf(file).files.map(({ name }) => name)).toEqual(['relay.sqlite']);
  const empty = temporaryFolder();
  await done('restore', file, '--data', empty);
  expect(readdirSync(empty)).toEqual(['.relay-lock', 'relay.sqlite']);
});

test('what a killed command has left is removed by the next; nothing else is', async () => {
  const { relay, data, file } = await backedUp();
  await stop(relay);
  fill(data, 20);
  const folder = temporaryFolder();
  const large = join(folder, 'large');
  const left = (parent: string): string[] =>
    readdirSync(parent).filter((name) => /^\.relay-(backup|restore)-/.test(name));
  const killed = async (parent: string, ...args: string[]): Promise<void> => {
    const { child, ended } = run(args);
    await until(() => left(parent).some((name) => readdirSync(join(parent, name)).length > 1));
    child.kill('SIGKILL');
    await ended;
    expect(left(parent)).toHaveLength(1);
  };
  await killed(folder, 'backup', large, '--data', data);
  // Of the same name, but somebody else's, or at work.
  mkdirSync(join(folder, '.relay-backup-mine00'));
  writeFileSync(join(folder, '.relay-backup-mine00', 'diary.txt'), '');
  symlinkSync(data, join(folder, '.relay-backup-linked'));
  mkdirSync(join(folder, '.relay-backup-atwork'));
  const lock = lockFolder(join(folder, '.relay-backup-atwork'));
  await done('backup', large, '--data', data);
  const strangers = ['.relay-backup-atwork', '.relay-backup-linked', '.relay-backup-mine00'];
  expect(left(folder).sort()).toEqual(strangers);
  lock.close();

  const elsewhere = temporaryFolder();
  await killed(elsewhere, 'restore', large, '--data', elsewhere);
  await done('restore', file, '--data', elsewhere);
  expect(left(elsewhere)).toEqual([]);
  expect(readdirSync(data).sort()).toEqual(['.relay-lock', 'relay-tls.pem', 'relay.sqlite']);
});

test('folders that can not be written, or hold something else, are told', async () => {
  const { data, file } = await backedUp();
  const below = join(file, 'below');
  expect(await refused('backup', below, '--data', data)).toBe(`There is no folder ${file}.`);
  const nowhere = join(data, 'none', 'file');
  expect(await refused('backup', nowhere, '--data', data)).toBe(`There is no folder ${join(data, 'none')}.`);
  const documents = temporaryFolder();
  writeFileSync(join(documents, 'diary.txt'), '');
  expect(await refused('restore', file, '--force', '--data', documents)).toBe(
    `${documents} holds other files (diary.txt) and no relay. Name an empty or a new folder.`,
  );
  expect(await refused('restore', file, '--data', join(documents, 'diary.txt'))).toContain('diary.txt');
  if (process.platform === 'linux') {
    expect(await refused('backup', '/sys/kernel/relay.backup', '--data', data)).toContain(
      '/sys/kernel/relay.backup',
    );
    expect(await refused('restore', file, '--data', '/sys/kernel/signet')).toContain('/sys/kernel/signet');
  }
});

test.runIf(process.platform === 'linux')(
  'a backup that finds no room, or is interrupted, leaves nothing',
  async () => {
    const { relay, data, file } = await backedUp();
    const sender = await Wire.signedIn(relay, alice);
    for (let i = 0; i < 40; i++) await sender.post(bob, letter(alice, bob, { blocks: 64 }).envelope);
    const small = temporaryFolder();
    const target = join(small, 'relay.backup');
    const mount = `mount -t tmpfs -o size=256k tmpfs '${small}' && "$@"; code=$?; ls -A '${small}'; exit $code`;
    const limited = ['unshare', '--user', '--map-root-user', '--mount', 'bash', '-c', mount, 'bash'];
    if ((await run(['--version'], limited).ended).code === 0) {
      const { code, out, error } = await run(['backup', target, '--data', data], limited).ended;
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(error).toBe(
        `signet-relay: There is no room left on the disk for ${target}. Make some, then try again.\n`,
      );
    } else {
      console.log('This system lets no test mount a disk of its own: a full one was not seen.');
    }
    const interrupted = run(['backup', file, '--force', '--data', data]);
    const folder = join(file, '..');
    const before = readFileSync(file);
    await Promise.race([until(() => readdirSync(folder).length > 1), interrupted.ended]);
    interrupted.child.kill('SIGTERM');
    const { code } = await interrupted.ended;
    expect(readdirSync(folder)).toEqual(['relay.backup']);
    if (code === 1) expect(readFileSync(file)).toEqual(before);
  },
);

test.runIf(process.getuid?.() === 0)('what root restores belongs to whom the folder belongs to', async () => {
  const { file } = await backedUp();
  const data = temporaryFolder();
  chownSync(data, 65534, 65534);
  await done('restore', file, '--data', data);
  for (const name of ['relay-tls.pem', 'relay.sqlite', '.relay-lock']) {
    expect(statSync(join(data, name))).toMatchObject({ uid: 65534, gid: 65534 });
  }
  // What is somebody else's stays so, whatever the folder's owner has put there.
  const stranger = join(temporaryFolder(), 'stranger');
  writeFileSync(stranger, '', { mode: 0o644 });
  rmSync(join(data, '.relay-lock'));
  symlinkSync(stranger, join(data, '.relay-lock'));
  await done('users', '--data', data);
  expect(statSync(stranger)).toMatchObject({ uid: 0, mode: 0o100644 });
});
