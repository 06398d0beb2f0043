// Signed prekeys: the encryption keys that devices publish, so that others can write to them while they are away.
import { field, u64, u8 } from '../bytes.ts';
import { USER_NAME_PATTERN } from '../fields.ts';
import { encodeKey, readKey } from './key.ts';
import { Malformed } from './reader.ts';
import { decodeStatement, encodeStatement, labels } from './statement.ts';

/** Class 2, one-time prekeys, is reserved. */
export const SIGNED_PREKEY = 1;
/** Which kinds of content the device knows, one byte each; 0 stands for the ratchet. */
const KNOWN_KINDS_TAG = 128;

export type Prekey = {
  /** The user name that the key belongs to. */
  user: string;
  /** 32 bytes. */
  identity: Buffer;
  device: number;
  class: number;
  /** Milliseconds since 1970. */
  created: number;
  expires: number;
  /** The modulus, 384 bytes. */
  key: Buffer;
  knownKinds: number[];
};

/** @returns what the device signs */
export function encodePrekey(prekey: Prekey): Buffer {
  const { user, identity, device, created, expires, key, knownKinds } = prekey;
  const kinds = [...new Set(knownKinds)].sort((a, b) => a - b);
  return encodeStatement(
    labels.prekey,
    [field(user), identity, u8(device), u8(prekey.class), u64(created), u64(expires), encodeKey(key)],
    kinds.length > 0 ? [{ tag: KNOWN_KINDS_TAG, value: Buffer.from(kinds) }] : [],
  );
}

/** @throws Malformed also on a name that is none, a device 0, an expiry that doesn't come after the creation, or known
 * kinds that don't ascend */
export function decodePrekey(bytes: Buffer): Prekey {
  const { tlvs, fields } = decodeStatement(
    bytes,
    labels.prekey,
    (reader) => ({
      user: reader.text(32),
      identity: reader.bytes(32),
      device: reader.u8(),
      class: reader.u8(),
      created: reader.time(),
      expires: reader.time(),
      key: readKey(reader),
    }),
    [KNOWN_KINDS_TAG],
  );
  const knownKinds = [...(tlvs[0]?.value ?? [])];
  const ascends = knownKinds.every((kind, i) => i === 0 || kind > knownKinds[i - 1]!);
  const isUsable =
    USER_NAME_PATTERN.test(fields.user) && fields.device > 0 && fields.expires > fields.created;
  if (!ascends || !isUsable) throw new Malformed(labels.prekey);
  return { ...fields, knownKinds };
}
