// Proves to a relay which device this is (PROTOCOL.md, "Signing in").
import { randomBytes } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import { loginStatement, registerStatement, type SignIn } from '../../protocol/sign-in.ts';
import type { Signed } from '../../protocol/statement.ts';
import { sign } from './rsa.ts';
import type { Account, SignIns } from './account.ts';
import type { Ask } from './session.ts';

const VERSION = 1;
/** The most statements that go into one frame of 65,536 bytes, at 900 each. */
const STATEMENTS_PER_FRAME = 64;

export type SigningIn = {
  ask: Ask;
  account: Account;
  signIns: SignIns;
  /** This client's clock, milliseconds since 1970. */
  time: number;
};

/** Answers the relay's challenge. What is signed holds a nonce of our own, and names the relay's key: the relay can
 * neither choose it alone nor use it elsewhere. */
async function challenge({ ask, account, signIns, time }: SigningIn): Promise<SignIn> {
  const { nonce: serverNonce, version } = await ask('hello', { lowest: VERSION, highest: VERSION });
  if (version !== VERSION) {
    throw new Failure(
      'not-a-relay',
      'The relay speaks another version of the protocol. Update the older one.',
    );
  }
  const clientNonce = randomBytes(32);
  signIns.record(clientNonce);
  const { relayKey, identity, device } = account;
  return { relayKey, identity, device, serverNonce, clientNonce, time };
}

/** @param statements the account's device list: brought along if the relay may lack it
 * @throws RelayFailure `unknown-user`, `login-refused`, `clock-wrong`, ...; Failure `profile-copied` */
export async function logIn(signingIn: SigningIn, statements: readonly Signed[] = []): Promise<void> {
  const { ask, account, signIns } = signingIn;
  const answer = await challenge(signingIn);
  await offer(signingIn, statements);
  const { identity, device, clientNonce, time } = answer;
  const signature = await sign(account.signer, loginStatement(answer));
  const { previousNonce } = await ask('login', { identity, device, clientNonce, time, signature });
  if (previousNonce && !signIns.isOwn(previousNonce)) throw copied();
}

/** Binds the name to the identity at the relay, and publishes this device's first prekey.
 * @throws RelayFailure `name-taken`, `identity-taken`, `clock-wrong`, `token-refused`, ... */
export async function register(
  signingIn: SigningIn,
  prekey: Signed,
  statements: readonly Signed[] = [],
): Promise<void> {
  const { ask, account, signIns } = signingIn;
  const { name: user, identityKey, token } = account;
  const answer = await challenge(signingIn);
  await offer(signingIn, statements);
  const { device, clientNonce, time } = answer;
  const signature = await sign(account.signer, registerStatement(user, answer));
  const { previousNonce } = await ask('register', {
    ...{ user, identityKey, device, prekey, clientNonce, time, signature },
    ...(token ? { token } : {}),
  });
  if (previousNonce && !signIns.isOwn(previousNonce)) throw copied();
}

/** Shows the relay the device list, of which it may lack the end, or all. */
export async function offer(
  { ask, account }: Pick<SigningIn, 'ask' | 'account'>,
  statements: readonly Signed[],
): Promise<void> {
  const { identityKey } = account;
  for (let from = 0; from < statements.length; from += STATEMENTS_PER_FRAME) {
    await ask('publish', { identityKey, statements: statements.slice(from, from + STATEMENTS_PER_FRAME) });
  }
}

const copied = (): Failure =>
  new Failure(
    'profile-copied',
    'This profile was used on another computer, or restored from a backup, since its last sign-in here. ' +
      'Use only one copy of it. If this is the one, continue here.',
  );
