import type { DatabaseSync } from 'node:sqlite';

/** Runs work in one transaction: all of it is on the disk after, or nothing. @throws what the work or the disk throws */
export function transaction<Result>(database: DatabaseSync, work: () => Result): Result {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
