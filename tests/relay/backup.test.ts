// A backup: whole, while the relay serves or not; and back into a folder, unless anything is wrong with it.
import {
  appendFileSync,
  chownSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { lockFolder } from '../../relay/database.ts';
import { temporaryFolder, until } from '../town.ts';
import { done, listening, refused, run } from './program.ts';
import { alice, bob, letter, Wire } from './wire.ts';

type Relay = Awaited<ReturnType<typeof listening>>;

async function stop({ child, ended }: Relay): Promise<void> {
  child.kill('SIGTERM');
  await ended;
}

/** A relay with a letter of alice's that waits for bob, and a backup of it that was made while it served. */
async function backedUp(): Promise<{ relay: Relay; data: string; file: string; id: string; out: string }> {
  const data = join(temporaryFolder(), 'data');
  const relay = await listening(data);
  (await Wire.signedIn(relay, bob)).socket.terminate();
  const sender = await Wire.signedIn(relay, alice);
  const { id, envelope } = letter(alice, bob);
  expect(await sender.post(bob, envelope)).toMatchObject({ type: 'accepted' });
  const file = join(temporaryFolder(), 'relay.backup');
  const out = await done('backup', file, '--data', data);
  return { relay, data, file, id: id.toString('hex'), out };
}

/** Bob's letters on a relay. */
async function lettersOf(relay: Relay): Promise<string[]> {
  const recipient = await Wire.signedIn(relay, bob);
  await until(() => recipient.delivered.length > 0);
  await recipient.settle();
  return recipient.delivered.map(({ id }) => id);
}

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

test('a folder with a relay is not written over without --force, nor while the relay serves', async () => {
  const { relay, data, file, id } = await backedUp();
  for (const force of [[], ['--force']]) {
    expect(await refused('restore', file, ...force, '--data', data)).toBe(
      `A relay serves ${data} now and holds relay.sqlite locked. Stop it first, and start it again after.`,
    );
  }
  expect(await lettersOf(relay)).toEqual([id]);
  relay.child.kill('SIGKILL');
  await relay.ended;
  const key = readFileSync(join(data, 'relay-tls.pem'));
  expect(await refused('restore', file, '--data', data)).toBe(
    `${data} holds a relay already. Name another folder, or say --force to put the backup in its place.`,
  );
  // Nobody has opened, and so cleared away, what an older database has left of its log.
  rmSync(join(data, 'relay.sqlite'));
  writeFileSync(join(data, 'relay.sqlite-wal'), 'noise');
  await done('restore', file, '--force', '--data', data);
  expect(readdirSync(data).sort()).toEqual(['.relay-lock', 'relay-tls.pem', 'relay.sock', 'relay.sqlite']);
  expect(readFileSync(join(data, 'relay-tls.pem'))).toEqual(key);
  expect(await lettersOf(await listening(data))).toEqual([id]);
});

/** Adds so much to what a stopped relay stores that it takes a while to restore. */
function fill(data: string, mebibytes: number): void {
  const database = new DatabaseSync(join(data, 'relay.sqlite'));
  const insert = database.prepare(
    "INSERT INTO mailbox VALUES (NULL, 'bob', 'alice', ?, 0, zeroblob(1048576))",
  );
  for (let i = 0; i < mebibytes; i++) insert.run(Buffer.from(`${i}`.padStart(16)));
  database.close();
}

test.runIf(process.platform !== 'win32')('while a backup is restored, no relay starts there', async () => {
  const { relay, data, file, id } = await backedUp();
  await stop(relay);
  const large = join(file, '../large.backup');
  const filled = temporaryFolder();
  await done('restore', file, '--data', filled);
  fill(filled, 40);
  await done('backup', large, '--data', filled);
  for (const folder of [data, temporaryFolder()]) {
    const restoring = run(['restore', large, '--force', '--data', folder]);
    await until(() => readdirSync(folder).some((name) => name.startsWith('.relay-restore-')));
    restoring.child.kill('SIGSTOP');
    const serving = await run(['--json', '--port', '0', '--data', folder]).ended;
    expect(serving).toMatchObject({ code: 1, out: '' });
    expect(serving.error).toContain('Another relay already runs on');
    expect(await refused('restore', file, '--force', '--data', folder)).toContain('Stop it first');
    restoring.child.kill('SIGCONT');
    expect(await restoring.ended).toMatchObject({ code: 0, error: '' });
  }
  expect((await done('users', '--json', '--data', data)).match(/"waiting":41/)).not.toBeNull();
  expect(await lettersOf(await listening(data))).toContain(id);
});

test('a relay of a version that knows no lock of the folder is noticed all the same', async () => {
  const { relay, data, file } = await backedUp();
  await stop(relay);
  const older = new DatabaseSync(join(data, 'relay.sqlite'));
  older.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  expect(await refused('restore', file, '--force', '--data', data)).toContain('A relay serves');
  older.close();
});

/** A relay that has stopped, and a backup of another one that shall take its place. */
async function replaceable(): Promise<{ data: string; key: Buffer; id: string; other: string }> {
  const { relay, data, id } = await backedUp();
  await stop(relay);
  const elsewhere = temporaryFolder();
  await stop(await listening(elsewhere));
  const other = join(temporaryFolder(), 'other.backup');
  await done('backup', other, '--data', elsewhere);
  return { data, key: relay.key, id, other };
}

test.runIf(process.platform === 'linux')(
  'a relay that can not be replaced stays what it was',
  async ({ skip }) => {
    const { data, key, id, other } = await replaceable();
    for (const name of ['relay-tls.pem', 'relay.sqlite']) {
      // What is mounted can neither be moved nor removed.
      const mount = `mount --bind '${join(data, name)}' '${join(data, name)}' && exec "$@"`;
      const fixed = ['unshare', '--user', '--map-root-user', '--mount', 'bash', '-c', mount, 'bash'];
      skip((await run(['--version'], fixed).ended).code !== 0, 'this system lets no test mount anything');
      const { code, error } = await run(['restore', other, '--force', '--data', data], fixed).ended;
      expect({ code, error }).toEqual({
        code: 1,
        error: `signet-relay: ${data} cannot be written (EBUSY).\n`,
      });
      expect(readdirSync(data).sort()).toEqual(['.relay-lock', 'relay-tls.pem', 'relay.sqlite']);
    }
    const again = await listening(data);
    expect(again.key).toEqual(key);
    expect(await lettersOf(again)).toEqual([id]);
  },
);

/** Has Node.js end itself with kill -9 in place of renaming for the n-th time. */
function killedAtRename(n: number): string[] {
  const hook = `import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    const { renameSync } = fs;
    let left = ${n};
    fs.renameSync = (from, to) => (--left === 0 ? process.kill(process.pid, 'SIGKILL') : renameSync(from, to));
    syncBuiltinESMExports();`;
  return ['env', `NODE_OPTIONS=--import=data:text/javascript,${encodeURIComponent(hook)}`];
}

test.runIf(process.platform !== 'win32')(
  'killed at any moment, a restore leaves the one relay or the other, and all of it',
  async () => {
    const { data, key, id, other } = await replaceable();
    const seen = { old: 0, new: 0 };
    for (let n = 1; ; n++) {
      const folder = temporaryFolder();
      cpSync(data, folder, { recursive: true });
      const { code } = await run(['restore', other, '--force', '--data', folder], killedAtRename(n)).ended;
      if (code === 0) break;
      expect(code).toBe(null);
      const again = await listening(folder);
      if (again.key.equals(key)) {
        seen.old++;
        expect(await lettersOf(again)).toEqual([id]);
      } else {
        seen.new++;
        expect(await done('users', '--data', folder)).toBe('Nobody has registered yet.\n');
      }
    }
    // Both files out of the way, that all are, both in place, and the last, before which the old one is still the relay.
    expect(seen).toEqual({ old: 6, new: 0 });
  },
);

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

/** Changes the first line. */
function rewrite(file: string, change: (manifest: Record<string, unknown>) => object): void {
  const bytes = readFileSync(file);
  const end = bytes.indexOf('\n');
  const line = JSON.stringify(change(JSON.parse(bytes.toString('utf8', 0, end)) as Record<string, unknown>));
  writeFileSync(file, Buffer.concat([Buffer.from(line), bytes.subarray(end)]));
}

function flip(file: string, position: number): void {
  const bytes = readFileSync(file);
  bytes[position]! ^= 1;
  writeFileSync(file, bytes);
}

/** A backup whose database was changed before it was made, checksums and all. */
async function backupOf(sql: string): Promise<string> {
  const data = join(temporaryFolder(), 'data');
  await stop(await listening(data));
  const database = new DatabaseSync(join(data, 'relay.sqlite'), { defensive: false });
  database.exec(sql);
  database.close();
  const file = join(temporaryFolder(), 'relay.backup');
  const { writeArchive } = await import('../../relay/archive.ts');
  await writeArchive(file, data, ['relay-tls.pem', 'relay.sqlite'], '9.9.9');
  return file;
}

test('every damage is told, and a folder that was not there is not there after', async () => {
  const { relay, file } = await backedUp();
  await stop(relay);
  const whole = readFileSync(file);
  const start = whole.indexOf('\n') + 1;
  const damages: [() => void, RegExp][] = [
    [() => writeFileSync(file, ''), /^\S+ is no backup of a relay\.$/],
    [() => writeFileSync(file, 'PK\x03\x04 something else'), /^\S+ is no backup of a relay\.$/],
    [() => writeFileSync(file, '{"format":"other","version":1}\n'), /^\S+ is no backup of a relay\.$/],
    [() => truncateSync(file, 60), /^\S+ is damaged\. Take another backup\.$/],
    [
      () => truncateSync(file, start),
      /^\S+ is damaged: it has \d+ bytes in place of \d+\. Take another backup\.$/,
    ],
    [
      () => truncateSync(file, whole.length - 1),
      new RegExp(`is damaged: it has ${whole.length - 1} bytes in place of ${whole.length}\\.`),
    ],
    [() => appendFileSync(file, '\n'), /is damaged: it has \d+ bytes in place of \d+\./],
    [
      () => flip(file, start + 100),
      /is damaged: the checksum of its relay-tls\.pem is not right\. Take another backup\.$/,
    ],
    [
      () => flip(file, whole.length - 1),
      /is damaged: the checksum of its relay\.sqlite is not right\. Take another backup\.$/,
    ],
    [() => rewrite(file, (manifest) => ({ ...manifest, files: [] })), /is damaged\. Take another backup\.$/],
    [() => rewrite(file, (manifest) => ({ ...manifest, more: 1 })), /is damaged\. Take another backup\.$/],
    [
      () =>
        writeFileSync(file, whole.toString('latin1').replace('"relay.sqlite"', '"../../escape"'), 'latin1'),
      /is damaged\. Take another backup\.$/,
    ],
    [
      () => rewrite(file, (manifest) => ({ ...manifest, version: 2, program: '7.0.0', files: 'otherwise' })),
      /^\S+ was made by a newer relay \(7\.0\.0\)\. Update this one, then try again\.$/,
    ],
    [() => rmSync(file), /cannot be read \(ENOENT\)\.$/],
    [() => (rmSync(file, { force: true }), mkdirSync(file)), /cannot be read \(EISDIR\)\.$/],
  ];
  const parent = temporaryFolder();
  for (const [damage, sentence] of damages) {
    if (existsSync(file)) rmSync(file, { recursive: true });
    writeFileSync(file, whole);
    damage();
    expect(await refused('restore', file, '--data', join(parent, 'new', 'data'))).toMatch(sentence);
    expect(readdirSync(parent)).toEqual([]);
  }
  const { error } = await run(
    ['restore', file, '--data', join('some', 'where')],
    ['sh', '-c', '"$@"; ls >&2', 'sh'],
  ).ended;
  expect(error).toMatch(/^signet-relay: [^\n]+ cannot be read \(EISDIR\)\.\n$/);
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

test('a database that is wrong in itself, or newer, is told, whatever its checksum', async () => {
  const empty = temporaryFolder();
  const newer = await backupOf('PRAGMA user_version = 2');
  expect(await refused('restore', newer, '--data', empty)).toBe(
    `${newer} was made by a newer relay (9.9.9). Update this one, then try again.`,
  );
  const damaged = await backupOf(
    "PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE name = 'mailbox_by_recipient'",
  );
  expect(await refused('restore', damaged, '--data', empty)).toBe(
    `${damaged} holds a relay that is damaged. Take another backup.`,
  );
  expect(readdirSync(empty)).toEqual(['.relay-lock']);
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
