// Joins a relay as a new user, with no more than that takes.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { dial } from '../main/messenger/dial.ts';
import { generatePrimes, importSigningKey, sign } from '../main/messenger/rsa.ts';
import { decodeFrame, encodeFrame, type Frame } from '../protocol/frames.ts';
import { fingerprintOf, modulusOf } from '../protocol/key.ts';
import { encodePrekey, PREKEY_LIFETIME_MS, SIGNED_PREKEY } from '../protocol/prekey.ts';
import { registerStatement } from '../protocol/sign-in.ts';

export type Member = { name: string; identity: Buffer; socket: WebSocket };

/** Nothing is ever sealed for these users: one prekey does for all of them. */
const prekeyModulus = generatePrimes()
  .then(importSigningKey)
  .then(({ publicKey }) => modulusOf(publicKey.spki));

/** @param relayKey SHA-256 of the relay's TLS public key, 32 bytes */
export async function join(port: number, relayKey: Buffer, user: string): Promise<Member> {
  const signer = await importSigningKey(await generatePrimes());
  const identityKey = modulusOf(signer.publicKey.spki);
  const identity = fingerprintOf(identityKey);
  const tls = await dial([`127.0.0.1:${port}`], relayKey);
  const socket = new WebSocket('wss://relay/', { createConnection: () => tls, perMessageDeflate: false });
  await once(socket, 'open');
  const ask = async (frame: Frame): Promise<Frame> => {
    socket.send(encodeFrame(frame));
    const [data] = (await once(socket, 'message')) as [Buffer];
    return decodeFrame(data) as Frame;
  };
  const challenge = await ask({ type: 'hello', request: 1, lowest: 1, highest: 1 });
  if (challenge.type !== 'challenge') throw new Error(`The relay answered ${challenge.type} to hello.`);
  const time = Date.now();
  const bytes = encodePrekey({
    ...{ user, identity, device: 1, class: SIGNED_PREKEY, key: await prekeyModulus, knownKinds: [] },
    created: time,
    expires: time + PREKEY_LIFETIME_MS,
  });
  const prekey = { bytes, signature: await sign(signer, bytes) };
  const fields = { device: 1, clientNonce: randomBytes(32), time };
  const statement = registerStatement(user, {
    ...{ relayKey, identity, serverNonce: challenge.nonce },
    ...fields,
  });
  const signature = await sign(signer, statement);
  const answer = await ask({ type: 'register', request: 2, user, identityKey, prekey, signature, ...fields });
  if (answer.type !== 'done') throw new Error(`The relay refused to register ${user}.`);
  return { name: user, identity, socket };
}
