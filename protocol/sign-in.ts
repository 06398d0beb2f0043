// What a device signs to log in or to register at a relay: for this relay, this connection and this moment alone.
import { field, u64, u8 } from './bytes.ts';
import { encodeStatement, labels } from './statement.ts';

export type SignIn = {
  /** SHA-256 of the SPKI in the relay's TLS certificate, 32 bytes. */
  relayKey: Buffer;
  /** 32 bytes. */
  identity: Buffer;
  device: number;
  /** 32 bytes each; the client's keeps the relay from choosing alone what is signed. */
  serverNonce: Buffer;
  clientNonce: Buffer;
  /** The client's clock, milliseconds since 1970. */
  time: number;
};

const fieldsOf = ({ identity, device, serverNonce, clientNonce, time }: SignIn): Buffer[] => [
  identity,
  u8(device),
  serverNonce,
  clientNonce,
  u64(time),
];

export const loginStatement = (signIn: SignIn): Buffer =>
  encodeStatement(labels.login, [signIn.relayKey, ...fieldsOf(signIn)]);

export const registerStatement = (user: string, signIn: SignIn): Buffer =>
  encodeStatement(labels.register, [signIn.relayKey, field(user), ...fieldsOf(signIn)]);
