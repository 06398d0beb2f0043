// Being at the relay: signing in, catching up on a new connection, and the upkeep of one's own keys.
import { Failure } from '../../protocol/failures.ts';
import type { Database } from './database.ts';
import { type Account, markRegistered, type SignIns } from './account.ts';
import { type Devices, SELF } from './devices.ts';
import type { Directory } from './directory.ts';
import type { Envelopes } from './envelopes.ts';
import type { Owed } from './owed.ts';
import type { Prekeys } from './prekeys.ts';
import type { Ask } from './session.ts';
import type { Sending } from './sending.ts';
import { logIn, offer, register } from './sign-in.ts';
import type { Telling } from './telling.ts';

type Parts = {
  database: Database;
  account: Account;
  signIns: SignIns;
  devices: Devices;
  directory: Directory;
  envelopes: Envelopes;
  owed: Owed;
  prekeys: Prekeys;
  sending: Sending;
  telling: Telling;
  ask: Ask;
  isOnline: () => boolean;
  now: () => number;
  /** The relay knows this account, for the first time. */
  onRegistered: () => void;
  report: (failure: Failure) => void;
};

export class Presence {
  readonly #parts: Parts;
  #isContinued = false;
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Logs in; registers if the relay doesn't know this user: the first time, or after it was set up again.
   * @throws RelayFailure; Failure `profile-copied` */
  async signIn(ask: Ask): Promise<void> {
    const { database, account, signIns, devices, prekeys, now, onRegistered } = this.#parts;
    const signingIn = { ask, account, signIns, time: now() };
    const statements = devices.statements(SELF);
    if (account.registered) {
      try {
        return await this.#accepting(() => logIn(signingIn));
      } catch (error) {
        const { code } = Failure.from(error);
        // The relay may be an older copy, which doesn't know this device yet.
        if (code === 'login-refused' && statements.length > 0) return await logIn(signingIn, statements);
        if (code !== 'unknown-user') throw error;
      }
    }
    const wasRegistered = account.registered;
    const prekey = prekeys.current()!;
    await this.#accepting(() => register(signingIn, prekey, statements));
    prekeys.markPublished(prekey);
    markRegistered(database, account);
    if (!wasRegistered) onRegistered();
  }

  /** Makes this copy of the profile the one to go on with: new keys, new chains. */
  async continueHere(): Promise<void> {
    const { devices, prekeys } = this.#parts;
    await prekeys.renew();
    devices.restartChains();
    this.#isContinued = true;
  }

  /** On a new connection: one's own devices first, then all that is owed or due. */
  async catchUp(): Promise<void> {
    const { account, ask, devices, directory, prekeys, report, sending, telling } = this.#parts;
    await this.upkeep();
    const refreshed = await directory.refreshSelf();
    // The relay was restored from an old backup: it gets the changes of the device list that it lacks.
    if (refreshed === 'rollback') await offer({ ask, account }, devices.statements(SELF));
    else if (refreshed === 'fork') report(ownFork());
    else {
      prekeys.sawPublished(refreshed.created);
      if (refreshed.hasOtherDevices) sending.announceDevices();
    }
    if (prekeys.current()?.published === 0) await this.upkeep();
    telling.gatherAll();
    sending.sealAllDue();
  }

  /** Destroys expired prekeys; makes and publishes a new one when it is time. */
  async upkeep(): Promise<void> {
    const { account, ask, envelopes, isOnline, now, owed, prekeys, report } = this.#parts;
    try {
      owed.forgetOld(now());
      envelopes.forgetOld(now());
      // Only when the relay has agreed with this clock: what a wrong one destroys is gone.
      if (isOnline()) prekeys.destroyExpired();
      await prekeys.rotate();
      const prekey = prekeys.current();
      if (!prekey || prekey.published === 1 || !isOnline()) return;
      await ask('publish', { identityKey: account.identityKey, statements: [prekey] });
      prekeys.markPublished(prekey);
    } catch (error) {
      const failure = Failure.from(error);
      if (!this.#closed && failure.code !== 'offline') report(failure);
    }
  }

  /** What fails from now on is nobody's concern. */
  close(): void {
    this.#closed = true;
  }

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
