// Fills a profile's database as a long life with Signet would: by the messenger's own parts, without a relay.
import { randomBytes } from 'node:crypto';
import { type Account, loadAccount } from '../main/messenger/account.ts';
import { Contacts } from '../main/messenger/contacts.ts';
import { Conversations } from '../main/messenger/conversations.ts';
import { Database } from '../main/messenger/database.ts';
import { Deliveries, type DeliveryState } from '../main/messenger/deliveries.ts';
import { Envelopes } from '../main/messenger/envelopes.ts';
import { systemKeychain } from '../main/messenger/keychain.ts';
import { Messages, type NoticeKind } from '../main/messenger/messages.ts';
import { Messenger } from '../main/messenger/messenger.ts';
import { seal } from '../main/messenger/seal.ts';
import { encodeContent } from '../protocol/content.ts';
import { envelopeHash } from '../protocol/envelope.ts';

export type Line =
  | { mine?: false; text: string; state?: 'unread' | 'read'; timestamp: number }
  | { mine: true; text: string; state?: DeliveryState; timestamp: number }
  | { notice: NoticeKind; count?: number; timestamp: number };

export type Past = {
  contact: string;
  verified?: boolean;
  /** The relay shows another identity. */
  isOffered?: boolean;
  status?: 'accepted' | 'request' | 'blocked';
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
    database.run`UPDATE account SET registered = 1`;
    for (const past of pasts) await writePast(database, account, past);
  } finally {
    database.close();
  }
}

async function writePast(database: Database, account: Account, past: Past): Promise<void> {
  const { contact: name, verified, isOffered, status = 'accepted', lines } = past;
  const deliveries = new Deliveries(database);
  const messages = new Messages(database, deliveries, account.storage);
  const conversations = new Conversations(database, account.identity, account.storage);
  const envelopes = new Envelopes(database);
  const contacts = new Contacts(database);
  const [identity, verifiedAt] = [randomBytes(32), verified ? Date.now() : null];
  const { contact } = contacts.add({ name, identity, identityKey: null, status, verifiedAt });
  if (isOffered) contacts.offer(contact, randomBytes(32));
  const { conversation } = conversations.withContact(contact, identity);
  const sealed = await Promise.all(
    lines.map(async (line) => ('text' in line ? messages.seal(contentOf(line.text)) : undefined)),
  );
  const bytes = await sampleEnvelope(account);
  database.transaction(() => {
    for (const [i, line] of lines.entries()) {
      const { timestamp } = line;
      if ('notice' in line) {
        messages.insertNotice(conversation, line.notice, timestamp, line.count);
        continue;
      }
      const [author, salt] = [line.mine ? 0 : contact, randomBytes(16)];
      const message = { conversation, id: randomBytes(32), author, device: 1, timestamp, salt };
      const { position } = messages.insert({ ...sealed[i]!, ...message, kind: 'text' })!;
      if (line.mine) {
        deliveries.add(position, contact, 1, false);
        deliveries.advance(position, contact, 1, line.state ?? 'read');
      } else if (line.state !== 'unread') messages.markRead(conversation, position);
      const hash = envelopeHash(Buffer.concat([bytes, salt]));
      envelopes.keep({ hash, contact, device: 1, message: position, bytes }, timestamp);
    }
  });
}

const contentOf = (text: string): Buffer => encodeContent({ kind: 'text', text });

/** One envelope for all of them: what it holds doesn't matter here, its shape does. */
function sampleEnvelope({ identity, signer, storage }: Account): Promise<Buffer> {
  return seal({
    sender: { identity, device: 1 },
    listVersion: 0,
    signer,
    recipient: { identity: randomBytes(32), device: 1 },
    encryptionKey: storage.publicKey,
    payload: {
      ...{ chain: randomBytes(8), sequence: 1, previous: Buffer.alloc(16), timestamp: Date.now() },
      ...{ salt: randomBytes(16), content: contentOf('A sample') },
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
