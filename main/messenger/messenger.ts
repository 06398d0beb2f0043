// The messenger: where account, connection, contacts, messages, what goes out and what comes in meet.
import { EventEmitter } from 'node:events';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../protocol/failures.ts';
import { USER_NAME_PATTERN, USER_NAME_RULE } from '../../protocol/user-name.ts';
import { versionOf } from '../../protocol/devices.ts';
import { encodeInvite } from '../../protocol/links.ts';
import { Database } from './database.ts';
import { type Keychain, systemKeychain } from './keychain.ts';
import { type Account, type Joining, loadAccount, type Progress, SignIns, writeJoining } from './account.ts';
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
import { Overview } from './overview.ts';
import { Owed } from './owed.ts';
import { Prekeys } from './prekeys.ts';
import { Presence } from './presence.ts';
import { PublicKeys } from './public-keys.ts';
import { type IncomingText, Receiving } from './receiving.ts';
import { Sealer } from './sealer.ts';
import { Senders } from './senders.ts';
import { Sending } from './sending.ts';
import { Telling } from './telling.ts';
import { Trust } from './trust.ts';

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
  /** What the user decides about contacts. */
  readonly trust: Trust;
  /** What there is to show. */
  readonly overview: Overview;
  readonly #database: Database;
  readonly #account: Account;
  readonly #now: () => number;
  readonly #connection: Connection;
  readonly #contacts: Contacts;
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
  readonly #presence: Presence;
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
    const database = new Database(directory);
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
    this.#connection = new Connection({
      relays,
      relayKey,
      signIn: (ask) => this.#presence.signIn(ask),
      isFinal: ({ code }) => FINAL.includes(code),
    });
    const { ask } = this.#connection;
    const announce = (row: MessageRow): void => this.#announce(row);
    const report = (failure: Failure): boolean => this.emit('failure', failure);
    const announceContact = (contact: number): void => this.#announceContact(contact);
    const isOnline = (): boolean => this.#connection.online;

    const contacts = (this.#contacts = new Contacts(database));
    const devices = new Devices(database);
    const deliveries = new Deliveries(database);
    const messages = (this.#messages = new Messages(database, deliveries, storage));
    const conversations = (this.#conversations = new Conversations(database, identity, storage));
    const owed = (this.#owed = new Owed(database));
    const envelopes = (this.#envelopes = new Envelopes(database));
    const prekeys = (this.#prekeys = new Prekeys(database, account, now));
    const keys = new PublicKeys();
    const onChanged = ({ contact }: Contact): void => announceContact(contact);
    const onOtherDevices = (contact: number): void => {
      const { conversation } = conversations.withContact(contact, contacts.get(contact).identity);
      announce(messages.countNotice(conversation, 'devices', now()));
    };
    const directory = (this.#directory = new Directory({
      ...{ account, contacts, devices, ask, now, onChanged, onOtherDevices },
    }));
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
    this.trust = new Trust({
      ...{ database, account, contacts, conversations, devices, directory, envelopes, messages, owed, now },
      ...{ announceContact, redeliver: () => this.#connection.restart() },
      gather: (contact) => this.#telling.gather(contact),
    });
    this.overview = new Overview({ contacts, conversations, devices, envelopes, messages, prekeys });
    this.#presence = new Presence({
      ...{
        database,
        account,
        devices,
        directory,
        envelopes,
        owed,
        prekeys,
        sending,
        ask,
        isOnline,
        now,
        report,
      },
      signIns: new SignIns(database),
      telling: this.#telling,
      onRegistered: () => this.emit('ready'),
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
    this.#upkeep ??= setInterval(() => void this.#presence.upkeep(), UPKEEP_MS);
  }

  /** Goes on with this copy of the profile, after `profile-copied`: with new keys and new chains. */
  async continueHere(): Promise<void> {
    await this.#presence.continueHere();
    this.#connection.start();
  }

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

  /** Keeps what was begun to be written to a contact. */
  async saveDraft(name: string, text: string): Promise<void> {
    const { contact } = this.trust.known(name);
    await this.#conversations.saveDraft(this.trust.conversationOf(name), text);
    this.#announceContact(contact);
  }

  /** What was begun to be written, or the empty text. */
  draft(name: string): Promise<string> {
    return this.#conversations.draft(this.trust.conversationOf(name));
  }

  /** Marks what a contact wrote as read, and tells the contact. @param upTo the last message's position */
  markRead(name: string, upTo = Number.MAX_SAFE_INTEGER): void {
    const { contact, status } = this.trust.known(name);
    const conversation = this.trust.conversationOf(name);
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
    return this.#messages.history(this.trust.conversationOf(name), limit);
  }

  contacts(): Contact[] {
    return this.#contacts.list();
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
    this.#presence.close();
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
    this.#sending.inBackground(() => this.#presence.catchUp());
  }
}
