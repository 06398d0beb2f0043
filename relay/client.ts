// One connection: reads its frames in order, signs its user in, and answers.
import { randomBytes } from 'node:crypto';
import type { WebSocket } from 'ws';
import { decodeEnvelope } from '../protocol/envelope.ts';
import { Failure, type RelayFailureCode, relayFailures } from '../protocol/failures.ts';
import {
  type ClientFrame,
  encodeRelayFrame,
  parseClientFrame,
  type RelayFrame,
  VERSION,
} from '../protocol/frames.ts';
import { importPublicKey, verifySignature, type PublicKey } from '../protocol/public-key.ts';
import { CLOCK_TOLERANCE_MS, signInStatement } from '../protocol/statements.ts';
import { damageOf, DATABASE_FILE } from './data-folder.ts';
import { Delivery } from './delivery.ts';
import type { User } from './directory.ts';
import { Budget, costs } from './limits.ts';
import { type Connected, networkOf, type Office } from './office.ts';

const NONCE_LIFETIME_MS = 30_000;
const MAX_FAILED_SIGN_INS = 5;
/** Frames that may wait their turn before sign-in, when each may cost the relay an RSA operation. */
const MAX_WAITING_STRANGER = 8;
/** Above what a delivery's window may hold: 256 of the largest envelopes, 17 MB in base64url. */
const MAX_BUFFERED_BYTES = 32 * 1024 * 1024;

type SignIn = Extract<ClientFrame, { type: 'login' | 'register' }>;
type SignedInFrame = Exclude<ClientFrame, { type: 'hello' | 'login' | 'register' }>;
const isRelayCode = (code: string): code is RelayFailureCode => Object.hasOwn(relayFailures, code);

export class Client implements Connected {
  readonly #socket: WebSocket;
  readonly #office: Office;
  readonly #address: string;
  readonly #budget: Budget;
  readonly #signInTimer: NodeJS.Timeout;
  #turn: Promise<void> = Promise.resolve();
  #waiting = 0;
  #failedSignIns = 0;
  #nonce: { bytes: Buffer; issued: number } | undefined;
  #user: User | undefined;
  #delivery: Delivery | undefined;
  #alive = true;

