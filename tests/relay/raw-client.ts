// A client without manners: speaks to a relay over TLS frame by frame, and says what a good client never would.
import { constants, createPrivateKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { WebSocket } from 'ws';
import { encodeDeviceChange, type DeviceChange } from '../../protocol/devices.ts';
import { type Address, encodeEnvelope, encodeHeader, envelopeHash } from '../../protocol/envelope.ts';
import { decodeFrame, encodeFrame, type Frame, type FrameOf, type FrameType } from '../../protocol/frames.ts';
import { encodePrekey, type Prekey, PREKEY_LIFETIME_MS, SIGNED_PREKEY } from '../../protocol/prekey.ts';
import { loginStatement, registerStatement } from '../../protocol/sign-in.ts';
import type { Signed } from '../../protocol/statement.ts';
import { afterwards } from '../harness.ts';
import { anyModulus, identityOf, type KeyName, modulusOf, storedKeys } from '../vectors/keys.ts';

/** A device: whose it is, its number, its signing key. */
export type Device = { name: string; identityKey: Buffer; address: Address; key: KeyObject; modulus: Buffer };

const keyOf = (name: KeyName): KeyObject => createPrivateKey(storedKeys().keys[name].pem);
export function device(name: 'alice' | 'bob' | 'mallory', number = 1): Device {
  const keyName = (number === 1 ? name : `${name}${number}`) as KeyName;
  return {
    name,
    identityKey: modulusOf(name),
    address: { identity: identityOf(name), device: number },
    key: keyOf(keyName),
    modulus: modulusOf(keyName),
  };
}

export const signed = ({ key }: Device, bytes: Buffer): Signed => ({
  bytes,
  signature: sign('sha256', bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }),
});

export function prekey(of: Device, changes: Partial<Prekey> = {}): Signed {
  const created = changes.created ?? Date.now();
  const { name: user, address } = of;
  const rest = { class: SIGNED_PREKEY, created, expires: created + PREKEY_LIFETIME_MS, knownKinds: [1] };
  const key = anyModulus(`prekey of ${user} ${address.device}`);
  return signed(of, encodePrekey({ user, ...address, ...rest, key, ...changes }));
}

export const change = (by: Device, fields: Omit<DeviceChange, 'identity' | 'created' | 'signer'>): Signed =>
  signed(
    by,
    encodeDeviceChange({
      identity: by.address.identity,
      created: Date.now(),
      signer: by.address.device,
      ...fields,
    }),
  );

/** An envelope in shape only: a relay can't look inside. */
export function envelope(from: Device, to: Address, { blocks = 1, listVersion = 0 } = {}): Buffer {
  const header = encodeHeader({
    sender: from.address,
    listVersion,
    recipient: to,
    encryptionKey: randomBytes(32),
    blockCount: blocks,
  });
  return encodeEnvelope(
    header,
    Array.from({ length: blocks }, () => randomBytes(384)),
    randomBytes(384),
  );
}

type Answer = FrameOf<'challenge' | 'done' | 'bundle' | 'failure' | 'accepted'>;

