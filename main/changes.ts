// Gathers what changes in the conversations for a moment, so that a thousand messages that come at once are a few
// events for the window and not a thousand.
import type { Changes } from '../preload/contract.ts';
import type { MessageRow } from './messenger/messages.ts';
import type { Messenger } from './messenger/messenger.ts';

const GATHER_MS = 20;

/** @param tell gets what has changed, and how many messages are unread in all */
export function gatherChanges(messenger: Messenger, tell: (changes: Changes, unread: number) => void): void {
  const rows = new Map<number, { contact: string; row: MessageRow }>();
  const contacts = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const flush = (): void => {
    timer = undefined;
    const { overview } = messenger;
    const changes = {
      messages: [...rows.values()].map(({ contact, row }) => overview.row(contact, row)),
      conversations: [...contacts].flatMap((contact) => overview.get(contact) ?? []),
    };
    rows.clear();
    contacts.clear();
    tell(changes, overview.unread);
  };
  const soon = (contact: string): void => {
    contacts.add(contact);
    // What is still stored while the messenger is being closed shows at the next start.
    if (!closed) timer ??= setTimeout(flush, GATHER_MS);
  };
  messenger.on('messageChanged', (contact, row) => {
    rows.set(row.position, { contact, row });
    soon(contact);
  });
  messenger.on('conversationChanged', soon);
  messenger.once('closed', () => {
    closed = true;
    clearTimeout(timer);
  });
}
