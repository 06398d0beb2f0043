// A folder for one piece of work: for its owner alone, and gone after it.
import { existsSync, lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { LOCK_FILE } from './data-folder.ts';
import { lockFolder } from './database.ts';

/** It goes also when the program is interrupted; what a program leaves that was killed, the next one removes.
 * @param parent is where it is made @param kind is part of its name */
export async function inTemporaryFolder<T>(
  parent: string,
  kind: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const prefix = `.relay-${kind}-`;
  let folder: string | undefined;
  let lock: DatabaseSync | undefined;
  const remove = (): void => {
    if (lock?.isOpen) lock.close();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
  const end = (): void => {
    remove();
    process.exit(1);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  signals.forEach((signal) => process.on(signal, end));
  try {
    removeLeft(parent, prefix);
    folder = mkdtempSync(join(parent, prefix));
    lock = lockFolder(folder);
    return await work(folder);
  } finally {
    signals.forEach((signal) => process.off(signal, end));
    remove();
  }
}

/** Removes what this user's programs have left that were killed: nobody holds the lock that they had. */
function removeLeft(parent: string, prefix: string): void {
  for (const name of readdirSync(parent)) {
    const folder = join(parent, name);
    const isNamed = name.startsWith(prefix) && /^\w{6}$/.test(name.slice(prefix.length));
    if (!isNamed || !existsSync(join(folder, LOCK_FILE))) continue;
    const found = lstatSync(folder);
    if (!found.isDirectory() || (process.getuid && found.uid !== process.getuid())) continue;
    try {
      lockFolder(folder).close();
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // Somebody is at work in it.
    }
  }
}
