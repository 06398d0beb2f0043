// How a connection comes to be one of a device: a challenge, statements that the relay may lack, a login or a registration.
import { randomBytes } from 'node:crypto';
import { type DeviceList, firstList, versionOf } from '../protocol/devices.ts';
import type { Address } from '../protocol/envelope.ts';
import type { FrameOf } from '../protocol/frames.ts';
import { fingerprintOf, sha256, verifyOnce } from '../protocol/key.ts';
import { CLOCK_TOLERANCE_MS } from '../protocol/prekey.ts';
import { loginStatement, registerStatement } from '../protocol/sign-in.ts';
import type { Signed } from '../protocol/statement.ts';
import { applyStatements, assertNewer, checkPrekey } from './publishing.ts';
import { Refusal } from './refusal.ts';
import type { UserStore } from './stores.ts';

const NONCE_LIFETIME_MS = 30_000;

export type SignInContext = {
  users: UserStore;
  /** SHA-256 of the TLS public key, 32 bytes. */
  relayKey: Buffer;
  now: () => number;
  /** Who may register: everybody, whoever has a token, nobody. */
  registration: 'open' | 'token' | 'closed';
  /** Takes one new name off what this peer's network may have. */
  admitsRegistration: () => boolean;
};
export type SignedIn = { address: Address; name: string; previousNonce: Buffer | undefined; isNew: boolean };

export class SignIn {
  readonly #context: SignInContext;
  #nonce: { bytes: Buffer; issued: number } | undefined;
  /** What was published before the sign-in, by one identity. */
  #offered: { identityKey: Buffer; statements: Signed[] } | undefined;

  constructor(context: SignInContext) {
    this.#context = context;
  }

  challenge(): { nonce: Buffer; time: number } {
    this.#nonce = { bytes: randomBytes(32), issued: performance.now() };
    return { nonce: this.#nonce.bytes, time: this.#context.now() };
  }

  /** Takes device statements that are kept if the sign-in succeeds. @throws Refusal */
  async offer({ identityKey, statements }: FrameOf<'publish'>): Promise<void> {
    const before = this.#offered;
    if (before && !before.identityKey.equals(identityKey))
      throw new Refusal('malformed', 'statements of another identity were published before');
    const { list } = await this.#listOf(identityKey);
    const { fresh, prekeys } = applyStatements(list, statements);
    if (prekeys.length > 0) throw new Refusal('not-signed-in', 'prekeys come after the sign-in');
    this.#offered = { identityKey, statements: [...(before?.statements ?? []), ...fresh] };
  }

  /** @throws Refusal */
  async login(frame: FrameOf<'login'>): Promise<SignedIn> {
    const { users, relayKey } = this.#context;
    const serverNonce = this.#takeNonce(frame.time);
    const user = await users.findByIdentity(frame.identity);
    if (!user) throw new Refusal('unknown-user');
    const { list, fresh } = await this.#listOf(user.identityKey);
    this.#verify(list, frame, loginStatement({ relayKey, serverNonce, ...frame }));
    if (fresh.length > 0) await this.#save(frame.identity, versionOf(list) - fresh.length, fresh);
    return this.#enter(
      user.name,
      { identity: frame.identity, device: frame.device },
      frame.clientNonce,
      false,
    );
  }

  /** Binds a name to an identity for good; the same pair again is a login. @throws Refusal */
  async register(frame: FrameOf<'register'>): Promise<SignedIn> {
    const { users, relayKey, now } = this.#context;
    const { user: name, identityKey, device } = frame;
    const serverNonce = this.#takeNonce(frame.time);
    const identity = fingerprintOf(identityKey);
    const { list, fresh } = await this.#listOf(identityKey);
    this.#verify(list, frame, registerStatement(name, { relayKey, identity, serverNonce, ...frame }));
    const prekey = checkPrekey(name, list, [device], frame.prekey, now());
    const known = await users.findByIdentity(identity);
    if (known && known.name !== name) throw new Refusal('identity-taken');
    if (known) {
      assertNewer(await users.prekeysOf(identity), [prekey]);
      await this.#save(identity, versionOf(list) - fresh.length, fresh, [prekey]);
    } else {
      if (await users.findByName(name)) throw new Refusal('name-taken');
      const added = await users.add(
        { name, identityKey, deviceStatements: fresh },
        [prekey],
        this.#admitted(frame.token),
      );
      if (added === 'token') throw new Refusal('token-refused');
      if (added !== 'added') throw new Refusal(added === 'name' ? 'name-taken' : 'identity-taken');
    }
    return this.#enter(name, { identity, device }, frame.clientNonce, !known);
  }

  /** @returns SHA-256 of the token that is to be used up, if one is needed */
  #admitted(token: Buffer | undefined): Buffer | undefined {
    const { registration, admitsRegistration } = this.#context;
    if (registration === 'closed') throw new Refusal('registration-closed');
    if (registration === 'token' && !token) throw new Refusal('token-refused', 'a token is needed');
    if (!admitsRegistration()) throw new Refusal('busy', 'too many registrations from this network');
    return registration === 'token' ? sha256(token!) : undefined;
  }

  #takeNonce(time: number): Buffer {
    const nonce = this.#nonce;
    this.#nonce = undefined;
    if (!nonce || performance.now() - nonce.issued > NONCE_LIFETIME_MS)
      throw new Refusal('challenge-expired');
    if (Math.abs(time - this.#context.now()) > CLOCK_TOLERANCE_MS) throw new Refusal('clock-wrong');
    return nonce.bytes;
  }

  #verify(list: DeviceList, frame: { device: number; signature: Buffer }, statement: Buffer): void {
    const key = list.devices.get(frame.device);
    if (!key) throw new Refusal('login-refused', 'the device is not in the list');
    if (!verifyOnce(key, frame.signature, statement))
      throw new Refusal('login-refused', 'the signature is wrong');
  }

  /** The list that is stored, with what was offered on this connection. */
  async #listOf(identityKey: Buffer): Promise<{ list: DeviceList; fresh: Signed[] }> {
    const user = await this.#context.users.findByIdentity(fingerprintOf(identityKey));
    const list = user?.list ?? firstList(identityKey);
    const offered = this.#offered?.identityKey.equals(identityKey) ? this.#offered.statements : [];
    return applyStatements(list, offered);
  }

  async #save(
    identity: Buffer,
    version: number,
    fresh: readonly Signed[],
    prekeys: Parameters<UserStore['publish']>[3] = [],
  ): Promise<void> {
    if (!(await this.#context.users.publish(identity, version, fresh, prekeys))) {
      throw new Refusal('statement-conflict', 'the list has changed');
    }
  }

  async #enter(name: string, address: Address, nonce: Buffer, isNew: boolean): Promise<SignedIn> {
    return { name, address, previousNonce: await this.#context.users.signedIn(address, nonce), isNew };
  }
}
