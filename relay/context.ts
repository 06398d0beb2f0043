// What the relay's connections share, and who else is connected.
import type { Logger } from 'pino';
import type { RelayFailureCode } from '../protocol/failure-codes.ts';
import type { Limits } from './limits.ts';
import type { Mailboxes } from './mailboxes.ts';
import { countedAs } from './peer-address.ts';
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
  heartbeat(): void;
  /** @param code a WebSocket close code @param reason a failure code, or empty */
  close(code: number, reason: RelayFailureCode | ''): void;
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

/** All connections, and the one of each device that is signed in. */
export class Connections {
  /** Each with what its address counts as. */
  readonly #all = new Map<Peer, string>();
  readonly #byMailbox = new Map<MailboxName, Peer>();

  all(): Peer[] {
    return [...this.#all.keys()];
  }

  /** @param address the peer's @returns whether the limits have room for it */
  admit(peer: Peer, address: string, limits: Limits): boolean {
    const counted = countedAs(address);
    let sameAddress = 0;
    for (const other of this.#all.values()) if (other === counted) sameAddress++;
    this.#all.set(peer, counted);
    return this.#all.size <= limits.connections && sameAddress < limits.connectionsPerAddress;
  }

  remove(peer: Peer): void {
    this.#all.delete(peer);
  }

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
