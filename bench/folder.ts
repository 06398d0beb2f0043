// Folders for the benchmarks' data: on the disk of the project, since a system's temporary folder may be in memory.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Where results go, and data while it is needed. */
export const outFolder = join(import.meta.dirname, '..', 'out', 'bench');

/** Runs something with a new empty folder that is gone after. */
export async function withFolder<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
  mkdirSync(outFolder, { recursive: true });
  const folder = mkdtempSync(join(outFolder, 'data-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
