// A backup's file: every damage is told, and one that is wrong in itself is not taken.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../town.ts';
import { backedUp } from './populated.ts';
import { listening, refused, run, stop } from './program.ts';

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
