// A mailbox on a real database without a relay around it, to hold the moments that a network would rush through.
import { type DatabaseSync } from 'node:sqlite';
import { openDatabase } from '../../relay/database.ts';
import { defaultLimits } from '../../relay/limits.ts';
import { type Letter, Mailbox } from '../../relay/mailbox.ts';
import { afterwards, temporaryFolder } from '../town.ts';
import { alice, bob, letter } from './wire.ts';

/** @returns the mailbox, its database, and what the database has refused so far */
export function openMailbox(): { mailbox: Mailbox; database: DatabaseSync; faults: string[] } {
  const database = openDatabase(temporaryFolder());
  afterwards(() => database.close());
  const mailbox = new Mailbox(database, defaultLimits, Date.now);
  const faults: string[] = [];
  mailbox.onFault = (error) => faults.push(String(error));
  return { mailbox, database, faults };
}

/** A letter of alice's to bob. */
export function toBob(blocks = 1): Letter {
  const { id, envelope } = letter(alice, bob, { blocks });
  return { recipient: 'bob', sender: 'alice', message: id, envelope };
}
