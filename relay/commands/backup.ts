// signet-relay backup: the key and the database of a relay in one file.
import { existsSync, lstatSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { Failure } from '../../protocol/failures.ts';
import { writeBackup } from '../backup-file.ts';
import { keptCertificate } from '../certificate.ts';
import {
  assertRelayFolder,
  CERTIFICATE_FILE,
  damageOf,
  DATABASE_FILE,
  holdsKey,
  isOfRelay,
  unwritable,
} from '../data-folder.ts';
import { readDatabase } from '../database.ts';
import type { FolderOptions } from './options.ts';

export type BackupOptions = FolderOptions & { force: boolean };

/** @throws Failure `command-invalid` if the file exists; those of the folder and of the disk */
export function backup(target: string, { data, force }: BackupOptions): void {
  const folder = dirname(target);
  if (!existsSync(join(folder, sep))) throw new Failure('folder-unusable', `There is no folder ${folder}.`);
  assertRelayFolder(data);
  assertReplaceable(target, data, force);
  const hasKey = holdsKey(data);
  // A damaged key must not be found out when the backup is needed.
  if (hasKey) keptCertificate(data);
  const certificate = hasKey ? readFileSync(join(data, CERTIFICATE_FILE), 'utf8') : null;
  const database = readDatabase(data);
  // Under its own name there is a whole backup or none.
  const draft = `${target}.part`;
  try {
    rmSync(draft, { force: true });
    writeBackup(database, draft, {
      program: packageJson.version,
      made: new Date().toISOString(),
      certificate,
    });
    renameSync(draft, target);
  } catch (cause) {
    rmSync(draft, { force: true });
    throw damageOf(cause, join(data, DATABASE_FILE)) ?? unwritable(cause, target);
  } finally {
    database.close();
  }
  console.log(`${target} holds the relay of ${data}.`);
  console.log(
    hasKey
      ? 'It holds the private key: whoever has it can pose as this relay. Keep it where nobody else can read it.'
      : 'The folder holds no key. Keep the certificate and the key that the relay uses, too.',
  );
}

/** @throws Failure `command-invalid` if a backup may not be written under this name */
function assertReplaceable(target: string, data: string, force: boolean): void {
  // A link would be replaced itself, not what it points to, such as a terminal.
  const there = lstatSync(target, { throwIfNoEntry: false });
  if (there && !there.isFile()) {
    throw new Failure('command-invalid', `${target} is no regular file. Name another.`);
  }
  if (isOfRelay(target, data)) {
    throw new Failure('command-invalid', `${target} is a file of the relay itself. Name another.`);
  }
  if (there && !force) {
    throw new Failure('command-invalid', `${target} exists already. Name another file, or add --force.`);
  }
}
