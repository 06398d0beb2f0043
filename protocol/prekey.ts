// Signed prekeys: the encryption keys that devices publish, so that others can write to them while they are away.
import { field, u64, u8 } from './bytes.ts';
import { USER_NAME_PATTERN } from './user-name.ts';
import type { DeviceList } from './devices.ts';
import { encodeKey, fingerprintOf, readKey, verifyOnce } from './key.ts';
import { Malformed } from './reader.ts';
import { decodeStatement, encodeStatement, labels, type Signed } from './statement.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** How long a relay keeps an envelope that nobody fetches. */
export const MAILBOX_LIFETIME_MS = 30 * DAY_MS;
/** From a prekey's creation to its expiry: 7 days of use, and what is sealed on the last one may wait. */
export const PREKEY_LIFETIME_MS = 7 * DAY_MS + MAILBOX_LIFETIME_MS;
/** How far two clocks may be apart. */
export const CLOCK_TOLERANCE_MS = 60 * 60 * 1000;
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

/** Reads a prekey that somebody published, and checks all that a recipient has to check but whether it has expired.
 * @param user the name that its owner has @param list the owner's devices, of which one has signed it
 * @param now milliseconds since 1970
 * @throws Malformed if it is not one to seal to */
export function acceptPrekey(
  { bytes, signature }: Signed,
  { user, list, now }: { user: string; list: DeviceList; now: number },
): Prekey {
  const prekey = decodePrekey(bytes);
  const signer = list.devices.get(prekey.device);
  const refuse = (why: string): Malformed => new Malformed(`prekey: ${why}`);
  const isTheirs = prekey.user === user && prekey.identity.equals(list.identity);
  const isInTime =
    prekey.expires - prekey.created === PREKEY_LIFETIME_MS && prekey.created <= now + CLOCK_TOLERANCE_MS;
  if (!isTheirs) throw refuse('it is of another user');
  if (!signer) throw refuse('it is of another device');
  if (prekey.class !== SIGNED_PREKEY) throw refuse('it is of an unknown class');
  if (!isInTime) throw refuse('its dates are wrong');
  // A key that signs must never decrypt.
  if (list.everListed.has(fingerprintOf(prekey.key).toString('hex'))) throw refuse('it is a signing key');
  if (!verifyOnce(signer, signature, bytes)) throw refuse('its signature does not verify');
  return prekey;
}
