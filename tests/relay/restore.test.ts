// A backup put in the place of a relay: only of one that is stopped, and all of it or nothing.
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { temporaryFolder, until } from '../harness.ts';
import { mailboxOf } from '../../relay/stores.ts';
import { backedUp, bobsEnvelopes, fill } from './populated.ts';
import { done, listening, refused, run, stop } from './program.ts';
import { device } from './raw-client.ts';

test('a folder with a relay is not written over without --force, nor while the relay serves', async () => {
  const { relay, data, file, waiting } = await backedUp();
  for (const force of [[], ['--force']]) {
    expect(await refused('restore', file, ...force, '--data', data)).toBe(
      `A relay serves ${data} now. Stop it first, and start it again after.`,
    );
  }
  expect(await bobsEnvelopes(relay)).toEqual([waiting]);
  relay.child.kill('SIGKILL');
  await relay.ended;
  const key = readFileSync(join(data, 'relay-tls.pem'));
  expect(await refused('restore', file, '--data', data)).toBe(
    `${data} holds a relay already. Name another folder, or add --force to replace the relay.`,
  );
  // The log of an older database must not stay beside the new one.
  rmSync(join(data, 'relay.sqlite'));
  writeFileSync(join(data, 'relay.sqlite-wal'), 'noise');
  const said = await done('restore', file, '--force', '--data', data);
  const [kept = ''] = readdirSync(data).filter((name) => name.startsWith('replaced-'));
  expect(said).toContain(`The relay that was there is in ${join(data, kept)}.`);
  expect(readdirSync(join(data, kept)).sort()).toEqual([
    'relay-tls.pem',
    'relay.sqlite-shm',
    'relay.sqlite-wal',
  ]);
  expect(statSync(join(data, kept)).mode & 0o777).toBe(0o700);
  expect(readFileSync(join(data, 'relay-tls.pem'))).toEqual(key);
  expect(await bobsEnvelopes(await listening(data))).toEqual([waiting]);
});

test.runIf(process.platform !== 'win32')('while a backup is restored, no relay starts there', async () => {
  const { relay, data, file, waiting } = await backedUp();
  await stop(relay);
  const large = join(file, '../large.backup');
  const filled = temporaryFolder();
  await done('restore', file, '--data', filled);
  fill(filled, 40);
  await done('backup', large, '--data', filled);
  for (const folder of [data, temporaryFolder()]) {
    const restoring = run(['restore', large, '--force', '--data', folder]);
    await until(() => readdirSync(folder).some((name) => name.endsWith('.part')));
    restoring.child.kill('SIGSTOP');
    const serving = await run(['--json', '--port', '0', '--data', folder]).ended;
    expect(serving).toMatchObject({ code: 1, out: '' });
    expect(serving.error).toContain('Another relay already runs on');
    expect(await refused('restore', file, '--force', '--data', folder)).toContain('Stop it first');
    restoring.child.kill('SIGCONT');
    expect(await restoring.ended).toMatchObject({ code: 0, error: '' });
  }
  expect((await done('users', '--json', '--data', data)).match(/"waiting":41/)).not.toBeNull();
  expect(await bobsEnvelopes(await listening(data))).toEqual([waiting]);
});

/** A relay that has stopped, and a backup of another one that shall take its place. */
async function replaceable(): Promise<{ data: string; key: Buffer; waiting: Buffer; other: string }> {
  const { relay, data, waiting } = await backedUp();
  await stop(relay);
  const elsewhere = temporaryFolder();
  await stop(await listening(elsewhere));
  const other = join(temporaryFolder(), 'other.backup');
  await done('backup', other, '--data', elsewhere);
  return { data, key: relay.key, waiting, other };
}

/** The key in a backup. */
function tls(file: string): unknown {
  const database = new DatabaseSync(file, { readOnly: true });
  const row = database.prepare('SELECT certificate FROM backup').get();
  database.close();
  return row?.['certificate'];
}

/** Has Node.js end itself with kill -9 instead of renaming for the n-th time. */
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
  'killed at any moment, a restore leaves the old relay, or none that starts, and the next one goes on',
  async () => {
    const { data, key, waiting, other } = await replaceable();
    const newKey = tls(other);
    const seen = { old: 0, none: 0 };
    for (let n = 1; ; n++) {
      const folder = temporaryFolder();
      cpSync(data, folder, { recursive: true });
      const { code } = await run(['restore', other, '--force', '--data', folder], killedAtRename(n)).ended;
      if (code === 0) break;
      expect(code).toBe(null);
      const again = await listening(folder).catch((error: unknown) => error as Error);
      if (!(again instanceof Error)) {
        seen.old++;
        expect(again.key).toEqual(key);
        expect(await bobsEnvelopes(again)).toEqual([waiting]);
        continue;
      }
      seen.none++;
      expect(again.message).toBe(
        `signet-relay: A restore into ${folder} was interrupted. Run "signet-relay restore" there again.\n`,
      );
      // Killed a second time, wherever that is, the old relay is still whole in one folder.
      await run(['restore', other, '--data', folder], killedAtRename(1 + (n % 3))).ended;
      await done('restore', other, '--data', folder);
      expect(readFileSync(join(folder, 'relay-tls.pem'), 'utf8')).toBe(newKey);
      const [kept = '', ...more] = readdirSync(folder).filter((name) => name.startsWith('replaced-'));
      expect(more).toEqual([]);
      expect(readFileSync(join(folder, kept, 'relay-tls.pem'))).toEqual(
        readFileSync(join(data, 'relay-tls.pem')),
      );
      const old = new DatabaseSync(join(folder, kept, 'relay.sqlite'), { readOnly: true });
      expect(old.prepare('SELECT mailbox FROM envelopes').all()).toEqual([
        { mailbox: mailboxOf(device('bob').address) },
      ]);
      old.close();
      expect(await done('users', '--data', folder)).toBe('Nobody has registered yet.\n');
      await stop(await listening(folder));
    }
    // Before the draft becomes the mark; before each old file goes, and before the new database is in place.
    expect(seen).toEqual({ old: 1, none: 3 });
  },
);

test('a backup without a key leaves the key that is there', async () => {
  const { data, key, waiting } = await replaceable();
  const keyless = temporaryFolder();
  cpSync(data, keyless, { recursive: true });
  rmSync(join(keyless, 'relay-tls.pem'));
  const file = join(temporaryFolder(), 'keyless.backup');
  await done('backup', file, '--data', keyless);
  await done('restore', file, '--force', '--data', data);
  const again = await listening(data);
  expect(again.key).toEqual(key);
  expect(await bobsEnvelopes(again)).toEqual([waiting]);
});
