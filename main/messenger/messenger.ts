// The messenger: where account, connection, contacts, messages, what goes out and what comes in meet.
import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../protocol/failures.ts';
import { USER_NAME_PATTERN, USER_NAME_RULE } from '../../protocol/fields.ts';
import { encodeInvite } from '../../protocol/invite.ts';
import { safetyNumber } from '../../protocol/safety-number.ts';
import { type Account, type Joining, loadAccount, markRegistered, type Progress, settle } from './account.ts';
import { Connection, type ConnectionState, type Trouble } from './connection.ts';
import { type ContactSummary, Contacts, pinInviter } from './contacts.ts';
import { Conversations } from './conversations.ts';
import { Database } from './database.ts';
import { Dispatch } from './dispatch.ts';
import { type Keychain, systemKeychain } from './keychain.ts';
import { type MessageRow, Messages, type OpenedMessage } from './messages.ts';
import { Notices } from './notices.ts';
import { Outbox } from './outbox.ts';
import { ReceptionKeys } from './reception-keys.ts';
import { type IncomingText, Reception } from './reception.ts';
import type { Ask } from './session.ts';
import { logIn, register } from './sign-in.ts';

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
  /** A message that is new or has changed. */
  messageChanged: [MessageRow];
  /** Something else about a conversation has changed: a new one, its draft, the contact's verification. */
  conversationChanged: [contact: string];
  /** A text that has just come in, with its plain text. */
  message: [IncomingText];
  /** What went wrong without having been asked for. */
  failure: [Failure];
  /** It is being closed: nothing can be asked of it any more. */
  closed: [];
};

/** How often expired keys are looked for, and the age of the newest is checked. */
const UPKEEP_MS = 60 * 60 * 1000;
/** Trying again by itself makes no sense: the user has to choose. */
const FINAL = ['name-taken', 'identity-taken', 'login-refused'];

