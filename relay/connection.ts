// One connection: reads its frames in order, signs its device in, and answers.
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { costs } from './limits.ts';
import { networkOf } from './peer-address.ts';
import { TokenBucket } from './token-bucket.ts';
import { failureCodes, type RelayFailureCode } from '../protocol/failure-codes.ts';
import { MAX_BATCH } from '../protocol/frame-bodies.ts';
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  type FrameOf,
  requestOf,
  type UnknownFrame,
} from '../protocol/frames.ts';
import { Malformed } from '../protocol/reader.ts';
import type { Peer, RelayContext } from './context.ts';
import { describeError } from './data-folder.ts';
import { NotTaken } from './mailboxes.ts';
import { Refusal } from './refusal.ts';
import { SignIn, type SignedIn } from './sign-in.ts';
import { Session } from './session.ts';
import type { Waiting } from './stores.ts';

const VERSION = 1;
const MAX_FAILED_SIGN_INS = 5;
/** Frames that may wait their turn before sign-in, when each may cost the relay an RSA operation. */
const MAX_WAITING_STRANGER = 8;
/** Above what a delivery's window may hold: 256 of the largest envelopes, 13 MB. */
const MAX_BUFFERED_BYTES = 32 * 1024 * 1024;
/** What a frame costs that only a relay sends. */
const MAX_COST = 50;

export class Connection implements Peer {
  readonly #socket: WebSocket;
  readonly #transport: Socket;
  readonly #context: RelayContext;
  readonly #address: string;
  readonly #bucket: TokenBucket;
  readonly #signIn: SignIn;
  readonly #signInTimer: NodeJS.Timeout;
  #turn: Promise<void> = Promise.resolve();
  #waiting = 0;
  #failedSignIns = 0;
  #session: Session | undefined;
  #accepted: number[] = [];
  /** What is sent in one turn of the event loop leaves at its end, in one TLS record and one system call. */
  #isCorked = false;
  #isAlive = true;

