// What a relay shows of people, believed only as far as it is signed: identities, device lists, prekeys.
import { Failure } from '../../protocol/failures.ts';
import { compareLists, type DeviceList, extend, firstList, versionOf } from '../../protocol/devices.ts';
import type { FrameOf } from '../../protocol/frames.ts';
import { fingerprintOf } from '../../protocol/key.ts';
import { acceptPrekey, type Prekey } from '../../protocol/prekey.ts';
import { Malformed } from '../../protocol/reader.ts';
import type { Signed } from '../../protocol/statement.ts';
import type { Account } from './account.ts';
import { type Contact, type Contacts, identityChanged, oneOfTwoNames } from './contacts.ts';
import { type Devices, SELF } from './devices.ts';
import type { Ask } from './session.ts';

/** Somebody as the relay shows them, every signature checked. */
export type Shown = {
  user: string;
  /** 32 bytes, and the modulus that it is the fingerprint of. */
  identity: Buffer;
  identityKey: Buffer;
  list: DeviceList;
  /** All changes of the list. */
  statements: Signed[];
  prekeys: Prekey[];
};

/** What a look-up has brought: new means a device, a prekey, or the contact's identity key that wasn't known. */
export type Refreshed = { isNew: boolean; hasOtherDevices: boolean };

type Query = { user: string } | { identity: Buffer };

export class Directory {
  readonly #account: Account;
  readonly #contacts: Contacts;
  readonly #devices: Devices;
  readonly #ask: Ask;
  readonly #now: () => number;
  readonly #onChanged: (contact: Contact) => void;
  readonly #onOtherDevices: (contact: number) => void;
  /** Looked up on this connection. */
  readonly #fresh = new Set<number>();
  readonly #asked = new Map<string, Promise<Shown>>();

  /** @param onChanged is told of a contact whose standing has changed: an identity offered, a list held back
   * @param onOtherDevices is told of a contact who has added or removed a device */
  constructor(parts: {
    account: Account;
    contacts: Contacts;
    devices: Devices;
    ask: Ask;
    now: () => number;
    onChanged: (contact: Contact) => void;
    onOtherDevices: (contact: number) => void;
  }) {
    this.#account = parts.account;
    this.#contacts = parts.contacts;
    this.#devices = parts.devices;
    this.#ask = parts.ask;
    this.#now = parts.now;
    this.#onChanged = parts.onChanged;
    this.#onOtherDevices = parts.onOtherDevices;
  }

  /** On a new connection nothing was looked up yet. */
  forgetFresh(): void {
    this.#fresh.clear();
  }

  isFresh(contact: number): boolean {
    return this.#fresh.has(contact);
  }

  /** Looks somebody up by name, and pins them if they are new. The user wants to write to them.
   * @throws Failure `unknown-user`, `identity-changed`, `bundle-invalid`, `offline` */
  async meet(user: string): Promise<Contact> {
    const known = this.#contacts.byName(user);
    if (known) {
      if (!known.identityKey) await this.refresh(known);
      return this.#contacts.get(known.contact);
    }
    const shown = await this.show({ user });
    // They may have written meanwhile.
    const arrived = this.#contacts.byName(user);
    return arrived?.identity.equals(shown.identity) ? arrived : this.adopt(shown, 'accepted');
  }

  /** Pins a stranger. Within a transaction or alone. @throws Failure `identity-changed`, `identity-invalid` */
  adopt(shown: Shown, status: 'accepted' | 'request'): Contact {
    const { user: name, identity, identityKey, list, statements, prekeys } = shown;
    const contact = this.#contacts.add({ name, identity, identityKey, status });
    this.#devices.setList(contact.contact, list, statements);
    for (const prekey of prekeys) this.#devices.takePrekey(contact.contact, prekey);
    this.#fresh.add(contact.contact);
    return contact;
  }

