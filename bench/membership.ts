// Joins a relay as a new user, with no more than that takes.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { dial } from '../main/messenger/dial.ts';
import { generatePrimes, importSigningKey, sign } from '../main/messenger/rsa.ts';
import {
  type ClientFrame,
  encodeClientFrame,
  parseRelayFrame,
  type RelayFrame,
  VERSION,
} from '../protocol/frames.ts';
import { RECEPTION_KEY_LIFETIME_MS, receptionKeyStatement, signInStatement } from '../protocol/statements.ts';

export type Member = { name: string; fingerprint: Buffer; socket: WebSocket };

/** Nothing is ever sealed for these users: one reception key does for all of them. */
const receptionKey = generatePrimes()
  .then(importSigningKey)
  .then(({ publicKey }) => publicKey.spki);

/** @param key SHA-256 of the relay's TLS public key, 32 bytes */
export async function join(port: number, key: Buffer, name: string): Promise<Member> {
  const identity = await importSigningKey(await generatePrimes());
  const { spki, fingerprint } = identity.publicKey;
  const tls = await dial([`127.0.0.1:${port}`], key);
  const socket = new WebSocket('wss://relay/', { createConnection: () => tls, perMessageDeflate: false });
  await once(socket, 'open');
  const ask = async (frame: ClientFrame): Promise<RelayFrame> => {
    socket.send(encodeClientFrame(frame));
    const [data] = (await once(socket, 'message')) as [Buffer];
    return parseRelayFrame(data.toString('utf8'));
  };
  const challenge = await ask({ type: 'hello', id: 1, version: VERSION });
  if (challenge.type !== 'challenge') throw new Error(`The relay answered ${challenge.type} to hello.`);
  const time = Date.now();
  const terms = {
    class: 'rotating',
    created: time,
    expires: time + RECEPTION_KEY_LIFETIME_MS,
    key: await receptionKey,
  } as const;
  const clientNonce = randomBytes(32);
  const statement = {
    relayKey: key,
    user: name,
    identity: fingerprint,
    serverNonce: challenge.nonce,
    clientNonce,
    time,
  };
  const answer = await ask({
    type: 'register',
    id: 2,
    user: name,
    clientNonce,
    time,
    signature: await sign(identity, signInStatement('register', statement)),
    identityKey: spki,
    receptionKey: { ...terms, signature: await sign(identity, receptionKeyStatement(name, terms)) },
  });
  if (answer.type !== 'done') throw new Error(`The relay refused to register ${name}.`);
  return { name, fingerprint, socket };
}
