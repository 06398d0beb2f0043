// Proves to a relay who one is (PROTOCOL.md, "Signing in").
import { randomBytes } from 'node:crypto';
import { type SignedReceptionKey, VERSION } from '../../protocol/frames.ts';
import { signInStatement } from '../../protocol/statements.ts';
import type { Account } from './account.ts';
import type { Ask } from './session.ts';
import { sign } from './rsa.ts';

type Proof = { user: string; clientNonce: Buffer; time: number; signature: Buffer };

/** Answers the relay's challenge. What is signed holds a nonce of our own, and names the relay's key: the relay can
 * neither choose it alone nor use it elsewhere. */
async function prove(ask: Ask, kind: 'login' | 'register', account: Account, time: number): Promise<Proof> {
  const { identity, name: user, relayKey } = account;
  const { nonce: serverNonce } = await ask({ type: 'hello', version: VERSION }, 'challenge');
  const clientNonce = randomBytes(32);
  const { fingerprint } = identity.publicKey;
  const statement = { relayKey, user, identity: fingerprint, serverNonce, clientNonce, time };
  return { user, clientNonce, time, signature: await sign(identity, signInStatement(kind, statement)) };
}

/** @param time milliseconds since 1970 @throws Failure `unknown-user`, `login-refused`, `clock-wrong`, ... */
export async function logIn(ask: Ask, account: Account, time: number): Promise<void> {
  const proof = await prove(ask, 'login', account, time);
  await ask({ type: 'login', ...proof, identity: account.identity.publicKey.fingerprint }, 'done');
}

/** Binds the name to the identity at the relay, and publishes the first reception key.
 * @param time milliseconds since 1970 @throws Failure `name-taken`, `identity-taken`, `clock-wrong`, ... */
export async function register(
  ask: Ask,
  account: Account,
  time: number,
  receptionKey: SignedReceptionKey,
): Promise<void> {
  const proof = await prove(ask, 'register', account, time);
  await ask(
    { type: 'register', ...proof, identityKey: account.identity.publicKey.spki, receptionKey },
    'done',
  );
}
