// A client without manners: speaks to a relay over TLS frame by frame, and says what a good client never would.
import { createPrivateKey, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';
import { importSigningKey, sign, type SigningKey } from '../../main/messenger/rsa.ts';
import { encodeEnvelope, encodeHeader, RSA_BYTES } from '../../protocol/envelope.ts';
import { parseRelayFrame, type RelayFrame, type SignedReceptionKey } from '../../protocol/frames.ts';
import {
  RECEPTION_KEY_LIFETIME_MS,
  receptionKeyStatement,
  signInStatement,
} from '../../protocol/statements.ts';
import { afterwards } from '../town.ts';

export type Person = { name: string; identity: SigningKey };
type Answer = Extract<RelayFrame, { id?: number | undefined }>;
type SignInKind = 'login' | 'register';

// The keys of the vectors: making new ones would take a second in each test file.
const vectors = JSON.parse(
  readFileSync(new URL('../vectors/keys.json', import.meta.url), 'utf8'),
) as unknown as Record<string, { pem: string }>;

async function keyOf(owner: string): Promise<SigningKey> {
  const { p = '', q = '' } = createPrivateKey(vectors[owner]!.pem).export({ format: 'jwk' });
  return importSigningKey(Buffer.concat([Buffer.from(p, 'base64url'), Buffer.from(q, 'base64url')]));
}

const person = async (name: string): Promise<Person> => ({ name, identity: await keyOf(name) });
export const alice = await person('alice');
export const bob = await person('bob');
export const mallory = await person('mallory');
/** Public keys that are good for reception keys, SPKI; nothing is opened here. */
export const receptionSpkis = [
  (await keyOf('bobReception')).publicKey.spki,
  (await keyOf('otherReception')).publicKey.spki,
] as const;

/** A reception key that a relay takes, or one with something wrong about it. */
export async function receptionKey(
  { name, identity }: Person,
  changes: Partial<Omit<SignedReceptionKey, 'signature'>> = {},
): Promise<SignedReceptionKey> {
  const created = changes.created ?? Date.now();
  const statement = {
    class: 'rotating' as const,
    created,
    expires: created + RECEPTION_KEY_LIFETIME_MS,
    key: receptionSpkis[0],
    ...changes,
  };
  return { ...statement, signature: await sign(identity, receptionKeyStatement(name, statement)) };
}

/** An envelope in shape only: a relay can't look inside. Its size is 116 + 384 * (blocks + 1) bytes. */
export function letter(
  from: Person,
  to: Person,
  { id = randomBytes(16), blocks = 1 }: { id?: Buffer; blocks?: number } = {},
): { id: Buffer; envelope: Buffer } {
  const header = encodeHeader({
    id,
    sender: from.identity.publicKey.fingerprint,
    recipient: to.identity.publicKey.fingerprint,
    receptionKey: randomBytes(32),
    blockCount: blocks,
  });
  const body = Array.from({ length: blocks }, () => randomBytes(RSA_BYTES));
  return { id, envelope: encodeEnvelope(header, body, randomBytes(RSA_BYTES)) };
}

const toWire = (frame: object): string =>
  JSON.stringify(frame, function (this: Record<string, unknown>, key, value: unknown) {
    const original = this[key];
    return Buffer.isBuffer(original) ? original.toString('base64url') : value;
  });

export class Wire {
  readonly socket: WebSocket;
  /** Envelopes as they were delivered. */
  readonly delivered: { from: string; id: string; envelope: Buffer }[] = [];
  /** Failures that answer no request. */
  readonly complaints: string[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Acknowledges each envelope at once, as a client does that has it on its disk. */
  acknowledging = true;
  readonly #relayKey: Buffer;
  readonly #asked = new Map<number, (answer: Answer) => void>();
  #id = 0;

  constructor(relay: { port: number; key: Buffer }, options: { autoPong?: boolean } = {}) {
    this.#relayKey = relay.key;
    this.socket = new WebSocket(`wss://127.0.0.1:${relay.port}`, { rejectUnauthorized: false, ...options });
    this.closed = new Promise((resolve) =>
      this.socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
    );
    this.socket.on('error', () => {});
    this.socket.on('message', (data: Buffer) => this.#receive(parseRelayFrame(data.toString())));
    afterwards(() => this.socket.terminate());
  }

  /** A connection that is open, and not signed in. */
  static async open(relay: { port: number; key: Buffer }, options?: { autoPong?: boolean }): Promise<Wire> {
    const wire = new Wire(relay, options);
    await new Promise((resolve, reject) => {
      wire.socket.once('open', resolve);
      wire.socket.once('error', reject);
    });
    return wire;
  }

  /** A connection of somebody who is signed in, with a name that was new to the relay or not. */
  static async signedIn(
    relay: { port: number; key: Buffer },
    who: Person,
    { acknowledging = true } = {},
  ): Promise<Wire> {
    const wire = await Wire.open(relay);
    wire.acknowledging = acknowledging;
    let answer = await wire.signIn('login', who);
    if (answer.type === 'failure' && answer.code === 'unknown-user') {
      answer = await wire.signIn('register', who);
    }
    if (answer.type !== 'done') throw new Error(`${who.name} could not sign in: ${toWire(answer)}`);
    return wire;
  }

  #receive(frame: RelayFrame): void {
    if (frame.type === 'deliver') {
      const id = frame.envelope.subarray(2, 18);
      this.delivered.push({ ...frame, id: id.toString('hex') });
      if (this.acknowledging) this.acknowledge(frame.from, id);
    } else if (frame.id === undefined) {
      this.complaints.push(frame.type === 'failure' ? frame.code : frame.type);
    } else {
      this.#asked.get(frame.id)?.(frame);
    }
  }

  /** Sends a frame that has no answer, or none that matters. */
  tell(frame: object): void {
    this.socket.send(toWire(frame));
  }

  /** Sends a request. @returns its answer, also when that is a failure @throws if the connection ends before */
  ask(frame: object): Promise<Answer> {
    const id = ++this.#id;
    const answer = new Promise<Answer>((resolve) => this.#asked.set(id, resolve));
    this.tell({ ...frame, id });
    const end = this.closed.then(({ code }): never => {
      throw new Error(`closed with ${code} before the answer`);
    });
    return Promise.race([answer, end]);
  }

  acknowledge(from: string, message: Buffer): void {
    this.tell({ type: 'acknowledge', from, message });
  }

  post(to: Person, envelope: Buffer): Promise<Answer> {
    return this.ask({ type: 'send', to: to.name, envelope });
  }

  /** Resolves when the relay has handled all that was said on this connection so far. */
  async settle(): Promise<void> {
    await this.ask({ type: 'lookup', user: 'nobody' });
  }

  async challenge(): Promise<{ nonce: Buffer; time: number }> {
    const answer = await this.ask({ type: 'hello', version: 1 });
    if (answer.type !== 'challenge') throw new Error(`no challenge: ${toWire(answer)}`);
    return answer;
  }

  /** A sign-in frame, signed for a challenge. @param changes fields of the statement and the frame to be wrong
   * about @param signedAs the kind of statement that is signed */
  async signInFrame(
    kind: SignInKind,
    { name, identity }: Person,
    challenge: { nonce: Buffer; time: number },
    { signedAs = kind, ...changes }: Record<string, unknown> & { signedAs?: SignInKind } = {},
  ): Promise<object> {
    const statement = {
      relayKey: this.#relayKey,
      user: name,
      identity: identity.publicKey.fingerprint,
      serverNonce: challenge.nonce,
      clientNonce: randomBytes(32),
      time: challenge.time,
      ...changes,
    };
    const who =
      kind === 'login'
        ? { identity: statement.identity }
        : {
            identityKey: identity.publicKey.spki,
            receptionKey: await receptionKey({ name, identity }, { created: challenge.time }),
          };
    const { user, clientNonce, time } = statement;
    const signature = await sign(identity, signInStatement(signedAs, statement));
    return { type: kind, user, clientNonce, time, signature, ...who, ...changes, ...frameless };
  }

  /** Hello, then login or register. @returns the answer to the second */
  async signIn(kind: SignInKind, who: Person, changes: Record<string, unknown> = {}): Promise<Answer> {
    return this.ask(await this.signInFrame(kind, who, await this.challenge(), changes));
  }
}

/** Parts of the statement that the frame doesn't carry. */
const frameless = { relayKey: undefined, serverNonce: undefined };
