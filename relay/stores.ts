// Where the relay keeps what has to last: two interfaces, so that no other file knows SQL and a store for several nodes can
// stand behind them. Whatever resolves is on a disk.
import type { Address } from '../protocol/envelope.ts';
import type { DeviceList } from '../protocol/devices.ts';
import type { Signed } from '../protocol/statement.ts';

export type User = {
  name: string;
  /** The identity key's modulus, 384 bytes. */
  identityKey: Buffer;
  list: DeviceList;
  /** In the order of their versions. */
  deviceStatements: readonly Signed[];
};

export type NewUser = { name: string; identityKey: Buffer; deviceStatements: readonly Signed[] };
export type StoredPrekey = { device: number; created: number; signed: Signed };

/** Names, identities, device statements, prekeys and registration tokens. */
export type UserStore = {
  findByName(name: string): Promise<User | undefined>;
  /** @param identity 32 bytes */
  findByIdentity(identity: Buffer): Promise<User | undefined>;
  /** @returns `name` or `identity` if that is bound to another, `token` if the token has no use left; then nothing changed
   * @param tokenHash SHA-256 of the token that pays for it, 32 bytes */
  add(
    user: NewUser,
    prekeys: readonly StoredPrekey[],
    tokenHash?: Buffer,
  ): Promise<'added' | 'name' | 'identity' | 'token'>;
  /** Appends device statements and replaces prekeys, all or nothing.
   * @param version of the list that the statements follow @returns false if the list is another by now */
  publish(
    identity: Buffer,
    version: number,
    statements: readonly Signed[],
    prekeys: readonly StoredPrekey[],
  ): Promise<boolean>;
  prekeysOf(identity: Buffer): Promise<StoredPrekey[]>;
  /** Remembers the client nonce of a sign-in, 32 bytes. @returns the one before, if there was one */
  signedIn(device: Address, nonce: Buffer): Promise<Buffer | undefined>;
};

/** One device's mailbox: `identity in hex/device`. */
export type MailboxName = string;
export const mailboxOf = ({ identity, device }: Address): MailboxName =>
  `${identity.toString('hex')}/${device}`;

export type Waiting = {
  /** Names the envelope at this relay for good; 1 to 2^53 - 1. */
  position: number;
  mailbox: MailboxName;
  /** The sender's identity in hex. */
  sender: string;
  /** SHA-256 of the envelope, 32 bytes. */
  hash: Buffer;
  envelope: Buffer;
};
export type SenderUsage = { sender: string; messages: number; bytes: number };

/** Envelopes that wait for their recipients. */
export type MessageStore = {
  /** Stores a batch in one commit. */
  add(batch: readonly Waiting[], received: number): Promise<void>;
  /** Of one sender, oldest first. @param after a position; 0 for all */
  read(mailbox: MailboxName, sender: string, after: number, most: number): Promise<Waiting[]>;
  has(mailbox: MailboxName, hash: Buffer): Promise<boolean>;
  /** Who has something waiting, whose oldest is oldest first. */
  usage(mailbox: MailboxName): Promise<SenderUsage[]>;
  remove(positions: readonly number[]): Promise<void>;
  /** Removes some of what came before that time. @returns what it removed */
  expire(before: number, most: number): Promise<{ mailbox: MailboxName; sender: string; bytes: number }[]>;
  totals(): Promise<{ messages: number; bytes: number }>;
  /** Positions that nobody else gets. @returns the first of them */
  reserve(count: number): Promise<number>;
};

export type Stores = { users: UserStore; messages: MessageStore; close(): Promise<void> };
