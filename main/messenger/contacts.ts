// The people one writes with: their names, their pinned identities, how they were verified, and whether they are wanted.
import { Failure } from '../../protocol/failures.ts';
import type { Invite } from '../../protocol/links.ts';
import type { Database } from './database.ts';

/** request: somebody who wrote first, and was not accepted yet. */
export type ContactStatus = 'accepted' | 'request' | 'blocked';
/** What is wrong with the device list that the relay shows: it has less than is known, or something else. */
export type ListTrouble = 'rollback' | 'fork';

export type Contact = {
  /** The key that other tables have; above 0, which is oneself. */
  contact: number;
  name: string;
  /** The pin: fingerprint of the identity key, 32 bytes. */
  identity: Buffer;
  /** Its modulus, 384 bytes; null until the relay has shown it. */
  identityKey: Buffer | null;
  status: ContactStatus;
  /** How it was verified: by an invite, by comparing; or not yet (trust on first use). */
  verified: 'invite' | 'compared' | null;
  /** When, in milliseconds since 1970. */
  verifiedAt: number | null;
  /** Another identity that the relay shows under this name, 32 bytes; nothing is sealed for the contact. */
  offered: Buffer | null;
  /** Another identity that the user has refused, 32 bytes: it isn't offered again. */
  refused: Buffer | null;
  held: ListTrouble | null;
  /** An older device list of this contact isn't taken. */
  leastVersion: number;
  /** Messages of a request that were not kept. */
  dropped: number;
};

type NewContact = {
  name: string;
  identity: Buffer;
  identityKey: Buffer | null;
  status: ContactStatus;
  /** When an invite has verified it, if one has. */
  verifiedAt?: number | null;
  leastVersion?: number;
};

export class Contacts {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  list(): Contact[] {
    return this.#database.all<Contact>`SELECT * FROM contacts ORDER BY name`;
  }

  get(contact: number): Contact {
    return this.#database.get<Contact>`SELECT * FROM contacts WHERE contact = ${contact}`!;
  }

  byName(name: string): Contact | undefined {
    return this.#database.get<Contact>`SELECT * FROM contacts WHERE name = ${name}`;
  }

  /** @throws Failure `command-invalid` if nobody of this name is known */
  known(name: string): Contact {
    const contact = this.byName(name);
    if (!contact) throw new Failure('command-invalid', `There is no conversation with ${name}.`);
    return contact;
  }

  byIdentity(identity: Buffer): Contact | undefined {
    return this.#database.get<Contact>`SELECT * FROM contacts WHERE identity = ${identity}`;
  }

