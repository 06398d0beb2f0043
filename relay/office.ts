// What the relay's connections share: directory, mailbox, limits, and who else is connected.
import { isIP } from 'node:net';
import type { Logger } from 'pino';
import type { RelayFailureCode } from '../protocol/failures.ts';
import type { Directory } from './directory.ts';
import { Budget, type Limits } from './limits.ts';
import type { Letter, Mailbox } from './mailbox.ts';

/** What others may ask of a connected client. */
export type Connected = {
  heartbeat(): void;
  /** @param code a WebSocket close code @param reason a failure code, or empty */
  close(code: number, reason: RelayFailureCode | ''): void;
  /** Reads on in the mailbox. */
  catchUp(): void;
  /** Hands over a letter at once, if it is its turn. @returns whether it did */
  offer(letter: Letter): boolean;
};

/** What a connection may ask of the relay around it. */
export type Office = {
  directory: Directory;
  mailbox: Mailbox;
  limits: Limits;
  log: Logger;
  now: () => number;
  /** SHA-256 of the TLS public key, 32 bytes. */
  key: Buffer;
  arrive(user: string, client: Connected): void;
  leave(client: Connected, user: string | undefined): void;
  clientOf(user: string): Connected | undefined;
  admitsRegistration(address: string): boolean;
};

/** What counts as one address: of IPv6 the network of 64 bits that one computer has to itself. */
export function countedAs(address: string): string {
  if (isIP(address) !== 6 || address.includes('.')) return address;
  const [head = [], tail = []] = address.split('::').map((half) => half.split(':').filter(Boolean));
  const groups = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  return `${groups.slice(0, 4).join(':')}::/64`;
}

/** The part of an address that an operator needs to block a network, and no more. */
export function networkOf(address: string): string {
  const v4 = /(\d+\.\d+\.\d+)\.\d+$/.exec(address)?.[1];
  if (v4) return `${v4}.0/24`;
  const [head = ''] = address.split('::');
  return `${head.split(':').slice(0, 3).join(':')}::/48`;
}

type Room = Pick<Office, 'arrive' | 'leave' | 'clientOf' | 'admitsRegistration'> & {
  /** Users who are signed in. */
  readonly users: number;
  everybody(visit: (client: Connected) => void): void;
  enter(client: Connected, address: string): boolean;
};

/** Who is connected: every client, and the one that speaks for each user. */
export function openRoom(limits: Limits, now: () => number): Room {
  const clients = new Map<Connected, string>();
  const byUser = new Map<string, Connected>();
  const registrations = new Map<string, Budget>();
  return {
    get users(): number {
      return byUser.size;
    },
    everybody(visit: (client: Connected) => void): void {
      for (const client of clients.keys()) visit(client);
    },
    /** @returns whether there is room for it */
    enter(client: Connected, address: string): boolean {
      const counted = countedAs(address);
      let sameAddress = 0;
      for (const other of clients.values()) if (other === counted) sameAddress++;
      clients.set(client, counted);
      return clients.size <= limits.connections && sameAddress < limits.connectionsPerAddress;
    },
    /** The newest connection of a user replaces the one before. */
    arrive(user: string, client: Connected): void {
      byUser.get(user)?.close(4001, 'replaced');
      byUser.set(user, client);
    },
    leave(client: Connected, user: string | undefined): void {
      clients.delete(client);
      if (user !== undefined && byUser.get(user) === client) byUser.delete(user);
    },
    clientOf: (user: string): Connected | undefined => byUser.get(user),
    /** Names are for good, so that nobody may take many. */
    admitsRegistration(address: string): boolean {
      if (registrations.size > 10_000) registrations.clear();
      const counted = countedAs(address);
      let budget = registrations.get(counted);
      if (!budget) {
        budget = new Budget(limits.registrationBurst, limits.registrationsPerMinute / 60, now);
        registrations.set(counted, budget);
      }
      return budget.afford();
    },
  };
}