export class RawClient {
  readonly socket: WebSocket;
  /** Hashes of the envelopes that were delivered, in hex, with their positions. */
  readonly delivered: { hash: string; position: number; envelope: Buffer }[] = [];
  /** Codes of failures that answer no request. */
  readonly complaints: string[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Acknowledges each envelope at once, as a client does that has it on its disk. */
  acknowledging = true;
  /** Told of each answer. */
  onAnswer: (request: number) => void = () => {};
  readonly #relayKey: Buffer;
  readonly #asked = new Map<number, (answer: Answer) => void>();
  #request = 0;

  constructor(relay: { port: number; key: Buffer }) {
    this.#relayKey = relay.key;
    this.socket = new WebSocket(`wss://127.0.0.1:${relay.port}`, { rejectUnauthorized: false });
    this.closed = new Promise((resolve) =>
      this.socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
    );
    this.socket.on('error', () => {});
    this.socket.on('message', (data: Buffer) => this.#receive(decodeFrame(data) as Frame));
    afterwards(() => this.socket.terminate());
  }

  static async open(relay: { port: number; key: Buffer }): Promise<RawClient> {
    const client = new RawClient(relay);
    await new Promise((resolve, reject) => {
      client.socket.once('open', resolve);
      client.socket.once('error', reject);
    });
    return client;
  }

  /** A connection of a device that is signed in, whether the relay knew it or not. */
  static async signedIn(
    relay: { port: number; key: Buffer },
    who: Device,
    { acknowledging = true } = {},
  ): Promise<RawClient> {
    const client = await RawClient.open(relay);
    client.acknowledging = acknowledging;
    let answer = await client.signIn('login', who);
    if (answer.type === 'failure' && answer.code === 'unknown-user')
      answer = await client.signIn('register', who);
    if (answer.type !== 'done') throw new Error(`${who.name} could not sign in: ${JSON.stringify(answer)}`);
    return client;
  }

  #receive(frame: Frame): void {
    if (frame.type === 'deliver') {
      const { position, envelope: bytes } = frame;
      this.delivered.push({ hash: envelopeHash(bytes).toString('hex'), position, envelope: bytes });
      if (this.acknowledging) this.acknowledge([position]);
    } else if (frame.type === 'accepted') {
      for (const request of frame.requests) {
        this.onAnswer(request);
        this.#asked.get(request)?.(frame);
      }
    } else if (frame.request === 0) {
      this.complaints.push(frame.type === 'failure' ? frame.code : frame.type);
    } else {
      this.onAnswer(frame.request);
      this.#asked.get(frame.request)?.(frame as Answer);
    }
  }

  acknowledge(positions: number[]): void {
    this.tell({ type: 'acknowledge', request: 0, positions });
  }

  /** Sends a frame that has no answer, or none that matters. */
  tell(frame: Frame | Buffer): void {
    this.socket.send(Buffer.isBuffer(frame) ? frame : encodeFrame(frame));
  }

  /** Sends a request. @returns its answer, also when that is a failure @throws if the connection ends before */
  ask<Type extends FrameType>(frame: Omit<FrameOf<Type>, 'request'> & { type: Type }): Promise<Answer> {
    const request = ++this.#request;
    const answer = new Promise<Answer>((resolve) => this.#asked.set(request, resolve));
    this.tell({ ...frame, request } as unknown as Frame);
    const end = this.closed.then(({ code }): never => {
      throw new Error(`closed with ${code} before the answer`);
    });
    return Promise.race([answer, end]);
  }

  async hello(): Promise<FrameOf<'challenge'>> {
    const answer = await this.ask({ type: 'hello', lowest: 1, highest: 1 });
    if (answer.type !== 'challenge') throw new Error(`no challenge: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** @param changes wrong ones, to be refused */
  async signIn(
    kind: 'login' | 'register',
    who: Device,
    changes: Partial<{
      nonce: Buffer;
      clientNonce: Buffer;
      time: number;
      relayKey: Buffer;
      signer: Device;
      prekey: Signed;
      token: Buffer;
      name: string;
    }> = {},
  ): Promise<Answer> {
    const serverNonce = changes.nonce ?? (await this.hello()).nonce;
    const {
      clientNonce = randomBytes(32),
      time = Date.now(),
      relayKey = this.#relayKey,
      name = who.name,
    } = changes;
    const fields = { relayKey, ...who.address, serverNonce, clientNonce, time };
    const statement = kind === 'login' ? loginStatement(fields) : registerStatement(name, fields);
    const { signature } = signed(changes.signer ?? who, statement);
    const common = { device: who.address.device, clientNonce, time, signature };
    if (kind === 'login') return this.ask({ type: 'login', identity: who.address.identity, ...common });
    return this.ask({
      type: 'register',
      user: name,
      identityKey: who.identityKey,
      prekey: changes.prekey ?? prekey(who),
      ...common,
      ...(changes.token ? { token: changes.token } : {}),
    });
  }

  send(bytes: Buffer): Promise<Answer> {
    return this.ask({ type: 'send', envelope: bytes });
  }

  publish(who: Device, statements: Signed[]): Promise<Answer> {
    return this.ask({ type: 'publish', identityKey: who.identityKey, statements });
  }

  lookUp(user: string, knownVersion = 0): Promise<Answer> {
    return this.ask({ type: 'lookup', of: { user }, knownVersion });
  }
}
