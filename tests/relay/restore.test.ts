// A backup put in the place of a relay: only of one that is stopped, and all of it or nothing.
import { chmodSync, chownSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { temporaryFolder, until } from '../town.ts';
import { backedUp, fill, lettersOf } from './populated.ts';
import { done, listening, refused, run, stop } from './program.ts';

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

test.runIf(process.getuid?.() === 0)(
  'what root was killed at is brought back by the relay, which is another user',
  async ({ skip }) => {
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    skip((await run(['--version'], nobody).ended).code !== 0, 'nobody else can be had here');
    const { data, key, id, other } = await replaceable();
    for (const path of [data, ...readdirSync(data).map((name) => join(data, name))])
      chownSync(path, 65534, 65534);
    chmodSync(dirname(data), 0o755);
    // The old one is whole, and out of the way.
    const { code } = await run(['restore', other, '--force', '--data', data], killedAtRename(4)).ended;
    expect(code).toBe(null);
    expect(readdirSync(data)).not.toContain('relay.sqlite');
    const again = await listening(data, nobody);
    expect(again.key).toEqual(key);
    expect(await lettersOf(again)).toEqual([id]);
  },
);
