// The messenger: where account, connection, contacts, messages, what goes out and what comes in meet.
import { EventEmitter } from 'node:events';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../../protocol/failures.ts';
import { USER_NAME_PATTERN, USER_NAME_RULE } from '../../../protocol/fields.ts';
import { safetyNumber } from '../../../protocol/safety-number.ts';
import { versionOf } from '../../../protocol/v1/devices.ts';
import { spkiOf } from '../../../protocol/v1/key.ts';
import { encodeInvite } from '../../../protocol/v1/links.ts';
import { Database } from '../database.ts';
import { type Keychain, systemKeychain } from '../keychain.ts';
import {
  type Account,
  type Joining,
  loadAccount,
  markRegistered,
  type Progress,
  SignIns,
  writeJoining,
} from './account.ts';
import { Chains } from './chains.ts';
import { Connection, type ConnectionState, type Trouble } from './connection.ts';
import { type Contact, Contacts } from './contacts.ts';
import { Conversations } from './conversations.ts';
import { Deliveries } from './deliveries.ts';
import { Devices, SELF } from './devices.ts';
import { Directory } from './directory.ts';
import { Envelopes } from './envelopes.ts';
import { type MessageRow, Messages, type OpenedMessage } from './messages.ts';
import { Outbox } from './outbox.ts';
import { Owed } from './owed.ts';
import { Prekeys } from './prekeys.ts';
import { PublicKeys } from './public-keys.ts';
import { type IncomingText, Receiving } from './receiving.ts';
import { SCHEMA } from './schema.ts';
import { Sealer } from './sealer.ts';
import { Senders } from './senders.ts';
import { Sending } from './sending.ts';
import type { Ask } from './session.ts';
import { logIn, offer, register } from './sign-in.ts';
import { Telling } from './telling.ts';

export type MessengerOptions = {
  /** The profile's folder. */
  directory: string;
  /** Needed for a new profile, and allowed for an existing one. */
  joining?: Joining;
  keychain?: Keychain;
  /** Milliseconds since 1970; tests move it. */
  now?: () => number;
  /** How far the making of a new profile's keys is. */
  onProgress?: (progress: Progress) => void;
};

type Events = {
  /** The relay knows this account; told once, and at once for a profile that was registered before. */
  ready: [];
  connection: [ConnectionState];
  /** A message that is new or has changed, with its contact's name. */
  messageChanged: [contact: string, MessageRow];
  /** Something else about a conversation has changed: a new one, its draft, the contact's standing. */
  conversationChanged: [contact: string];
  /** A text that has just come in. */
  message: [IncomingText];
  /** What went wrong without having been asked for. */
  failure: [Failure];
  /** It is being closed: nothing can be asked of it any more. */
  closed: [];
};

/** How often expired keys are looked for, and the age of the newest is checked. */
const UPKEEP_MS = 60 * 60 * 1000;
/** Trying again automatically makes no sense: the user has to choose. */
const FINAL = [
  'name-taken',
  'identity-taken',
  'login-refused',
  'registration-closed',
  'token-refused',
  'profile-copied',
];