  /** Pins somebody. @throws Failure `identity-changed` if the name has another identity, or the identity another name */
  add({ name, identity, identityKey, status, verifiedAt = null, leastVersion = 0 }: NewContact): Contact {
    if (this.byName(name)) throw identityChanged(name);
    if (this.byIdentity(identity)) throw oneOfTwoNames(name);
    const verified = verifiedAt === null ? null : 'invite';
    const { position } = this.#database.run`
      INSERT INTO contacts (name, identity, identityKey, status, verified, verifiedAt, leastVersion)
      VALUES (${name}, ${identity}, ${identityKey}, ${status}, ${verified}, ${verifiedAt}, ${leastVersion})`;
    return this.get(position);
  }

  /** Pins whoever an invite is from, as verified. @param self one's own name
   * @returns the contact, unless that is oneself @throws Failure `identity-changed` */
  pinInviter(inviter: Invite['inviter'], self: string, now: number): Contact | undefined {
    if (!inviter || inviter.user === self) return undefined;
    const { user: name, identity, listVersion } = inviter;
    const known = this.byName(name);
    const invited = { name, identity, identityKey: null, status: 'accepted' } as const;
    if (!known) return this.add({ ...invited, verifiedAt: now, leastVersion: listVersion });
    if (!known.identity.equals(identity)) throw identityChanged(name);
    this.#database.run`
      UPDATE contacts
      SET verified = coalesce(verified, 'invite'), verifiedAt = coalesce(verifiedAt, ${now}),
        status = 'accepted', leastVersion = max(leastVersion, ${listVersion})
      WHERE contact = ${known.contact}`;
    return this.get(known.contact);
  }

  /** The relay has shown the key that the pin is the fingerprint of. @param modulus 384 bytes */
  setIdentityKey(contact: number, modulus: Buffer): void {
    this.#database.run`UPDATE contacts SET identityKey = ${modulus} WHERE contact = ${contact}`;
  }

  /** The user has compared the safety number. @param identity the one that was compared, 32 bytes
   * @throws Failure `identity-changed` if the contact's is another by now */
  markCompared(name: string, identity: Buffer, now: number): void {
    const { changes } = this.#database.run`
      UPDATE contacts SET verified = 'compared', verifiedAt = ${now}
      WHERE name = ${name} AND identity = ${identity}`;
    if (changes === 0) throw identityChanged(name);
  }

  /** The relay shows another identity under this name. One that the user has refused isn't told again.
   * @returns whether that is news */
  offer(contact: number, identity: Buffer): boolean {
    const { changes } = this.#database.run`
      UPDATE contacts SET offered = ${identity}
      WHERE contact = ${contact} AND offered IS NOT ${identity} AND refused IS NOT ${identity}`;
    return changes > 0;
  }

  /** The relay shows the pinned identity again. @returns whether that is news */
  withdrawOffer(contact: number): boolean {
    const { changes } = this.#database.run`
      UPDATE contacts SET offered = NULL, refused = NULL
      WHERE contact = ${contact} AND (offered IS NOT NULL OR refused IS NOT NULL)`;
    return changes > 0;
  }

  /** The user takes the identity that the relay shows, or one that was refused before: it becomes the pin, not
   * verified.
   * @param identity the one that was shown, 32 bytes
   * @throws Failure `identity-changed` if the relay shows yet another by now */
  acceptOffered(name: string, identity: Buffer): Contact {
    const other = this.byIdentity(identity);
    if (other && other.name !== name) throw oneOfTwoNames(name);
    const { changes } = this.#database.run`
      UPDATE contacts
      SET identity = ${identity}, identityKey = NULL, offered = NULL, refused = NULL, held = NULL,
        verified = NULL, verifiedAt = NULL, leastVersion = 0, status = 'accepted'
      WHERE name = ${name} AND (offered = ${identity} OR refused = ${identity})`;
    if (changes === 0) throw identityChanged(name);
    return this.byName(name)!;
  }

  /** The user keeps the pinned identity. @param identity the other one that was shown, 32 bytes
   * @throws Failure `identity-changed` if the relay shows yet another by now */
  refuseOffered(name: string, identity: Buffer): void {
    const { changes } = this.#database.run`
      UPDATE contacts SET refused = offered, offered = NULL WHERE name = ${name} AND offered = ${identity}`;
    if (changes === 0) throw identityChanged(name);
  }

  /** Whether the user has refused this identity for a contact. */
  hasRefused(contact: number, identity: Buffer): boolean {
    const refused = this.#database.get`
      SELECT 1 FROM contacts WHERE contact = ${contact} AND refused = ${identity}`;
    return refused !== undefined;
  }

  /** The relay shows a device list that doesn't go on from the known one, or shows the known one again (null).
   * @returns whether that is news */
  hold(contact: number, held: ListTrouble | null): boolean {
    const { changes } = this.#database.run`
      UPDATE contacts SET held = ${held} WHERE contact = ${contact} AND held IS NOT ${held}`;
    return changes > 0;
  }

  /** The user takes the device list that the relay shows: the contact is not verified any more. */
  acceptList(contact: number): void {
    this.#database.run`
      UPDATE contacts SET held = NULL, verified = NULL, verifiedAt = NULL, leastVersion = 0
      WHERE contact = ${contact}`;
  }

  /** A signed header has named this version of the contact's device list. */
  sawVersion(contact: number, version: number): void {
    this.#database.run`
      UPDATE contacts SET leastVersion = max(leastVersion, ${version}) WHERE contact = ${contact}`;
  }

  setStatus(contact: number, status: ContactStatus): void {
    this.#database.run`UPDATE contacts SET status = ${status}, dropped = 0 WHERE contact = ${contact}`;
  }

  /** One more message of a request that isn't kept. */
  countDropped(contact: number): void {
    this.#database.run`UPDATE contacts SET dropped = dropped + 1 WHERE contact = ${contact}`;
  }
}

/** Whether something may be sealed for a contact without the user's asking: not before it is accepted, nor while the relay
 * shows another identity or device list. */
export const mayBeTold = ({ status, offered, held }: Contact): boolean =>
  status === 'accepted' && !offered && !held;

export const identityChanged = (name: string): Failure =>
  new Failure(
    'identity-changed',
    `The safety number of ${name} has changed: the relay shows another identity. Nothing was sent to it. ` +
      `Ask ${name} in person before you accept it: someone may be intercepting your messages.`,
  );
export const oneOfTwoNames = (name: string): Failure =>
  new Failure('identity-invalid', `The relay shows one person under two names; one of them is ${name}.`);