  /** @param transport what the WebSocket writes to @param address the peer's, for the limits */
  constructor(socket: WebSocket, transport: Socket, context: RelayContext, address: string) {
    this.#socket = socket;
    this.#transport = transport;
    this.#context = context;
    this.#address = address;
    this.#bucket = new TokenBucket(context.limits.burst, context.limits.perSecond, context.now);
    this.#signIn = new SignIn({ ...context, admitsRegistration: () => context.admitsRegistration(address) });
    this.#signInTimer = setTimeout(() => this.close(1008, 'not-signed-in'), context.limits.signInTime);
    // ws hands over one Buffer a message, unless told otherwise.
    socket.on('message', (data: Buffer, isBinary) => this.#receive(isBinary ? data : undefined));
    socket.on('pong', () => (this.#isAlive = true));
    socket.on('error', () => socket.terminate());
    socket.on('close', () => this.#leave());
  }

  /** Pings; ends the connection if the last ping is still unanswered. */
  heartbeat(): void {
    if (!this.#isAlive) return this.#socket.terminate();
    this.#isAlive = false;
    this.#socket.ping();
  }

  /** @param code a WebSocket close code */
  close(code: number, reason: RelayFailureCode | ''): void {
    this.#socket.close(code, reason);
    // A peer that doesn't answer the closing handshake is cut off.
    setTimeout(() => this.#socket.terminate(), 2000).unref();
  }

  offer(waiting: Waiting): boolean {
    return this.#session?.offer(waiting) ?? false;
  }

  stored(sender: string, position: number): void {
    this.#session?.stored(sender, position);
    this.#refill();
  }

  replace(): void {
    this.#fail(0, new Refusal('replaced'));
    this.close(4001, 'replaced');
  }

  dismiss(): void {
    this.#refuse(0, new Refusal('not-signed-in', 'this device was removed'));
  }

  #receive(bytes: Buffer | undefined): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    let frame: Frame | UnknownFrame;
    try {
      if (!bytes) throw new Refusal('malformed', 'frames are binary, not text');
      frame = decodeFrame(bytes);
      if (!this.#session && this.#waiting >= MAX_WAITING_STRANGER) {
        throw new Refusal('malformed', 'too many frames before the sign-in');
      }
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof Malformed)) throw error;
      const refusal = error instanceof Refusal ? error : new Refusal('malformed', error.message);
      return this.#refuse(bytes ? requestOf(bytes) : 0, refusal);
    }
    const debt = this.#bucket.spend(frame.type in costs ? costs[frame.type as keyof typeof costs] : MAX_COST);
    if (debt > 0) {
      this.#socket.pause();
      setTimeout(() => this.#socket.resume(), debt).unref();
    }
    this.#waiting++;
    this.#turn = this.#turn.then(() => this.#handle(frame)).finally(() => this.#waiting--);
  }

  async #handle(frame: Frame | UnknownFrame): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    try {
      await this.#serve(frame);
    } catch (error) {
      this.#refuse(frame.request, error);
      const isSignIn = frame.type === 'login' || frame.type === 'register';
      if (isSignIn && ++this.#failedSignIns >= MAX_FAILED_SIGN_INS) this.close(1008, 'login-refused');
    }
  }

  async #serve(frame: Frame | UnknownFrame): Promise<void> {
    const { request } = frame;
    switch (frame.type) {
      case 'unknown':
        if (request !== 0) throw new Refusal('unknown-frame');
        return;
      case 'hello':
        return this.#greet(frame);
      case 'login':
        return this.#enter(request, await this.#strangers(() => this.#signIn.login(frame)));
      case 'register':
        return this.#enter(request, await this.#strangers(() => this.#signIn.register(frame)));
      case 'publish':
        await (this.#session ? this.#session.publish(frame) : this.#signIn.offer(frame));
        return this.#send({ type: 'done', request });
      case 'lookup':
        return this.#send(await this.#signedIn().lookUp(frame));
      case 'send': {
        const { stored } = await this.#signedIn().take(frame);
        // Not awaited: the next frame needn't wait for the disk.
        stored.then(
          () => this.#accept(request),
          (error: unknown) => this.#refuse(request, error),
        );
        return;
      }
      case 'acknowledge':
        if (this.#signedIn().acknowledge(frame)) this.#refill();
        return;
      default:
        throw new Refusal('malformed', `${frame.type} is the relay's`);
    }
  }

  #signedIn(): Session {
    if (!this.#session) throw new Refusal('not-signed-in');
    return this.#session;
  }

  #strangers(signIn: () => Promise<SignedIn>): Promise<SignedIn> {
    if (this.#session) throw new Refusal('malformed', 'this connection is signed in');
    return signIn();
  }

  #greet({ request, lowest, highest }: FrameOf<'hello'>): void {
    if (this.#session) throw new Refusal('malformed', 'this connection is signed in');
    if (lowest > VERSION || highest < VERSION) throw new Refusal('version-unsupported', `${VERSION}`);
    this.#send({ type: 'challenge', request, version: VERSION, features: [], ...this.#signIn.challenge() });
  }

  #enter(request: number, signedIn: SignedIn): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    clearTimeout(this.#signInTimer);
    const { address, name, previousNonce, isNew } = signedIn;
    if (isNew) this.#context.log.info({ user: name }, 'registered');
    this.#session = new Session(address, this.#context, (frame) => this.#send(frame));
    this.#context.connections.enter(this.#session.mailbox, this);
    this.#send({ type: 'done', request, ...(previousNonce ? { previousNonce } : {}) });
    this.#watch(this.#session.start());
  }

  #accept(request: number): void {
    this.#accepted.push(request);
    this.#cork();
  }

  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#transport.cork();
    setImmediate(() => {
      while (this.#accepted.length > 0) {
        this.#send({ type: 'accepted', request: 0, requests: this.#accepted.splice(0, MAX_BATCH) });
      }
      this.#isCorked = false;
      this.#transport.uncork();
    });
  }

  #refill(): void {
    if (this.#session) this.#watch(this.#session.refill());
  }

  /** @param delivering reads the mailbox: without it the device would hear nothing, and not know */
  #watch(delivering: Promise<void>): void {
    delivering.catch((error: unknown) => {
      this.#context.log.error({ error: describeError(error) }, 'a mailbox could not be read');
      this.close(1013, 'busy');
    });
  }

  #refuse(request: number, error: unknown): void {
    let refusal: Refusal;
    if (error instanceof Refusal) refusal = error;
    else if (error instanceof NotTaken) refusal = new Refusal(error.code);
    else if (error instanceof Malformed) refusal = new Refusal('malformed', error.message);
    else {
      this.#context.log.error({ error: describeError(error) }, 'a frame could not be handled');
      refusal = new Refusal('relay-full', 'the relay failed; its log says more');
    }
    this.#fail(request, refusal);
    if (!refusal.isFatal) return;
    this.#context.log.info({ network: networkOf(this.#address), code: refusal.code }, 'closing a connection');
    this.close(1008, refusal.code);
  }

  #fail(request: number, { code, detail }: Refusal): void {
    this.#send({ type: 'failure', request, class: failureCodes[code], code, detail: detail.slice(0, 500) });
  }

  #send(frame: Frame): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#cork();
    this.#socket.send(encodeFrame(frame));
    // A peer that asks and never reads must not fill the relay's memory.
    if (this.#socket.bufferedAmount > MAX_BUFFERED_BYTES) this.#socket.terminate();
  }

  #leave(): void {
    clearTimeout(this.#signInTimer);
    this.#context.connections.remove(this);
    if (!this.#session) return;
    this.#session.end();
    this.#context.connections.leave(this.#session.mailbox, this);
  }
}