export class Messenger extends EventEmitter<Events> {
  /** What there is to show. */
  readonly conversations: Conversations;
  readonly #database: Database;
  readonly #account: Account;
  readonly #now: () => number;
  readonly #connection: Connection;
  readonly #contacts: Contacts;
  readonly #messages: Messages;
  readonly #notices: Notices;
  readonly #receptionKeys: ReceptionKeys;
  readonly #outbox: Outbox;
  readonly #dispatch: Dispatch;
  readonly #reception: Reception;
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
      const invite = settle(database, joining);
      // Before the keys, which may have to wait for a keychain: the invite may not be seen again.
      pinInviter(database, invite?.inviter, now);
      const account = await loadAccount(database, keychain, onProgress);
      const messenger = new Messenger(database, account, now);
      if (await messenger.#receptionKeys.rotate()) onProgress({ step: 4, of: 4 });
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
    const { relays, relayKey } = account;
    this.#connection = new Connection({
      relays,
      relayKey,
      signIn: (ask) => this.#signIn(ask),
      final: ({ code }) => FINAL.includes(code),
    });
    const { ask } = this.#connection;
    const announce = (row: MessageRow): boolean => this.emit('messageChanged', row);
    const report = (failure: Failure): boolean => this.emit('failure', failure);
    this.#contacts = new Contacts(
      database,
      (user) => ask({ type: 'lookup', user }, 'user'),
      () => this.#connection.online,
      now,
      (name) => {
        this.#messages.touch();
        this.emit('conversationChanged', name);
      },
    );
    this.#messages = new Messages(database, account.storage);
    this.#notices = new Notices(database, now);
    this.#receptionKeys = new ReceptionKeys(database, account, now);
    this.#outbox = new Outbox(database, ask, {
      accepted: (contact, id) => this.#advance(contact, id, 'sent'),
      refused: (contact, id, failure) => {
        this.#advance(contact, id, 'failed');
        report(failure);
      },
      paused: (_whom, failure) => failure.code !== 'envelope-waiting' && report(failure),
      failed: report,
    });
    const parts = {
      database,
      account,
      contacts: this.#contacts,
      messages: this.#messages,
      notices: this.#notices,
      now,
      announce,
      report,
    };
    this.#dispatch = new Dispatch({ ...parts, outbox: this.#outbox });
    this.#reception = new Reception({
      ...parts,
      receptionKeys: this.#receptionKeys,
      dispatch: this.#dispatch,
      acknowledge: (from, id) => this.#connection.acknowledge(from, id),
      redeliver: () => this.#connection.restart(),
      setReading: (reading) => this.#connection.setReading(reading),
      announceText: (text) => this.emit('message', text),
    });
    this.#connection.on('deliver', (from, envelope) => this.#reception.take(from, envelope));
    this.conversations = new Conversations(parts);
    this.#connection.on('failure', report);
    this.#connection.on('state', (state) => this.#onState(state));
  }

  get name(): string {
    return this.#account.name;
  }

  /** Identity fingerprint, 64 hex digits. */
  get fingerprint(): string {
    return this.#account.identity.publicKey.fingerprint.toString('hex');
  }

  /** Where the relay is (host:port), and SHA-256 of its TLS public key in hex. */
  get relay(): { addresses: string[]; key: string } {
    return { addresses: this.#account.relays, key: this.#account.relayKey.toString('hex') };
  }

  /** The connection's state. */
  get state(): ConnectionState {
    return this.#connection.state;
  }

  /** What others join this relay with: where it is, and who invites them. @param relays host:port, where it is known
   * better than from the invite that this profile has joined with */
  invite(relays = this.#account.relays): string {
    const { relayKey, name, identity } = this.#account;
    const inviter = { name, identity: identity.publicKey.fingerprint };
    return encodeInvite({ relays, key: relayKey, inviter });
  }

  /** Takes an invite to the relay that this profile is on: where that is by now, and the inviter as verified.
   * @returns who invites @throws Failure `invite-invalid`, `profile-differs`, `identity-changed` */
  acceptInvite(link: string): string | undefined {
    const invite = settle(this.#database, { invite: link })!;
    const inviter = pinInviter(this.#database, invite.inviter, this.#now);
    if (inviter !== undefined) {
      this.#messages.touch();
      this.emit('conversationChanged', inviter);
    }
    this.#account.relays = invite.relays;
    this.lookAt(invite.relays);
    return inviter;
  }

  /** Looks for the relay at these addresses (host:port) from now on, until this profile is opened again. */
  lookAt(relays: string[]): void {
    this.#connection.lookAt(relays);
    this.#connection.hurry();
  }

  /** Whether the relay has ever bound the name to this identity. */
  get registered(): boolean {
    return this.#account.registered;
  }

  /** Why there is no connection, if that is known; final: no other attempt is made. */
  get trouble(): Trouble | undefined {
    return this.#connection.trouble;
  }

  /** Connects now, rather than when the next attempt is due. */
  reconnect(): void {
    this.#connection.hurry();
  }

  /** Connects, and from then on keeps the connection by itself. */
  start(): void {
    if (this.#account.registered) this.emit('ready');
    this.#connection.start();
    this.#upkeep ??= setInterval(() => void this.upkeep(), UPKEEP_MS);
  }

  /** Seals a text and puts it into the outbox. @returns its row, once that is on the disk
   * @throws Failure `name-invalid`, `text-empty`, `text-too-long`, `unknown-user`, `identity-changed`,
   *   `reception-key-...`, `offline`, `disk-full` */
  async send(to: string, text: string): Promise<MessageRow> {
    this.#assertOther(to);
    return this.#dispatch.sendText(to, text);
  }

  /** Sends a failed message again. @param id 32 hex digits
   * @throws Failure `command-invalid` if it hasn't failed, and those of send() */
  retry(contact: string, id: string): Promise<void> {
    return this.#dispatch.retry(contact, Buffer.from(id, 'hex'));
  }

  /** Begins a conversation with somebody whom the relay knows. @throws Failure `name-invalid`, `unknown-user`,
   *   `identity-...`, `reception-key-invalid`, `offline` */
  async meet(contact: string): Promise<void> {
    this.#assertOther(contact);
    await this.#contacts.identity(contact);
    this.emit('conversationChanged', contact);
  }

  /** Keeps what was begun to be written to a contact. */
  async saveDraft(contact: string, text: string): Promise<void> {
    await this.conversations.saveDraft(contact, text);
    this.emit('conversationChanged', contact);
  }

  /** The user has compared the safety number. @param fingerprint of the identity it was made of, 64 hex digits
   * @throws Failure `identity-changed` */
  markCompared(contact: string, fingerprint: string): void {
    this.#contacts.markCompared(contact, Buffer.from(fingerprint, 'hex'));
    this.#messages.touch();
    this.emit('conversationChanged', contact);
  }

  /** The user takes the other identity that the relay names. @param fingerprint the one shown, 64 hex digits
   * @throws Failure `identity-changed` */
  acceptIdentity(contact: string, fingerprint: string): void {
    this.#contacts.acceptOffered(contact, Buffer.from(fingerprint, 'hex'));
    this.#messages.touch();
    this.emit('conversationChanged', contact);
  }

  /** The user keeps the identity that is pinned. @param fingerprint the other one that was shown, 64 hex digits
   * @throws Failure `identity-changed` */
  refuseIdentity(contact: string, fingerprint: string): void {
    this.#contacts.refuseOffered(contact, Buffer.from(fingerprint, 'hex'));
    this.#messages.touch();
    this.emit('conversationChanged', contact);
  }

  /** Marks what a contact wrote as read, and tells the contact. @param upTo the last message's position */
  markRead(contact: string, upTo = Number.MAX_SAFE_INTEGER): void {
    const rows = this.#database.transaction(() => {
      const read = this.#messages.markRead(contact, upTo);
      for (const { id } of read) this.#notices.owe(contact, Buffer.from(id, 'hex'), 'read');
      return read;
    });
    for (const row of rows) this.emit('messageChanged', row);
    if (rows.length > 0) this.#dispatch.gather(contact);
  }

  /** The newest messages with a contact, oldest first. */
  history(contact: string, limit: number): Promise<OpenedMessage[]> {
    return this.#messages.history(contact, limit);
  }

  contacts(): ContactSummary[] {
    return this.#contacts.list();
  }

  /** The safety number with a contact: 60 digits. @throws Failure `offline`, `unknown-user`, ... if it is new */
  async safetyNumber(contact: string): Promise<string> {
    this.#assertOther(contact);
    const { spki } = await this.#contacts.identity(contact);
    return safetyNumber(
      { user: this.name, spki: this.#account.identity.publicKey.spki },
      { user: contact, spki },
    );
  }

  /** Destroys expired reception keys; makes and publishes a new one when it is time. Done by itself on each
   * connection and each hour. */
  async upkeep(): Promise<void> {
    try {
      this.#notices.forgetOld();
      // Only when the relay has agreed with this clock: what a wrong one destroys is gone.
      if (this.#connection.online) this.#receptionKeys.destroyExpired();
      await this.#receptionKeys.rotate();
      const receptionKey = this.#receptionKeys.unpublished();
      if (!receptionKey || !this.#connection.online) return;
      await this.#connection.ask({ type: 'publish', receptionKey }, 'done');
      this.#receptionKeys.markPublished(receptionKey);
    } catch (error) {
      const failure = Failure.from(error);
      if (!this.#closing && failure.code !== 'offline') this.emit('failure', failure);
    }
  }

  /** Waits until everything has left for the relay. @param timeout milliseconds @returns whether it has */
  async drained(timeout: number): Promise<boolean> {
    const end = performance.now() + timeout;
    while (!this.#dispatch.idle || !this.#outbox.empty) {
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
    await this.#reception.close();
    // First: whatever waits for an answer of the relay needn't wait any longer.
    this.#connection.stop();
    await Promise.all([this.#dispatch.close(), this.conversations.close()]);
    this.#outbox.setOnline(false);
    this.#database.close();
  }

  #assertOther(name: string): void {
    if (!USER_NAME_PATTERN.test(name)) throw new Failure('name-invalid', USER_NAME_RULE);
    if (name === this.name) throw new Failure('name-invalid', 'That is your own name. Name somebody else.');
  }

  #advance(contact: string, id: Buffer, state: 'sent' | 'failed'): void {
    const row = this.#messages.advance(contact, id, state);
    if (row) this.emit('messageChanged', row);
  }

  #onState(state: ConnectionState): void {
    const online = state === 'online';
    this.#contacts.stale();
    this.emit('connection', state);
    this.#outbox.setOnline(online);
    if (!online) return;
    this.#dispatch.catchUp();
    void this.upkeep();
  }

  /** Logs in; registers if the relay doesn't know this user: the first time, or after it was set up anew. */
  async #signIn(ask: Ask): Promise<void> {
    if (this.#account.registered) {
      try {
        return await logIn(ask, this.#account, this.#now());
      } catch (error) {
        if (Failure.from(error).code !== 'unknown-user') throw error;
      }
    }
    const wasRegistered = this.#account.registered;
    const receptionKey = this.#receptionKeys.current()!;
    await register(ask, this.#account, this.#now(), receptionKey);
    this.#receptionKeys.markPublished(receptionKey);
    markRegistered(this.#database, this.#account);
    if (!wasRegistered) this.emit('ready');
  }
}
