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
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { temporaryFolder, until } from '../harness.ts';
import { backedUp, bobsEnvelopes, fill } from './populated.ts';
import { done, listening, refused, run, stop } from './program.ts';
import { device, envelope, RawClient } from './raw-client.ts';

const [alice, bob] = [device('alice'), device('bob')];

function tableOf(file: string): { made: string; certificate: string | null } {
  const database = new DatabaseSync(file, { readOnly: true });
  const row = database.prepare('SELECT made, certificate FROM backup').get();
  database.close();
  return row as ReturnType<typeof tableOf>;
}

test('what a serving relay had when it was made comes back elsewhere: key, users, waiting mail', async () => {
  const { relay, data, file, waiting, out } = await backedUp();
  expect(out).toContain(`${file} holds the relay of ${data}.`);
  expect(out).toContain('It holds the private key');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(file, '..'))).toEqual(['relay.backup']);
  // The relay has noticed nothing.
  expect(await (await RawClient.open(relay)).signIn('login', alice)).toMatchObject({ type: 'done' });
  await stop(relay);

  const elsewhere = join(temporaryFolder(), 'new', 'folder');
  const said = await done('restore', file, '--data', elsewhere);
  expect(said).toContain(`${elsewhere} holds the relay as it was on ${tableOf(file).made}`);
  expect(said).not.toContain('that was there');
  expect(readdirSync(elsewhere).sort()).toEqual(['.relay-lock', 'relay-tls.pem', 'relay.sqlite']);
  expect(statSync(elsewhere).mode & 0o777).toBe(0o700);
  for (const name of ['relay-tls.pem', 'relay.sqlite']) {
    expect(statSync(join(elsewhere, name)).mode & 0o777).toBe(0o600);
  }
  const again = await listening(elsewhere);
  expect(again.key).toEqual(relay.key);
  expect(await bobsEnvelopes(again)).toEqual([waiting]);
  expect(await (await RawClient.open(again)).signIn('login', alice)).toMatchObject({ type: 'done' });
});

test('of a stopped relay, or one that was killed, it is the same', async () => {
  const { relay, data, file, waiting } = await backedUp();
  relay.child.kill('SIGKILL');
  await relay.ended;
  await done('backup', file, '--force', '--data', data);
  const empty = temporaryFolder();
  await done('restore', file, '--data', empty);
  expect(await bobsEnvelopes(await listening(empty))).toEqual([waiting]);
});

test('a file that is there is not written over without --force', async () => {
  const { relay, data, file } = await backedUp();
  const before = readFileSync(file);
  const { made } = tableOf(file);
  expect(await refused('backup', file, '--data', data)).toBe(
    `${file} exists already. Name another file, or add --force.`,
  );
  expect(readFileSync(file)).toEqual(before);
  await RawClient.signedIn(relay, alice);
  await done('backup', file, '--force', '--data', data);
  expect(tableOf(file).made).not.toBe(made);
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
  expect(readFileSync(file)).toEqual(kept);
  await stop(relay);
  expect(await forced(join(data, 'relay.sqlite'))).toContain('is a file of the relay itself');
  // Beside them there may be one.
  await done('backup', join(data, 'relay.backup'), '--data', data);
  await done('backup', join(data, 'relay.backup'), '--force', '--data', data);
  expect((await listening(data)).key).toEqual(relay.key);
});

test('a damaged relay is what --force replaces; no backup is made of it', async () => {
  const { relay, data, file, waiting } = await backedUp();
  await stop(relay);
  writeFileSync(join(data, 'relay.sqlite'), 'noise '.repeat(2000));
  const other = join(file, '../other.backup');
  expect(await refused('backup', other, '--data', data)).toContain('relay.sqlite is damaged.');
  writeFileSync(join(data, 'relay-tls.pem'), 'noise');
  expect(await refused('backup', other, '--data', data)).toContain('relay-tls.pem cannot be read');
  expect(readdirSync(join(file, '..'))).toEqual(['relay.backup']);
  await done('restore', file, '--force', '--data', data);
  const kept = readdirSync(data).filter((name) => name.startsWith('replaced-'));
  expect(kept).toHaveLength(1);
  expect(readFileSync(join(data, kept[0]!, 'relay-tls.pem'), 'utf8')).toBe('noise');
  expect(await bobsEnvelopes(await listening(data))).toEqual([waiting]);
});

test('a relay without a key of its own: its backup says that the key is to be kept, too', async () => {
  const { relay, data, file } = await backedUp();
  await stop(relay);
  rmSync(join(data, 'relay-tls.pem'));
  const out = await done('backup', file, '--force', '--data', data);
  expect(out).toContain('Keep the certificate and the key that the relay uses, too.');
  expect(tableOf(file).certificate).toBe(null);
  const empty = temporaryFolder();
  await done('restore', file, '--data', empty);
  expect(readdirSync(empty)).toEqual(['.relay-lock', 'relay.sqlite']);
});

test('what a killed command has left is removed by the next', async () => {
  const { relay, data, file } = await backedUp();
  await stop(relay);
  fill(data, 20);
  const folder = temporaryFolder();
  const large = join(folder, 'large');
  const killed = async (parent: string, ...args: string[]): Promise<void> => {
    const { child, ended } = run(args);
    await until(() => readdirSync(parent).some((name) => name.endsWith('.part')));
    child.kill('SIGKILL');
    await ended;
    expect(readdirSync(parent).filter((name) => name.includes('.part'))).not.toEqual([]);
  };
  await killed(folder, 'backup', large, '--data', data);
  await done('backup', large, '--data', data);
  expect(readdirSync(folder)).toEqual(['large']);

  const elsewhere = temporaryFolder();
  await killed(elsewhere, 'restore', large, '--data', elsewhere);
  await done('restore', file, '--data', elsewhere);
  expect(readdirSync(elsewhere).sort()).toEqual(['.relay-lock', 'relay-tls.pem', 'relay.sqlite']);
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

test.runIf(process.platform === 'linux')('a backup that finds no room leaves nothing', async () => {
  const { relay, data } = await backedUp();
  const sender = await RawClient.signedIn(relay, alice);
  for (let i = 0; i < 40; i++) {
    const large = envelope(alice, bob.address, { blocks: 64 });
    expect(await sender.send(large)).toMatchObject({ type: 'accepted' });
  }
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
});

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