export class Messenger extends EventEmitter<Events> {
  readonly #database: Database;
  readonly #account: Account;
  readonly #now: () => number;
  readonly #signIns: SignIns;
  readonly #connection: Connection;
  readonly #contacts: Contacts;
  readonly #devices: Devices;
  readonly #conversations: Conversations;
  readonly #messages: Messages;
  readonly #owed: Owed;
  readonly #envelopes: Envelopes;
  readonly #prekeys: Prekeys;
  readonly #directory: Directory;
  readonly #sealer: Sealer;
  readonly #outbox: Outbox;
  readonly #sending: Sending;
  readonly #telling: Telling;
  readonly #receiving: Receiving;
  #upkeep: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  /** Opens a profile, or makes a new one with its keys. Nothing is sent before start().
   * @throws Failure `folder-...`, `database-...`, `name-invalid`, `invite-invalid`, `profile-differs`, `keychain-...` */
  static async open(options: MessengerOptions): Promise<Messenger> {
    const {
      directory,
      joining = {},
      keychain = systemKeychain,
      now = Date.now,
      onProgress = () => {},
    } = options;
    const database = new Database(directory, SCHEMA);
    try {
      const { name, invite } = writeJoining(database, joining);
      // Before the keys, which may have to wait for a keychain: the invite may not be seen again.
      new Contacts(database).pinInviter(invite?.inviter, name, now());
      const account = await loadAccount(database, keychain, onProgress);
      const messenger = new Messenger(database, account, now);
      if (await messenger.#prekeys.rotate()) onProgress({ step: 4, of: 4 });
      return messenger;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  private constructor(database: Database, account: Account, now: () => number) {
    super();
    this.#database = database;
    this.#account = account;
    this.#now = now;
    const { relays, relayKey, identity, storage } = account;
    this.#signIns = new SignIns(database);
    this.#connection = new Connection({
      relays,
      relayKey,
      signIn: (ask) => this.#signIn(ask),
      isFinal: ({ code }) => FINAL.includes(code),
    });
    const { ask } = this.#connection;
    const announce = (row: MessageRow): void => this.#announce(row);
    const report = (failure: Failure): boolean => this.emit('failure', failure);
    const announceContact = (contact: number): void => this.#announceContact(contact);
    const isOnline = (): boolean => this.#connection.online;

    const contacts = (this.#contacts = new Contacts(database));
    const devices = (this.#devices = new Devices(database));
    const deliveries = new Deliveries(database);
    const messages = (this.#messages = new Messages(database, deliveries, storage));
    const conversations = (this.#conversations = new Conversations(database, identity, storage));
    const owed = (this.#owed = new Owed(database));
    const envelopes = (this.#envelopes = new Envelopes(database));
    const prekeys = (this.#prekeys = new Prekeys(database, account, now));
    const keys = new PublicKeys();
    const onChanged = ({ contact }: Contact): void => announceContact(contact);
    const directory = (this.#directory = new Directory({ account, contacts, devices, ask, now, onChanged }));
    const sealer = (this.#sealer = new Sealer({
      ...{ database, account, contacts, devices, directory, envelopes, keys, now },
      onPosted: () => this.#outbox.send(),
    }));
    const sending = (this.#sending = new Sending({
      ...{ account, contacts, conversations, messages, deliveries, envelopes, directory, sealer, isOnline },
      ...{ announce, report },
    }));
    this.#telling = new Telling({ contacts, directory, owed, sealer, sending, now });
    const onSettled = (
      settled: { hash: Buffer; message: number | null; contact: number; device: number }[],
      to: 'sent' | 'failed',
    ): void => {
      const rows = database.transaction(() =>
        settled.flatMap(({ hash, message, contact, device }) => {
          if (!envelopes.remove(hash) || message === null) return [];
          return deliveries.advance(message, contact, device, to) ? [messages.changed(message)] : [];
        }),
      );
      rows.forEach(announce);
    };
    this.#outbox = new Outbox(envelopes, ask, {
      onAccepted: (accepted) => onSettled(accepted, 'sent'),
      onRefused: (envelope, failure) => {
        onSettled([envelope], 'failed');
        report(failure);
      },
      onOutdated: (envelope) => sending.redirect(envelope),
      onFailure: report,
    });
    const chains = new Chains(database, messages, now);
    const senders = new Senders({ account, contacts, devices, directory, announceContact });
    this.#receiving = new Receiving({
      ...{ database, account, chains, prekeys, senders, keys, now, announce, announceContact, report },
      model: { contacts, conversations, messages, deliveries, envelopes, owed, identity },
      redeliver: () => this.#connection.restart(),
      setReading: (reading) => this.#connection.setReading(reading),
      announceText: (text) => this.emit('message', text),
      onTaken: (contact, due) => {
        this.#telling.gather(contact);
        if (due) sending.inBackground(() => sending.sealDue(contact));
      },
    });
    this.#connection.on('deliver', (position, envelope) => {
      const { acknowledge } = this.#connection;
      this.#receiving.take(envelope, () => acknowledge(position));
    });
    this.#connection.on('failure', report);
    this.#connection.on('state', (state) => this.#onState(state));
  }

  get name(): string {
    return this.#account.name;
  }

  /** One's own identity, 64 hex digits. */
  get fingerprint(): string {
    return this.#account.identity.toString('hex');
  }

  /** Where the relay is (host:port), and SHA-256 of its TLS public key in hex. */
  get relay(): { addresses: string[]; key: string } {
    return { addresses: this.#account.relays, key: this.#account.relayKey.toString('hex') };
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  /** Whether the relay has ever bound the name to this identity. */
  get registered(): boolean {
    return this.#account.registered;
  }

  /** Why there is no connection, if that is known; final: no other attempt is made. */
  get trouble(): Trouble | undefined {
    return this.#connection.trouble;
  }

  /** What others join this relay with: where it is, and who invites them. @param relays host:port, where it is known
   * better than from the invite that this profile has joined with */
  invite(relays = this.#account.relays): string {
    const { relayKey, name: user, identity } = this.#account;
    const listVersion = versionOf(this.#directory.ownList());
    return encodeInvite({ relays, relayKey, inviter: { user, identity, listVersion } });
  }

  /** Takes an invite to the relay that this profile is on: where that is by now, and the inviter as verified.
   * @returns who invites @throws Failure `invite-invalid`, `profile-differs`, `identity-changed` */
  acceptInvite(link: string): string | undefined {
    const { invite } = writeJoining(this.#database, { invite: link });
    const inviter = this.#contacts.pinInviter(invite!.inviter, this.name, this.#now());
    if (inviter) this.#announceContact(inviter.contact);
    this.#account.relays = invite!.relays;
    this.setAddresses(invite!.relays);
    return inviter?.name;
  }

  /** Looks for the relay at these addresses (host:port) from now on, until this profile is opened again. */
  setAddresses(relays: string[]): void {
    this.#connection.setAddresses(relays);
    this.#connection.reconnectNow();
  }

  /** Connects now, instead of when the next attempt is due. */
  reconnectNow(): void {
    this.#connection.reconnectNow();
  }

  /** Connects, and from then on keeps the connection automatically. */
  start(): void {
    if (this.#account.registered) this.emit('ready');
    this.#connection.start();
    this.#upkeep ??= setInterval(() => void this.upkeep(), UPKEEP_MS);
  }

  /** Goes on with this copy of the profile, after `profile-copied`: with new keys and new chains. */
  async continueHere(): Promise<void> {
    await this.#prekeys.renew();
    this.#devices.restartChains();
    this.#isContinued = true;
    this.#connection.start();
  }
  #isContinued = false;

  /** Seals a text and puts it into the outbox. @returns its row, once that is on the disk
   * @throws Failure `name-invalid`, `text-empty`, `text-too-long`, `unknown-user`, `identity-changed`, `list-changed`,
   *   `offline`, `disk-full` */
  async send(to: string, text: string): Promise<MessageRow> {
    this.#assertOther(to);
    return this.#sending.sendText(to, text);
  }

  /** Sends a failed message again. @param id 64 hex digits
   * @throws Failure `command-invalid` if it hasn't failed, and those of send() */
  retry(id: string): Promise<void> {
    return this.#sending.retry(Buffer.from(id, 'hex'));
  }

  /** Begins a conversation with somebody whom the relay knows.
   * @throws Failure `name-invalid`, `unknown-user`, `identity-...`, `offline` */
  async startConversation(name: string): Promise<void> {
    this.#assertOther(name);
    const { contact } = await this.#directory.meet(name);
    this.#announceContact(contact);
  }

  /** Accepts a message request: what was held back until now goes out. */
  accept(name: string): void {
    const contact = this.#known(name);
    const { conversation } = this.#conversations.withContact(contact.contact, contact.identity);
    this.#database.transaction(() => {
      this.#contacts.setStatus(contact.contact, 'accepted');
      for (const { id, device } of this.#messages.writtenBy(conversation, contact.contact)) {
        this.#owed.add({ contact: contact.contact, device }, id, 'delivered');
      }
    });
    this.#announceContact(contact.contact);
    this.#telling.gather(contact.contact);
  }

  /** Declines a message request: its messages are deleted. A later message is a new request. */
  decline(name: string): void {
    const contact = this.#known(name);
    const { conversation } = this.#conversations.withContact(contact.contact, contact.identity);
    this.#database.transaction(() => {
      this.#messages.clear(conversation);
      for (const device of this.#owed.devices(contact.contact)) {
        this.#owed.remove({ contact: contact.contact, device });
      }
      this.#contacts.setStatus(contact.contact, 'request');
    });
    this.#database.checkpoint();
    this.#announceContact(contact.contact);
  }

  /** Whatever the contact writes from now on is dropped unopened; or no longer. */
  setBlocked(name: string, isBlocked: boolean): void {
    const { contact } = this.#known(name);
    this.#contacts.setStatus(contact, isBlocked ? 'blocked' : 'accepted');
    this.#announceContact(contact);
  }

  /** Keeps what was begun to be written to a contact. */
  async saveDraft(name: string, text: string): Promise<void> {
    const { contact } = this.#known(name);
    await this.#conversations.saveDraft(this.#conversationOf(name), text);
    this.#announceContact(contact);
  }

  /** What was begun to be written, or the empty text. */
  draft(name: string): Promise<string> {
    return this.#conversations.draft(this.#conversationOf(name));
  }

  /** The user has compared the safety number. @param identity that it was made of, 64 hex digits
   * @throws Failure `identity-changed` */
  markCompared(name: string, identity: string): void {
    this.#contacts.markCompared(name, Buffer.from(identity, 'hex'), this.#now());
    this.#announceContact(this.#known(name).contact);
  }

  /** The user takes the other identity that the relay shows. @param identity the one shown, 64 hex digits
   * @throws Failure `identity-changed` */
  acceptIdentity(name: string, identity: string): void {
    const contact = this.#database.transaction(() => {
      const accepted = this.#contacts.acceptOffered(name, Buffer.from(identity, 'hex'));
      this.#devices.forget(accepted.contact);
      this.#conversations.setIdentity(accepted.contact, accepted.identity);
      return accepted;
    });
    this.#directory.forgetFresh();
    this.#announceContact(contact.contact);
    // What came from that identity waits at the relay.
    this.#connection.restart();
  }

  /** The user keeps the identity that is pinned. @param identity the other one that was shown, 64 hex digits
   * @throws Failure `identity-changed` */
  refuseIdentity(name: string, identity: string): void {
    this.#contacts.refuseOffered(name, Buffer.from(identity, 'hex'));
    this.#announceContact(this.#known(name).contact);
    this.#connection.restart();
  }

  /** The user takes the device list that the relay shows, though it contradicts the known one. @throws Failure `offline` */
  acceptList(name: string): Promise<void> {
    return this.#directory.acceptList(this.#known(name));
  }

  /** Marks what a contact wrote as read, and tells the contact. @param upTo the last message's position */
  markRead(name: string, upTo = Number.MAX_SAFE_INTEGER): void {
    const { contact, status } = this.#known(name);
    const conversation = this.#conversationOf(name);
    const rows = this.#database.transaction(() => {
      const read = this.#messages.markRead(conversation, upTo);
      for (const { row, ...author } of read) this.#owed.add(author, Buffer.from(row.id, 'hex'), 'read');
      return read;
    });
    for (const { row } of rows) this.#announce(row);
    if (rows.length > 0 && status === 'accepted') this.#telling.gather(contact);
  }

  /** The newest messages with a contact, oldest first. */
  history(name: string, limit: number): Promise<OpenedMessage[]> {
    return this.#messages.history(this.#conversationOf(name), limit);
  }

  contacts(): Contact[] {
    return this.#contacts.list();
  }

  /** The safety number with a contact: 60 digits. @throws Failure `offline`, `unknown-user`, ... if it is new */
  async safetyNumber(name: string): Promise<string> {
    this.#assertOther(name);
    const { identityKey } = await this.#directory.meet(name);
    return safetyNumber(
      { user: this.name, spki: spkiOf(this.#account.identityKey) },
      { user: name, spki: spkiOf(identityKey!) },
    );
  }

  /** Destroys expired prekeys; makes and publishes a new one when it is time. Done automatically on each connection and
   * each hour. */
  async upkeep(): Promise<void> {
    try {
      this.#owed.forgetOld(this.#now());
      this.#envelopes.forgetOld(this.#now());
      // Only when the relay has agreed with this clock: what a wrong one destroys is gone.
      if (this.#connection.online) this.#prekeys.destroyExpired();
      await this.#prekeys.rotate();
      const prekey = this.#prekeys.current();
      if (!prekey || prekey.published === 1 || !this.#connection.online) return;
      const { identityKey } = this.#account;
      await this.#connection.ask('publish', { identityKey, statements: [prekey] });
      this.#prekeys.markPublished(prekey);
    } catch (error) {
      const failure = Failure.from(error);
      if (!this.#closing && failure.code !== 'offline') this.emit('failure', failure);
    }
  }

  /** Waits until everything has left for the relay. @param timeout milliseconds @returns whether it has */
  async drained(timeout: number): Promise<boolean> {
    const end = performance.now() + timeout;
    while (!this.#sealer.isIdle || !this.#telling.isIdle || !this.#envelopes.isOutboxEmpty) {
      if (performance.now() >= end) return false;
      await delay(20);
    }
    return true;
  }

  /** Stores what is under way, ends the connection, closes the database. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.emit('closed');
    clearInterval(this.#upkeep);
    await this.#receiving.close();
    // First: whatever waits for an answer of the relay needn't wait any longer.
    this.#connection.stop();
    this.#telling.close();
    await Promise.all([this.#sealer.close(), this.#conversations.close()]);
    this.#outbox.setOnline(false);
    // What the relay had accepted is removed from the outbox in the next turn.
    await turn();
    this.#database.close();
  }

  #announce(row: MessageRow): void {
    const contact = this.#conversations.contactOf(row.conversation);
    if (contact !== SELF) this.emit('messageChanged', this.#contacts.get(contact).name, row);
  }

  #announceContact(contact: number): void {
    if (contact === SELF) return;
    this.#messages.touch();
    this.emit('conversationChanged', this.#contacts.get(contact).name);
  }

  #known(name: string): Contact {
    const contact = this.#contacts.byName(name);
    if (!contact) throw new Failure('command-invalid', `There is no conversation with ${name}.`);
    return contact;
  }

  #conversationOf(name: string): number {
    const { contact, identity } = this.#known(name);
    return this.#conversations.withContact(contact, identity).conversation;
  }

  #assertOther(name: string): void {
    if (!USER_NAME_PATTERN.test(name)) throw new Failure('name-invalid', USER_NAME_RULE);
    if (name === this.name) throw new Failure('name-invalid', 'That is your own name. Enter somebody else.');
  }

  #onState(state: ConnectionState): void {
    const online = state === 'online';
    this.#directory.forgetFresh();
    this.emit('connection', state);
    this.#outbox.setOnline(online);
    if (!online) return;
    this.#sending.inBackground(() => this.#catchUp());
  }

  /** On a new connection: one's own devices first, then all that is owed or due. */
  async #catchUp(): Promise<void> {
    const refreshed = await this.#directory.refreshSelf();
    const { ask } = this.#connection;
    // The relay was restored from an old backup: it gets the changes of the device list that it lacks.
    if (refreshed === 'rollback')
      await offer({ ask, account: this.#account }, this.#devices.statements(SELF));
    else if (refreshed === 'fork') this.emit('failure', ownFork());
    else {
      this.#prekeys.sawPublished(refreshed.created);
      if (refreshed.hasOtherDevices) this.#sending.announceDevices();
    }
    await this.upkeep();
    this.#telling.gatherAll();
    this.#sending.sealAllDue();
  }

  /** Logs in; registers if the relay doesn't know this user: the first time, or after it was set up again. */
  async #signIn(ask: Ask): Promise<void> {
    const signingIn = { ask, account: this.#account, signIns: this.#signIns, time: this.#now() };
    const statements = this.#devices.statements(SELF);
    if (this.#account.registered) {
      try {
        return await this.#accepting(() => logIn(signingIn));
      } catch (error) {
        const { code } = Failure.from(error);
        // The relay may be an older copy, which doesn't know this device yet.
        if (code === 'login-refused' && statements.length > 0) return await logIn(signingIn, statements);
        if (code !== 'unknown-user') throw error;
      }
    }
    const wasRegistered = this.#account.registered;
    const prekey = this.#prekeys.current()!;
    await this.#accepting(() => register(signingIn, prekey, statements));
    this.#prekeys.markPublished(prekey);
    markRegistered(this.#database, this.#account);
    if (!wasRegistered) this.emit('ready');
  }

  /** The user has said that this copy of the profile is the one to go on with. */
  async #accepting(signIn: () => Promise<void>): Promise<void> {
    try {
      await signIn();
    } catch (error) {
      if (!this.#isContinued || Failure.from(error).code !== 'profile-copied') throw error;
    }
    this.#isContinued = false;
  }
}

const ownFork = (): Failure =>
  new Failure(
    'list-changed',
    'The relay shows another list of your own devices than the one this computer knows. ' +
      'Check the list of your devices; ask the person who runs the relay whether it was restored from a backup.',
  );
