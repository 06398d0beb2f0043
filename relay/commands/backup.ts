// signet-relay backup and restore: all of a relay into one file, and back into a folder.
import { copyFileSync, existsSync, lstatSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { Failure } from '../../protocol/failures.ts';
import { extractArchive, type Manifest, newer, writeArchive } from '../archive.ts';
import { keptCertificate } from '../certificate.ts';
import { openRecords, unlessInUse } from '../copies.ts';
import {
  assertOwnFolder,
  assertRelayFolder,
  CERTIFICATE_FILE,
  DATABASE_FILE,
  failureOfDisk,
  holdsKey,
  holdsRelay,
  isOfRelay,
  LOCK_FILE,
  makeFolder,
} from '../data-folder.ts';
import { lockFolder, openFile } from '../database.ts';
import { replaceRelay } from '../replacement.ts';
import { inTemporaryFolder } from '../temporary-folder.ts';
import type { FolderOptions } from './options.ts';

type BackupOptions = FolderOptions & { force: boolean };

/** @throws Failure `command-invalid` if the file is there already; those of the folder and of the disk */
export async function backup(target: string, { data, force }: BackupOptions): Promise<void> {
  const folder = dirname(target);
  if (!existsSync(join(folder, sep))) throw new Failure('folder-unusable', `There is no folder ${folder}.`);
  assertRelayFolder(data);
  assertReplaceable(target, data, force);
  // A key that is damaged must not be found out when it is needed.
  if (holdsKey(data)) keptCertificate(data);
  const records = await openRecords(data);
  const hasKey = holdsKey(data);
  try {
    // Written beside and renamed: under its own name there is a whole backup or none.
    await inTemporaryFolder(folder, 'backup', async (part) => {
      records.database.prepare('VACUUM INTO ?').run(join(part, DATABASE_FILE));
      if (hasKey) copyFileSync(join(data, CERTIFICATE_FILE), join(part, CERTIFICATE_FILE));
      const names = hasKey ? ([CERTIFICATE_FILE, DATABASE_FILE] as const) : ([DATABASE_FILE] as const);
      await writeArchive(join(part, 'archive'), part, names, packageJson.version);
      renameSync(join(part, 'archive'), target);
    });
  } catch (cause) {
    throw explain(cause, target, data);
  } finally {
    records.close();
  }
  console.log(`${target} holds the relay of ${data}.`);
  if (hasKey) {
    console.log(
      'Its private key is in it: whoever has it can pose as this relay. Keep it where nobody else reads.',
    );
  } else {
    console.log(
      `The folder holds no key of its own: keep the certificate and the key that the relay uses, too.`,
    );
  }
}

/** That a backup may stand under this name. @throws Failure `command-invalid` */
function assertReplaceable(target: string, data: string, force: boolean): void {
  // A link would be replaced itself: what it points to, such as a terminal, is not what is written to.
  const there = lstatSync(target, { throwIfNoEntry: false });
  if (there && !there.isFile()) {
    throw new Failure('command-invalid', `${target} is no regular file. Name another.`);
  }
  if (isOfRelay(target, data)) {
    throw new Failure('command-invalid', `${target} is a file of the relay itself. Name another.`);
  }
  if (there && !force) {
    throw new Failure('command-invalid', `${target} is there already. Name another file, or say --force.`);
  }
}

/** @param path that was to be written */
function explain(cause: unknown, path: string, data: string): Failure {
  const known = failureOfDisk(cause, path);
  if (known) return known;
  if (/malformed|not a database/.test(String(cause))) {
    const sentence = `The database in ${data} is damaged, and no backup can be made of it. Restore an earlier one.`;
    return new Failure('database-damaged', sentence, { cause });
  }
  const { code, message } = cause as NodeJS.ErrnoException;
  return new Failure('folder-unusable', `${path} cannot be written (${code ?? message}).`, { cause });
}

/** @throws Failure `folder-in-use`, `command-invalid` if a relay is there already; those of the backup and the disk */
export async function restore(file: string, { data, force }: BackupOptions): Promise<void> {
  assertOwnFolder(data);
  let made: string | undefined;
  let manifest: Manifest;
  try {
    made = makeFolder(data);
    manifest = await restoreLocked(file, { data, force });
  } catch (cause) {
    if (made !== undefined) removeEmpty(data, made);
    throw explain(cause, data, data);
  }
  console.log(
    `${data} holds the relay again as it was on ${manifest.made}, made by version ${manifest.program}.`,
  );
  for (const { name, bytes } of manifest.files) console.log(`  ${name}, ${bytes} bytes`);
  console.log('Invites from before the backup go on working, at the same address.');
}

/** From the first look at the folder to the last change of it, no relay can start there. */
async function restoreLocked(file: string, { data, force }: BackupOptions): Promise<Manifest> {
  const lock = unlessInUse(data, () => lockFolder(data));
  try {
    if (holdsRelay(data)) {
      assertStopped(data);
      if (!force) {
        throw new Failure(
          'command-invalid',
          `${data} holds a relay already. Name another folder, or say --force to put the backup in its place.`,
        );
      }
    }
    return await inTemporaryFolder(data, 'restore', async (part) => {
      const manifest = await extractArchive(file, part);
      assertWhole(part, file, manifest.program);
      replaceRelay(part, data);
      return manifest;
    });
  } finally {
    lock.close();
  }
}

/** That no relay of a version serves it which doesn't know the lock of the folder yet. @throws Failure `folder-in-use` */
function assertStopped(data: string): void {
  if (!existsSync(join(data, DATABASE_FILE))) return;
  try {
    unlessInUse(data, () => openFile(data)).close();
  } catch (failure) {
    // A damaged database is what one restores for.
    if (Failure.from(failure).code === 'folder-in-use') throw failure;
  }
}

/** Removes a folder and those above it, down from the first that was made; not what somebody has begun to use. */
function removeEmpty(folder: string, made: string): void {
  try {
    const isEmpty = readdirSync(folder).every((name) => name === LOCK_FILE);
    if (isEmpty) rmSync(join(folder, LOCK_FILE), { force: true });
    for (let path = resolve(folder); path.startsWith(made); path = dirname(path)) rmdirSync(path);
  } catch {
    // Left behind it does no harm, and there is something more important to tell.
  }
}

/** What the checksums can't tell: that it was good when it was written, and that this program understands it. */
function assertWhole(folder: string, file: string, program: string): void {
  try {
    const database = openFile(folder);
    const found = database.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check'];
    database.close();
    if (found !== 'ok') throw new Failure('database-damaged', String(found));
    if (holdsKey(folder)) keptCertificate(folder);
  } catch (cause) {
    if (Failure.from(cause).code === 'database-newer') throw newer(file, program);
    throw new Failure('database-damaged', `${file} holds a relay that is damaged. Take another backup.`, {
      cause,
    });
  }
}