  /** Asks the relay about a contact, and takes what is newer.
   * @throws Failure `identity-changed`, `list-changed` if what it shows contradicts what is known: nothing was taken */
  async refresh(contact: Contact): Promise<Refreshed> {
    const shown = await this.show({ user: contact.name });
    const known = this.#contacts.get(contact.contact);
    if (!shown.identity.equals(known.identity)) {
      if (this.#contacts.byIdentity(shown.identity)) throw oneOfTwoNames(known.name);
      if (this.#contacts.offer(known.contact, shown.identity))
        this.#onChanged(this.#contacts.get(known.contact));
      throw identityChanged(known.name);
    }
    const isBack = this.#contacts.withdrawOffer(known.contact);
    if (!known.identityKey) this.#contacts.setIdentityKey(known.contact, shown.identityKey);
    const trouble = this.#compare(known, shown);
    const hasChanged = this.#contacts.hold(known.contact, trouble) || isBack || !known.identityKey;
    if (hasChanged) this.#onChanged(this.#contacts.get(known.contact));
    if (trouble) throw listChanged(known.name);
    this.#fresh.add(known.contact);
    return this.#take(known.contact, shown, !known.identityKey);
  }

  /** Asks the relay about one's own account: other devices may have come or gone.
   * @returns `rollback` if the relay lacks statements that are known here; created: of this device's prekey that it has */
  async refreshSelf(): Promise<(Refreshed & { created: number | undefined }) | 'rollback' | 'fork'> {
    const shown = await this.show({ identity: this.#account.identity });
    const standing = compareLists(this.ownList(), shown.list);
    if (standing === 'rollback' || standing === 'fork') return standing;
    const published = shown.prekeys.find(({ device }) => device === this.#account.device);
    return { ...this.#take(SELF, shown, false), created: published?.created };
  }

  ownList(): DeviceList {
    return this.#devices.list(SELF, this.#account.identityKey);
  }

  /** The user takes whatever device list the relay shows. */
  async acceptList(contact: Contact): Promise<void> {
    const shown = await this.show({ user: contact.name });
    if (!shown.identity.equals(contact.identity)) throw identityChanged(contact.name);
    this.#devices.forget(contact.contact);
    this.#contacts.acceptList(contact.contact);
    this.#take(contact.contact, shown, true);
    this.#onChanged(this.#contacts.get(contact.contact));
  }

  /** Asks, and checks the answer; several at once share one question.
   * @throws RelayFailure `unknown-user`; Failure `bundle-invalid`, `offline` */
  show(query: Query): Promise<Shown> {
    const name = 'user' in query ? query.user : query.identity.toString('hex');
    const asked = this.#asked.get(name);
    if (asked) return asked;
    const shown = this.#show(query).finally(() => this.#asked.delete(name));
    this.#asked.set(name, shown);
    return shown;
  }

  async #show(query: Query): Promise<Shown> {
    const known = this.#knownStatements(query);
    let bundle = await this.#ask('lookup', { of: query, knownVersion: known.length });
    const identity = fingerprintOf(bundle.identityKey);
    const isAsked = 'user' in query ? bundle.user === query.user : identity.equals(query.identity);
    if (!isAsked) throw invalid(bundle.user, 'it speaks of somebody else');
    // The known statements count only for the identity that they are of, and if the shown ones go on from them.
    const mayGoOn = known.length <= bundle.newestVersion && known.length > 0;
    let chain = mayGoOn ? tryExtend(bundle, known) : undefined;
    if (!chain) {
      if (known.length > 0) bundle = await this.#ask('lookup', { of: query, knownVersion: 0 });
      chain = tryExtend(bundle, []);
    }
    while (chain && versionOf(chain.list) < bundle.newestVersion) {
      const before = versionOf(chain.list);
      bundle = await this.#ask('lookup', { of: query, knownVersion: before });
      chain = tryExtend(bundle, chain.statements);
      if (chain && versionOf(chain.list) === before) chain = undefined;
    }
    if (!chain) throw invalid(bundle.user, 'its device list does not hold');
    const { user, identityKey } = bundle;
    const prekeys = this.#prekeys(user, chain.list, bundle.prekeys);
    // A name is pinned only if its owner has signed for it: a relay could show one person under the name of another.
    const isKnown = identity.equals(this.#account.identity) || this.#contacts.byIdentity(identity);
    if (!isKnown && prekeys.length === 0) throw invalid(user, 'none of its keys is signed for that name');
    return { user, identity, identityKey, ...chain, prekeys };
  }

  /** The ones that hold: one that doesn't refuses itself alone. */
  #prekeys(user: string, list: DeviceList, all: readonly Signed[]): Prekey[] {
    const prekeys: Prekey[] = [];
    for (const signed of all) {
      try {
        prekeys.push(acceptPrekey(signed, { user, list, now: this.#now() }));
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
      }
    }
    return prekeys;
  }

  #knownStatements(query: Query): Signed[] {
    if ('identity' in query && query.identity.equals(this.#account.identity))
      return this.#devices.statements(SELF);
    const contact =
      'user' in query ? this.#contacts.byName(query.user) : this.#contacts.byIdentity(query.identity);
    return contact ? this.#devices.statements(contact.contact) : [];
  }

  #compare({ contact, leastVersion }: Contact, shown: Shown): 'rollback' | 'fork' | null {
    const known = this.#devices.list(contact, shown.identityKey);
    const standing = compareLists(known, shown.list);
    if (standing === 'fork' || standing === 'rollback') return standing;
    return versionOf(shown.list) < leastVersion ? 'rollback' : null;
  }

  #take(contact: number, { list, statements, prekeys, identityKey }: Shown, isFirst: boolean): Refreshed {
    const before = this.#devices.list(contact, identityKey);
    const hasOtherDevices = versionOf(list) > versionOf(before);
    if (hasOtherDevices) {
      this.#devices.setList(contact, list, statements);
      // A list that was never seen before is no change.
      if (contact !== SELF && !isFirst) this.#onOtherDevices(contact);
    }
    const taken = prekeys.filter((prekey) => this.#devices.takePrekey(contact, prekey));
    return { isNew: isFirst || hasOtherDevices || taken.length > 0, hasOtherDevices };
  }
}

/** @returns undefined if the shown statements don't follow the known ones */
function tryExtend(
  { identityKey, deviceStatements }: FrameOf<'bundle'>,
  known: readonly Signed[],
): { list: DeviceList; statements: Signed[] } | undefined {
  const statements = [...known, ...deviceStatements];
  try {
    return { list: statements.reduce(extend, firstList(identityKey)), statements };
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

const invalid = (name: string, why: string): Failure =>
  new Failure(
    'bundle-invalid',
    `What the relay shows of ${name} is not valid: ${why}. Nothing was sent to it.`,
  );
export const listChanged = (name: string): Failure =>
  new Failure(
    'list-changed',
    `The relay shows an older or another device list of ${name} than the one you know. Nothing was sent. ` +
      `Ask ${name} in person before you accept it: someone may be intercepting your messages.`,
  );
