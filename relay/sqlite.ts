// Both stores in one SQLite file.
import { openDatabase } from './database.ts';
import { SqliteMessages } from './sqlite-messages.ts';
import { SqliteUsers } from './sqlite-users.ts';
import type { Stores } from './stores.ts';

/** @param data the relay's folder @param begin whether an empty file is an interrupted first start, not data loss
 * @param now milliseconds since 1970 @throws Failure of openDatabase */
export function openSqlite(data: string, begin: boolean | undefined, now: () => number): Stores {
  const database = openDatabase(data, begin);
  return {
    users: new SqliteUsers(database, now),
    messages: new SqliteMessages(database),
    close: async () => database.close(),
  };
}
