// What the relay's connections share, and who else is connected.
import type { Logger } from 'pino';
import type { Limits } from '../limits.ts';
import type { Mailboxes } from './mailboxes.ts';
import type { MailboxName, UserStore, Waiting } from './stores.ts';

/** What others may ask of a connection. */
export type Peer = {
  /** Hands over an envelope at once, if it is its turn. @returns whether it did */
  offer(waiting: Waiting): boolean;
  /** Told after a commit. */
  stored(sender: string, position: number): void;
  /** Another connection of this device has signed in. */
  replace(): void;
  /** The device was removed from its account's list. */
  dismiss(): void;
};

export type RelayContext = {
  users: UserStore;
  mailboxes: Mailboxes;
  connections: Connections;
  limits: Limits;
  registration: 'open' | 'token' | 'closed';
  /** Takes one new name off what an address may have. */
  admitsRegistration: (address: string) => boolean;
  log: Logger;
  now: () => number;
  /** SHA-256 of the TLS public key, 32 bytes. */
  relayKey: Buffer;
};

/** The one connection of each device that is signed in. */
export class Connections {
  readonly #byMailbox = new Map<MailboxName, Peer>();

  /** How many devices are signed in. */
  get count(): number {
    return this.#byMailbox.size;
  }

  find(mailbox: MailboxName): Peer | undefined {
    return this.#byMailbox.get(mailbox);
  }

  /** The newest connection of a device replaces the one before. */
  enter(mailbox: MailboxName, peer: Peer): void {
    const before = this.#byMailbox.get(mailbox);
    this.#byMailbox.set(mailbox, peer);
    before?.replace();
  }

  leave(mailbox: MailboxName, peer: Peer): void {
    if (this.#byMailbox.get(mailbox) === peer) this.#byMailbox.delete(mailbox);
  }
}
