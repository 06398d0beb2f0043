// How the user stands to somebody: wanted or not, verified or not, and which of two identities or device lists is the right
// one. Every decision is the user's.
import type { Account } from './account.ts';
import type { Contact, Contacts } from './contacts.ts';
import type { Conversations } from './conversations.ts';
import type { Database } from './database.ts';
import type { Devices } from './devices.ts';
import type { Directory } from './directory.ts';
import type { Envelopes } from './envelopes.ts';
import type { Messages } from './messages.ts';
import type { Owed } from './owed.ts';
import { safetyNumber } from '../../protocol/safety-number.ts';
import { spkiOf } from '../../protocol/key.ts';

type Parts = {
  database: Database;
  account: Account;
  contacts: Contacts;
  conversations: Conversations;
  devices: Devices;
  directory: Directory;
  envelopes: Envelopes;
  messages: Messages;
  owed: Owed;
  now: () => number;
  /** Something about a contact is to be seen. */
  announceContact: (contact: number) => void;
  /** Sends soon what a contact is owed. */
  gather: (contact: number) => void;
  /** Has the relay deliver what was held back. */
  redeliver: () => void;
};

export class Trust {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The safety number with a contact: 60 digits. @throws Failure `offline`, `unknown-user`, ... if it is new */
  async safetyNumber(name: string): Promise<string> {
    const { account, directory } = this.#parts;
    const { identityKey } = await directory.meet(name);
    return safetyNumber(
      { user: account.name, spki: spkiOf(account.identityKey) },
      { user: name, spki: spkiOf(identityKey!) },
    );
  }

  /** The user has compared the safety number. @param identity that it was made of, 64 hex digits
   * @throws Failure `identity-changed` */
  markCompared(name: string, identity: string): void {
    const { contacts, now } = this.#parts;
    contacts.markCompared(name, Buffer.from(identity, 'hex'), now());
    this.#announce(name);
  }

  /** Accepts a message request: what was held back until now goes out. */
  accept(name: string): void {
    const { database, contacts, messages, owed, gather } = this.#parts;
    const { contact } = this.known(name);
    const conversation = this.conversationOf(name);
    database.transaction(() => {
      contacts.setStatus(contact, 'accepted');
      for (const { id, device } of messages.writtenBy(conversation, contact)) {
        owed.add({ contact, device }, id, 'delivered');
      }
    });
    this.#announce(name);
    gather(contact);
  }

  /** Declines a message request: its messages are deleted. A later message is a new request. */
  decline(name: string): void {
    const { database, contacts, envelopes, messages, owed } = this.#parts;
    const { contact } = this.known(name);
    const conversation = this.conversationOf(name);
    database.transaction(() => {
      for (const message of messages.clear(conversation)) envelopes.forget(message);
      for (const device of owed.devices(contact)) owed.remove({ contact, device });
      contacts.setStatus(contact, 'request');
    });
    database.checkpoint();
    this.#announce(name);
  }

  /** Whatever the contact writes from now on is dropped unopened; or no longer. */
  setBlocked(name: string, isBlocked: boolean): void {
    this.#parts.contacts.setStatus(this.known(name).contact, isBlocked ? 'blocked' : 'accepted');
    this.#announce(name);
  }

  /** The user takes the other identity that the relay shows. @param identity the one shown, 64 hex digits
   * @throws Failure `identity-changed` */
  async acceptIdentity(name: string, identity: string): Promise<void> {
    const { database, contacts, conversations, devices, directory, redeliver } = this.#parts;
    database.transaction(() => {
      const accepted = contacts.acceptOffered(name, Buffer.from(identity, 'hex'));
      devices.forget(accepted.contact);
      conversations.setIdentity(accepted.contact, accepted.identity);
    });
    directory.forgetFresh();
    this.#announce(name);
    // Its devices and keys, so that one can write at once. What fails here is asked, and told, when one writes.
    await directory.refresh(this.known(name)).catch(() => {});
    // What came from that identity waits at the relay.
    redeliver();
  }

  /** The user keeps the identity that is pinned. @param identity the other one that was shown, 64 hex digits
   * @throws Failure `identity-changed` */
  refuseIdentity(name: string, identity: string): void {
    this.#parts.contacts.refuseOffered(name, Buffer.from(identity, 'hex'));
    this.#announce(name);
    this.#parts.redeliver();
  }

  /** The user takes the device list that the relay shows, though it contradicts the known one. @throws Failure `offline` */
  acceptList(name: string): Promise<void> {
    return this.#parts.directory.acceptList(this.known(name));
  }

  known(name: string): Contact {
    return this.#parts.contacts.known(name);
  }

  /** The key of the conversation with a contact. @throws Failure `command-invalid` */
  conversationOf(name: string): number {
    const { contact, identity } = this.known(name);
    return this.#parts.conversations.withContact(contact, identity).conversation;
  }

  #announce(name: string): void {
    this.#parts.announceContact(this.known(name).contact);
  }
}
