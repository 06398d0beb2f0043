// Fills a profile's database as a long life with Signet would: by the messenger's own parts, without a relay.
import { randomBytes } from 'node:crypto';
import { loadAccount } from '../main/messenger/account.ts';
import { pinInviter } from '../main/messenger/contacts.ts';
import { Database } from '../main/messenger/database.ts';
import { systemKeychain } from '../main/messenger/keychain.ts';
import { type MessageState, Messages, type NoticeKind } from '../main/messenger/messages.ts';
import { Messenger } from '../main/messenger/messenger.ts';
import { seal } from '../main/messenger/seal.ts';

export type Line =
  | { mine?: boolean; text: string; state?: MessageState; sentAt: number }
  | { notice: NoticeKind; missing?: number; sentAt: number };

export type Past = {
  contact: string;
  verified?: boolean;
  /** The relay names another identity. */
  isOffered?: boolean;
  lines: Line[];
};

/** Makes the profile with its keys, if it isn't there yet, and writes these conversations into it. It counts as
 * registered. */
export async function fillProfile(
  directory: string,
  name: string,
  invite: string,
  pasts: Past[],
): Promise<void> {
  const messenger = await Messenger.open({ directory, joining: { name, invite } });
  await messenger.close();
  const database = new Database(directory);
  try {
    const account = await loadAccount(database, systemKeychain, () => {});
    const messages = new Messages(database, account.storage);
    database.run('UPDATE account SET registered = 1');
    const envelope = await sampleEnvelope(account);
    for (const { contact, verified, isOffered, lines } of pasts) {
      pinInviter(database, { name: contact, identity: randomBytes(32) }, Date.now);
      if (!verified)
        database.run('UPDATE contacts SET verified = NULL, verified_at = NULL WHERE name = ?', contact);
      if (isOffered) database.run('UPDATE contacts SET offered = ? WHERE name = ?', randomBytes(32), contact);
      const sealed = await Promise.all(
        lines.map(async (line) => ('text' in line ? messages.sealText(Buffer.from(line.text)) : undefined)),
      );
      database.transaction(() => {
        lines.forEach((line, i) => {
          if ('notice' in line) messages.insertNotice(contact, line.notice, line.sentAt, line.missing);
          else {
            const { mine = false, state = mine ? 'read' : 'read', sentAt } = line;
            const id = randomBytes(16);
            messages.insert({ ...sealed[i]!, id, contact, mine, kind: 'text', state, sentAt, envelope });
          }
        });
      });
    }
  } finally {
    database.close();
  }
}

/** One envelope for all of them: what it holds doesn't matter here, its shape does. */
async function sampleEnvelope({
  identity,
  storage,
}: Awaited<ReturnType<typeof loadAccount>>): Promise<Buffer> {
  return seal({
    id: randomBytes(16),
    sender: identity,
    recipient: randomBytes(32),
    receptionKey: storage.publicKey,
    inner: {
      ...{ chain: randomBytes(8), sequence: 1, previous: Buffer.alloc(32), sentAt: Date.now(), type: 1 },
      body: Buffer.from('A sample'),
    },
  });
}

const WORDS =
  'the lake is calm and we bring bread cheese tea a guitar for everybody on Saturday see you there'.split(
    ' ',
  );

/** A plausible text of 1 to 40 words, the same for the same number. */
export function sampleText(seed: number): string {
  const length = 1 + ((seed * 7919) % 40);
  return Array.from({ length }, (_, i) => WORDS[(seed * 31 + i * 17) % WORDS.length]).join(' ');
}