  /** @param address the peer's, for the limits */
  constructor(socket: WebSocket, office: Office, address: string) {
    this.#socket = socket;
    this.#office = office;
    this.#address = address;
    this.#budget = new Budget(office.limits.burst, office.limits.perSecond, office.now);
    this.#signInTimer = setTimeout(() => this.close(1008, 'not-signed-in'), office.limits.signInTime);
    // ws hands over one Buffer a message, unless told otherwise.
    socket.on('message', (data: Buffer, isBinary) =>
      this.#receive(isBinary ? undefined : data.toString('utf8')),
    );
    socket.on('pong', () => (this.#alive = true));
    socket.on('error', () => socket.terminate());
    socket.on('close', () => this.#leave());
  }

  /** Pings; ends the connection if the last ping is still unanswered. */
  heartbeat(): void {
    if (!this.#alive) return this.#socket.terminate();
    this.#alive = false;
    this.#socket.ping();
  }

  /** @param code a WebSocket close code @param reason a failure code, or empty */
  close(code: number, reason: RelayFailureCode | ''): void {
    this.#socket.close(code, reason);
    // A peer that doesn't answer the closing handshake is cut off.
    setTimeout(() => this.#socket.terminate(), 2000).unref();
  }

  /** Delivers letters that wait in the mailbox. */
  catchUp(): void {
    this.#delivery?.catchUp();
  }

  #receive(text: string | undefined): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    let frame: ClientFrame;
    try {
      if (text === undefined) throw new Failure('malformed', 'Frames are text, not binary.');
      frame = parseClientFrame(text);
      if (!this.#user && this.#waiting >= MAX_WAITING_STRANGER) {
        throw new Failure('malformed', 'Too many frames before the sign-in.');
      }
    } catch (error) {
      this.#office.log.info({ network: networkOf(this.#address) }, 'malformed traffic, closing');
      this.#fail(undefined, 'malformed', Failure.from(error).message);
      return this.close(1008, 'malformed');
    }
    const debt = this.#budget.spend(costs[frame.type]);
    if (debt > 0) {
      this.#socket.pause();
      setTimeout(() => this.#socket.resume(), debt).unref();
    }
    this.#waiting++;
    this.#turn = this.#turn.then(() => this.#handle(frame)).finally(() => this.#waiting--);
  }

  async #handle(frame: ClientFrame): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    try {
      if (frame.type === 'hello') return this.#greet(frame);
      if (frame.type === 'login' || frame.type === 'register') return await this.#signIn(frame);
      if (!this.#user) throw Failure.fromRelay('not-signed-in');
      await this.#serve(frame, this.#user);
    } catch (error) {
      this.#refuse('id' in frame ? frame.id : undefined, error);
    }
  }

  #refuse(id: number | undefined, error: unknown): void {
    const failure = Failure.from(error);
    if (failure.code === 'malformed' || failure.code === 'key-refused') {
      this.#fail(id, 'malformed', failure.message);
      return this.close(1008, 'malformed');
    }
    if (isRelayCode(failure.code)) return this.#fail(id, failure.code, failure.message);
    if (failure.code === 'message-refused') return this.#fail(id, 'envelope-refused', failure.message);
    const cause = damageOf(failure.cause, DATABASE_FILE) ?? failure.cause;
    this.#office.log.error({ error: String(cause) }, 'a frame could not be handled');
    this.#fail(id, 'relay-full', 'The relay failed; its log says more.');
  }

  #fail(id: number | undefined, code: RelayFailureCode, detail: string): void {
    this.#send({ type: 'failure', ...(id === undefined ? {} : { id }), code, detail: detail.slice(0, 500) });
  }

  #send(frame: RelayFrame): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.send(encodeRelayFrame(frame));
    // A peer that asks and never reads must not fill the relay's memory.
    if (this.#socket.bufferedAmount > MAX_BUFFERED_BYTES) this.#socket.terminate();
  }

  #greet({ id, version }: Extract<ClientFrame, { type: 'hello' }>): void {
    if (version !== VERSION) {
      this.#fail(id, 'version-unsupported', `This relay speaks version ${VERSION}.`);
      return this.close(1008, 'version-unsupported');
    }
    this.#nonce = { bytes: randomBytes(32), issued: performance.now() };
    this.#send({ type: 'challenge', id, nonce: this.#nonce.bytes, time: this.#office.now() });
  }

  async #signIn(frame: SignIn): Promise<void> {
    try {
      if (this.#user) throw new Failure('malformed', 'This connection is signed in already.');
      const user = await this.#authenticate(frame);
      if (this.#socket.readyState !== this.#socket.OPEN) return;
      clearTimeout(this.#signInTimer);
      this.#user = user;
      this.#delivery = new Delivery(user.name, this.#office.mailbox, ({ sender: from, envelope }) =>
        this.#send({ type: 'deliver', from, envelope }),
      );
      this.#office.arrive(user.name, this);
      this.#send({ type: 'done', id: frame.id });
      this.#delivery.catchUp();
    } catch (error) {
      this.#refuse(frame.id, error);
      if (++this.#failedSignIns >= MAX_FAILED_SIGN_INS) this.close(1008, 'login-refused');
    }
  }

  async #authenticate(frame: SignIn): Promise<User> {
    const office = this.#office;
    const nonce = this.#nonce;
    this.#nonce = undefined;
    if (!nonce || performance.now() - nonce.issued > NONCE_LIFETIME_MS) {
      throw new Failure('challenge-expired', 'There is no fresh challenge: send hello first.');
    }
    if (Math.abs(frame.time - office.now()) > CLOCK_TOLERANCE_MS) throw Failure.fromRelay('clock-wrong');
    const known = office.directory.find(frame.user);
    if (frame.type === 'login') {
      if (!known) throw Failure.fromRelay('unknown-user');
      if (!known.fingerprint.equals(frame.identity)) throw Failure.fromRelay('login-refused');
    }
    const identity = await importPublicKey(frame.type === 'login' ? known!.identityKey : frame.identityKey);
    const statement = signInStatement(frame.type, {
      relayKey: office.key,
      user: frame.user,
      identity: identity.fingerprint,
      serverNonce: nonce.bytes,
      clientNonce: frame.clientNonce,
      time: frame.time,
    });
    if (!(await verifySignature(identity, frame.signature, statement)))
      throw Failure.fromRelay('login-refused');
    return frame.type === 'login' ? known! : this.#register(frame, identity);
  }

  async #register(frame: Extract<SignIn, { type: 'register' }>, identity: PublicKey): Promise<User> {
    const isNew = !this.#office.directory.find(frame.user);
    if (isNew && !this.#office.admitsRegistration(this.#address)) throw Failure.fromRelay('busy');
    const user = await this.#office.directory.register(frame.user, identity, frame.receptionKey);
    if (isNew) this.#office.log.info({ user: user.name }, 'registered');
    return user;
  }

  async #serve(frame: SignedInFrame, user: User): Promise<void> {
    const { directory, mailbox } = this.#office;
    if (frame.type === 'acknowledge') {
      const letter = { recipient: user.name, sender: frame.from, message: frame.message };
      mailbox.acknowledge(letter);
      this.#delivery?.acknowledged(letter);
    } else if (frame.type === 'publish') {
      await directory.publish(user, frame.receptionKey);
      this.#send({ type: 'done', id: frame.id });
    } else if (frame.type === 'lookup') {
      const found = directory.find(frame.user);
      const receptionKey = directory.receptionKey(frame.user);
      if (!found || !receptionKey) throw Failure.fromRelay('unknown-user');
      this.#send({
        type: 'user',
        id: frame.id,
        user: found.name,
        identityKey: found.identityKey,
        receptionKey,
      });
    } else {
      this.#take(frame, user);
    }
  }

  #take({ id, to, envelope }: Extract<ClientFrame, { type: 'send' }>, user: User): void {
    const recipient = this.#office.directory.find(to);
    if (!recipient) throw Failure.fromRelay('unknown-user');
    const { header } = decodeEnvelope(envelope);
    if (!header.sender.equals(user.fingerprint) || !header.recipient.equals(recipient.fingerprint)) {
      throw Failure.fromRelay('envelope-refused');
    }
    const letter = { recipient: to, sender: user.name, message: header.id, envelope };
    // Not awaited: the next frame needn't wait for the disk.
    this.#office.mailbox
      .put(letter, () => this.#office.clientOf(to)?.offer(letter) ?? false)
      .then(
        () => this.#send({ type: 'accepted', id }),
        (error: unknown) => this.#refuse(id, error),
      );
  }

  /** Hands a letter to this client at once, if it is its turn. @returns whether it did */
  offer(letter: Parameters<Delivery['offer']>[0]): boolean {
    return this.#delivery?.offer(letter) ?? false;
  }

  #leave(): void {
    clearTimeout(this.#signInTimer);
    this.#office.leave(this, this.#user?.name);
  }
}
