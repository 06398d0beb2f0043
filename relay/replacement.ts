// A relay put in the place of another: all of it or nothing, whenever that ends.
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { CERTIFICATE_FILE, giveToOwner, holdsKey, MOVED, MOVING, RELAY_FILES } from './data-folder.ts';

/** Puts the relay of the folder `part`, below the other, in the place of the one there: all of it, or nothing. Whoever
 * does this holds the lock of the folder. What was there is below `part` then, to be removed with it. */
export function replaceRelay(part: string, directory: string): void {
  const key = join(part, CERTIFICATE_FILE);
  // A backup may be without a key: the relay keeps its own.
  if (!existsSync(key) && holdsKey(directory)) copyDurably(join(directory, CERTIFICATE_FILE), key);
  for (const name of RELAY_FILES) if (existsSync(join(part, name))) giveToOwner(join(part, name), directory);
  try {
    mkdirSync(join(directory, MOVING), { mode: 0o700 });
    // Who brings it back may be the relay itself.
    giveToOwner(join(directory, MOVING), directory);
    move(directory, join(directory, MOVING));
    renameSync(join(directory, MOVING), join(directory, MOVED));
    move(part, directory);
    renameSync(join(directory, MOVED), join(part, 'replaced'));
  } catch (error) {
    bringBack(directory);
    throw error;
  }
}

/** Brings back the relay that was to be replaced when that was not brought to its end. Whoever does this holds the lock
 * of the folder. Killed, it can be done again. */
export function bringBack(directory: string): void {
  if (existsSync(join(directory, MOVED))) {
    // All of the old one is there: what is in its place is the new one's, which is still in the backup.
    for (const name of RELAY_FILES) rmSync(join(directory, name), { force: true });
    renameSync(join(directory, MOVED), join(directory, MOVING));
  }
  if (existsSync(join(directory, MOVING))) {
    move(join(directory, MOVING), directory);
    rmdirSync(join(directory, MOVING));
  }
}

/** @throws where it may not look: what is there must not be taken for missing */
function move(from: string, to: string): void {
  for (const name of RELAY_FILES) {
    const isThere = lstatSync(join(from, name), { throwIfNoEntry: false }) !== undefined;
    if (isThere) renameSync(join(from, name), join(to, name));
  }
}

/** On the disk when it returns. */
function copyDurably(from: string, to: string): void {
  copyFileSync(from, to);
  const file = openSync(to, 'r+');
  fsyncSync(file);
  closeSync(file);
}
