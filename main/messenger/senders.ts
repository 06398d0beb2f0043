// Who an incoming envelope is from: a contact, one's own other device, or a stranger whom the relay shows. Nothing here is
// believed before the envelope's signature has verified.
import { Failure } from '../../protocol/failures.ts';
import { versionOf } from '../../protocol/devices.ts';
import type { Header } from '../../protocol/envelope.ts';
import type { Account } from './account.ts';
import type { Contacts } from './contacts.ts';
import { type Devices, SELF } from './devices.ts';
import type { Directory, Shown } from './directory.ts';
import { classOf } from './relay-failure.ts';

/** contact is undefined for a stranger, who is pinned when the envelope has proved authentic. */
export type Sender = {
  result: 'known';
  contact: number | undefined;
  stranger?: Shown;
  /** The sending device's signing key: a modulus, 384 bytes. */
  key: Buffer;
};
/** drop: not wanted. held: the user has to decide whom the name belongs to; until then it stays at the relay. */
export type Found = Sender | { result: 'drop' | 'held' } | { result: 'refused'; contact: number | undefined };

/** How often one sender is looked up because of what its envelopes say. */
const LOOK_UP_MS = 60_000;

type Parts = {
  account: Account;
  contacts: Contacts;
  devices: Devices;
  directory: Directory;
  /** Another identity is offered for a contact. */
  announceContact: (contact: number) => void;
};

export class Senders {
  readonly #parts: Parts;
  /** When each sender was looked up last, by performance.now(), and its end. */
  readonly #lookUps = new Map<number, { start: number; end: Promise<void> }>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** @throws Failure if that can't be told now: the envelope is to be delivered again */
  async find(header: Header): Promise<Found> {
    const { account, contacts } = this.#parts;
    const { sender, listVersion } = header;
    if (sender.identity.equals(account.identity)) return this.#device(SELF, sender.device, listVersion);
    const contact = contacts.byIdentity(sender.identity);
    if (!contact) return this.#stranger(header);
    if (contact.status === 'blocked') return { result: 'drop' };
    return this.#device(contact.contact, sender.device, listVersion);
  }

  /** Pins a stranger, and remembers the list version that a signed header has named. Within a transaction.
   * @returns the contact, or SELF, and its identity */
  adopt(
    { contact: known, stranger }: Sender,
    { sender, listVersion }: Header,
  ): { contact: number; identity: Buffer } {
    const { contacts, directory } = this.#parts;
    if (known === SELF) return { contact: SELF, identity: sender.identity };
    // Another of the stranger's envelopes may have come first.
    const contact =
      known ?? contacts.byIdentity(sender.identity)?.contact ?? directory.adopt(stranger!, 'request').contact;
    contacts.sawVersion(contact, listVersion);
    return { contact, identity: sender.identity };
  }

  /** Whom one's own other device has written to: looked up if it isn't a contact here. */
  async peer(identity: Buffer): Promise<Shown | undefined> {
    const { contacts, directory } = this.#parts;
    if (contacts.byIdentity(identity)) return undefined;
    try {
      const shown = await directory.show({ identity });
      // Another contact has this name here: which of them is meant can't be told.
      return contacts.byName(shown.user) ? undefined : shown;
    } catch (error) {
      if (classOf(error) === 'final') return undefined;
      throw error;
    }
  }

  adoptPeer(peer: Shown): void {
    const { contacts, directory } = this.#parts;
    if (!contacts.byIdentity(peer.identity) && !contacts.byName(peer.user)) directory.adopt(peer, 'accepted');
  }

  async #device(contact: number, device: number, listVersion: number): Promise<Found> {
    const list = this.#list(contact);
    let key = list?.devices.get(device);
    if (!list || !key || listVersion > versionOf(list)) {
      const hasAnswer = await this.#lookUp(contact);
      key = this.#list(contact)?.devices.get(device);
      if (!key && !hasAnswer)
        throw new Failure('timeout', 'A sender could not be looked up yet. Signet tries again.');
    }
    if (contact === SELF && device === this.#parts.account.device) return { result: 'refused', contact };
    return key ? { result: 'known', contact, key } : { result: 'refused', contact };
  }

  #list(contact: number): ReturnType<Devices['list']> | undefined {
    const { account, contacts, devices } = this.#parts;
    const identityKey = contact === SELF ? account.identityKey : contacts.get(contact).identityKey;
    return identityKey ? devices.list(contact, identityKey) : undefined;
  }

  /** @returns whether it was looked up for this question: several at once, and those that follow, share an answer */
  async #lookUp(contact: number): Promise<boolean> {
    const last = this.#lookUps.get(contact);
    if (last && performance.now() - last.start < LOOK_UP_MS) {
      await last.end;
      return false;
    }
    const end = this.#refresh(contact);
    this.#lookUps.set(contact, { start: performance.now(), end });
    // One that failed answers nobody.
    end.catch(() => this.#lookUps.delete(contact));
    await end;
    return true;
  }

  async #refresh(contact: number): Promise<void> {
    const { contacts, directory } = this.#parts;
    try {
      if (contact === SELF) await directory.refreshSelf();
      else await directory.refresh(contacts.get(contact));
    } catch (error) {
      // What the relay shows is not taken; what is known of the contact still counts.
      const isAnswer = ['identity-changed', 'list-changed'].includes(Failure.from(error).code);
      if (!isAnswer && classOf(error) !== 'final') throw error;
    }
  }

  async #stranger({ sender: { identity, device }, listVersion }: Header): Promise<Found> {
    const { contacts, directory, announceContact } = this.#parts;
    let stranger: Shown;
    try {
      stranger = await directory.show({ identity });
    } catch (error) {
      if (classOf(error) === 'final') return { result: 'refused', contact: undefined };
      throw error;
    }
    // The user may have written to them meanwhile.
    const known = contacts.byIdentity(identity);
    if (known) return this.#device(known.contact, device, listVersion);
    const namesake = contacts.byName(stranger.user);
    if (namesake) {
      // Somebody has the name of a contact.
      const { contact } = namesake;
      if (contacts.hasRefused(contact, identity)) return { result: 'refused', contact };
      if (contacts.offer(contact, identity)) announceContact(contact);
      return { result: 'held' };
    }
    const key = stranger.list.devices.get(device);
    return key
      ? { result: 'known', contact: undefined, stranger, key }
      : { result: 'refused', contact: undefined };
  }
}
