// The profile on this computer: opened, joined to a relay, or blocked by what the user has to mend first.
import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../protocol/failures.ts';
import { decodeInvite, encodeInvite } from '../protocol/links.ts';
import { asData, type Connection, type InviteSummary, type Stage } from '../preload/contract.ts';
import { silent } from './messenger/session.ts';
import { dial } from './messenger/dial.ts';
import { Messenger } from './messenger/messenger.ts';

type Events = {
  stage: [Stage];
  connection: [Connection];
  /** A messenger is there, from before its first event. */
  messenger: [Messenger];
  failure: [Failure];
};

/** How long a new name may take to be registered: longer than it takes to find out that a relay can't be reached. */
const REGISTER_MS = 9000;
const KEY_STEPS = 4;

export class Profile extends EventEmitter<Events> {
  readonly directory: string;
  #messenger: Messenger | undefined;
  #opening: Promise<Messenger> | undefined;
  #stage: Stage = { name: 'opening' };

  /** @param directory the profile's folder */
  constructor(directory: string) {
    super();
    this.directory = directory;
  }

  get stage(): Stage {
    return this.#stage;
  }

  get connection(): Connection {
    const { state = 'offline', trouble } = this.#messenger ?? {};
    return {
      state,
      trouble: trouble ? asData(trouble.failure) : null,
      final: trouble?.final ?? false,
    };
  }

  /** The messenger of the opened profile. @throws Failure `profile-new` before it is there */
  get messenger(): Messenger {
    if (this.#messenger) return this.#messenger;
    throw new Failure('profile-new', 'The profile is not open yet. Join a relay first.');
  }

  /** Opens the profile, or finds out why that is not possible now. */
  async open(): Promise<void> {
    if (this.#opening || this.#messenger) return;
    this.#setStage({ name: 'opening' });
    try {
      const messenger = await this.#openMessenger({});
      if (messenger.registered) {
        this.#settle(messenger);
        messenger.start();
        return;
      }
      // The relay has never answered: everything can still be chosen anew.
      const { addresses, key } = messenger.relay;
      const invite = encodeInvite({ relays: addresses, relayKey: Buffer.from(key, 'hex') });
      await messenger.close();
      this.#setStage({ name: 'welcome', given: { name: messenger.name, invite } });
    } catch (error) {
      const failure = Failure.from(error);
      if (failure.code === 'profile-new')
        this.#setStage({ name: 'welcome', given: { name: '', invite: '' } });
      else this.#block(failure);
    }
  }

  /** Makes the keys if there are none yet, and registers at the relay.
   * @throws Failure what is wrong with name, invite, relay or keychain; the profile can be joined again */
  async join(name: string, invite: string): Promise<void> {
    if (this.#opening || this.#stage.name !== 'welcome') {
      throw new Failure('command-invalid', 'Signet is joining already.');
    }
    this.#setStage({ name: 'joining', doing: 'keys', step: 0, of: KEY_STEPS });
    try {
      const messenger = await this.#openMessenger({ name, invite });
      this.#setStage({ name: 'joining', doing: 'relay', step: KEY_STEPS, of: KEY_STEPS });
      await register(messenger);
      this.#settle(messenger);
    } catch (error) {
      const failure = Failure.from(error);
      // What the user has to mend outside of Signet takes the whole window.
      if (failure.code.startsWith('keychain-')) this.#block(failure);
      else this.#setStage({ name: 'welcome', given: { name, invite } });
      throw failure;
    }
  }

  /** Stores what is under way and closes. */
  async close(): Promise<void> {
    const messenger = this.#messenger ?? (await this.#opening?.catch(() => undefined));
    await messenger?.close();
  }

  #openMessenger(joining: { name?: string; invite?: string }): Promise<Messenger> {
    this.#opening = Messenger.open({
      directory: this.directory,
      joining,
      onProgress: (progress) => {
        if (this.#stage.name === 'joining') this.#setStage({ name: 'joining', doing: 'keys', ...progress });
      },
    });
    return this.#opening.finally(() => (this.#opening = undefined));
  }

  #settle(messenger: Messenger): void {
    this.#messenger = messenger;
    this.emit('messenger', messenger);
    const tellConnection = (): boolean => this.emit('connection', this.connection);
    messenger.on('connection', tellConnection);
    messenger.on('failure', (failure) => {
      // Why there is no connection is said where the connection is shown.
      if (failure === messenger.trouble?.failure) tellConnection();
      else this.emit('failure', failure);
    });
    const { name, fingerprint, relay } = messenger;
    this.#setStage({
      name: 'ready',
      me: { name, fingerprint, relays: relay.addresses, relayKey: relay.key },
    });
  }

  #block(failure: Failure): void {
    if (failure.code === 'internal') console.error(failure.cause);
    this.#setStage({ name: 'blocked', failure: asData(failure) });
  }

  #setStage(stage: Stage): void {
    this.#stage = stage;
    this.emit('stage', stage);
  }
}

/** Waits until the relay knows a new messenger; one that it doesn't get to know is closed. */
async function register(messenger: Messenger): Promise<void> {
  const limit = new AbortController();
  try {
    await Promise.race([
      new Promise<void>((resolve, reject) => {
        messenger.once('ready', resolve);
        messenger.once('failure', reject);
        messenger.start();
      }),
      delay(REGISTER_MS, undefined, limit).then(() => {
        throw silent();
      }),
    ]);
  } catch (error) {
    await messenger.close();
    throw error;
  } finally {
    limit.abort();
  }
}

/** Reads an invite, and asks the relay that it names for its key.
 * @throws Failure `invite-invalid`, `relay-unreachable`, `relay-key-differs`, `not-a-relay` */
export async function checkInvite(link: string): Promise<InviteSummary> {
  const { relays, relayKey, inviter } = decodeInvite(link);
  const socket = await dial(relays, relayKey);
  const { remoteAddress, remotePort } = socket;
  socket.destroy();
  const host = remoteAddress?.includes(':') ? `[${remoteAddress}]` : remoteAddress;
  return { from: inviter?.user ?? null, relay: `${host}:${remotePort}` };
}
