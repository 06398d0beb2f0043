// signet-relay restore: a backup into an empty folder, or in place of the relay that is there, which is kept beside it.
import { existsSync, readdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../protocol/failures.ts';
import { readBackup } from '../backup-file.ts';
import {
  assertOwnFolder,
  CERTIFICATE_FILE,
  DATABASE_FILE,
  giveToOwner,
  holdsRelay,
  makeFolder,
  RELAY_FILES,
  RESTORING_FILE,
  unwritable,
} from '../data-folder.ts';
import { isServed, lockFolder, servedNow } from '../database.ts';
import type { BackupOptions } from './backup.ts';

/** Begins the name of a folder that keeps a relay which was replaced; the time follows. */
const REPLACED = 'replaced-';

/** @throws Failure `folder-in-use`, `command-invalid` if a relay is there already; those of the backup and the disk */
export function restore(file: string, { data, force }: BackupOptions): void {
  assertOwnFolder(data);
  if (isServed(data)) throw servedNow(data);
  try {
    makeFolder(data);
    // No relay can start here until the last file is in place.
    const lock = lockFolder(data);
    try {
      restoreLocked(file, data, force);
    } finally {
      lock.close();
    }
  } catch (cause) {
    throw unwritable(cause, data);
  }
}

function restoreLocked(file: string, data: string, force: boolean): void {
  const isInterrupted = existsSync(join(data, RESTORING_FILE));
  if (holdsRelay(data) && !isInterrupted && !force) {
    const sentence = `${data} holds a relay already. Name another folder, or add --force to replace the relay.`;
    throw new Failure('command-invalid', sentence);
  }
  const draft = join(data, `.${RESTORING_FILE}.part`);
  rmSync(draft, { force: true });
  try {
    const { certificate, made, program } = readBackup(file, draft);
    giveToOwner(draft, data);
    const moved = replace(data, draft, certificate);
    console.log(`${data} holds the relay as it was on ${made}, backed up by version ${program}.`);
    if (moved)
      console.log(`The relay that was there is in ${moved}. Delete it when you don't need it any more.`);
    console.log('Invites from before the backup keep working at the same address.');
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** Moves the old relay into a folder of its own, and the new one into its place. Killed in between, it leaves
 * RESTORING_FILE, with which no relay starts; the next restore goes on with the same folder.
 * @returns where the old relay is, undefined if there was none */
function replace(data: string, draft: string, certificate: string | null): string | undefined {
  const interrupted = existsSync(join(data, RESTORING_FILE));
  const earlier = readdirSync(data)
    .filter((name) => name.startsWith(REPLACED))
    .sort();
  const name = (interrupted && earlier.at(-1)) || REPLACED + new Date().toISOString().replace(/[:.]/g, '-');
  const moved = join(data, name);
  makeFolder(moved);
  giveToOwner(moved, data);
  renameSync(draft, join(data, RESTORING_FILE));
  for (const file of RELAY_FILES) {
    // A backup may be without a key: the relay keeps its own.
    const stays = file === CERTIFICATE_FILE && certificate === null;
    if (stays || !existsSync(join(data, file))) continue;
    // If the old one is there, this one is what the interrupted restore wrote.
    if (existsSync(join(moved, file))) rmSync(join(data, file));
    else renameSync(join(data, file), join(moved, file));
  }
  if (certificate !== null) {
    const key = join(data, CERTIFICATE_FILE);
    writeFileSync(key, certificate, { mode: 0o600, flush: true });
    giveToOwner(key, data);
  }
  renameSync(join(data, RESTORING_FILE), join(data, DATABASE_FILE));
  if (readdirSync(moved).length > 0) return moved;
  rmdirSync(moved);
  return undefined;
}
