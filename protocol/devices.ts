// The devices of an account: a list that grows by signed changes, each naming its predecessor. Values in, values out.
import { u32, u64, u8 } from './bytes.ts';
import { encodeKey, fingerprintOf, readKey, sha256, verifyOnce } from './key.ts';
import { Malformed } from './reader.ts';
import { decodeStatement, encodeStatement, labels, type Signed } from './statement.ts';

export const MAX_DEVICES = 8;
const MAX_NUMBER = 255;
const actions = { add: 1, remove: 2 } as const;

export type DeviceChange = {
  /** Of the account, 32 bytes. */
  identity: Buffer;
  /** 1 for the first change. */
  version: number;
  /** SHA-256 of the statement before, 32 bytes; zeros at version 1. */
  previous: Buffer;
  /** Milliseconds since 1970. */
  created: number;
  /** The number of the device that signs. */
  signer: number;
  change: { action: 'add'; number: number; key: Buffer } | { action: 'remove'; number: number };
};

export type DeviceList = {
  /** 32 bytes. */
  identity: Buffer;
  /** SHA-256 of each statement so far, 32 bytes; as many as the version. */
  hashes: readonly Buffer[];
  /** number -> modulus, 384 bytes */
  devices: ReadonlyMap<number, Buffer>;
  /** The highest number that was ever given. */
  highest: number;
  /** Fingerprints in hex of all keys that were ever listed. */
  everListed: ReadonlySet<string>;
};

export const versionOf = ({ hashes }: DeviceList): number => hashes.length;
/** What the next change names as its predecessor: 32 bytes, zeros at version 0. */
export const newestHash = ({ hashes }: DeviceList): Buffer => hashes.at(-1) ?? Buffer.alloc(32);

/** Version 0, which needs no statement: the first key, which the account is named after, is device 1. */
export function firstList(modulus: Buffer): DeviceList {
  const identity = fingerprintOf(modulus);
  return {
    identity,
    hashes: [],
    devices: new Map([[1, modulus]]),
    highest: 1,
    everListed: new Set([identity.toString('hex')]),
  };
}

/** @returns what device `signer` signs */
export function encodeDeviceChange({
  identity,
  version,
  previous,
  created,
  signer,
  change,
}: DeviceChange): Buffer {
  return encodeStatement(labels.device, [
    identity,
    u32(version),
    previous,
    u64(created),
    u8(signer),
    u8(actions[change.action]),
    u8(change.number),
    ...(change.action === 'add' ? [encodeKey(change.key)] : []),
  ]);
}

/** @throws Malformed */
export function decodeDeviceChange(bytes: Buffer): DeviceChange {
  return decodeStatement(bytes, labels.device, (reader) => {
    const head = {
      identity: reader.bytes(32),
      version: reader.u32(),
      previous: reader.bytes(32),
      created: reader.time(),
      signer: reader.u8(),
    };
    const action = reader.u8();
    const number = reader.u8();
    if (action === actions.remove) return { ...head, change: { action: 'remove' as const, number } };
    if (action !== actions.add) throw reader.malformed();
    return { ...head, change: { action: 'add' as const, number, key: readKey(reader) } };
  }).fields;
}

/** The list after one more change. @throws Malformed if the change doesn't follow from the list: another account, a
 * skipped version, another predecessor, a signer that isn't listed, a number that isn't the next, a key that was ever
 * listed, a ninth device, the removal of one that isn't listed or of the last, or a signature that doesn't verify */
export function extend(list: DeviceList, { bytes, signature }: Signed): DeviceList {
  const { identity, version, previous, signer, change } = decodeDeviceChange(bytes);
  const refuse = (isWrong: boolean): void => {
    if (isWrong) throw new Malformed(labels.device);
  };
  refuse(!identity.equals(list.identity) || version !== versionOf(list) + 1);
  refuse(!previous.equals(newestHash(list)));
  const key = list.devices.get(signer);
  if (!key) throw new Malformed(labels.device);
  const devices = new Map(list.devices);
  const everListed = new Set(list.everListed);
  let { highest } = list;
  if (change.action === 'add') {
    const fingerprint = fingerprintOf(change.key).toString('hex');
    refuse(change.number !== highest + 1 || change.number > MAX_NUMBER);
    refuse(everListed.has(fingerprint) || devices.size >= MAX_DEVICES);
    devices.set(change.number, change.key);
    everListed.add(fingerprint);
    highest = change.number;
  } else {
    refuse(!devices.delete(change.number) || devices.size === 0);
  }
  // Last, since it costs most.
  refuse(!verifyOnce(key, signature, bytes));
  return { identity, hashes: [...list.hashes, sha256(bytes)], devices, highest, everListed };
}

/** What a relay does with a change that is published: the first for each version counts.
 * @returns the longer list; `known` if it has this very change; `conflict` if another has its version
 * @throws Malformed like extend */
export function publish(list: DeviceList, change: Signed): DeviceList | 'known' | 'conflict' {
  const { identity, version } = decodeDeviceChange(change.bytes);
  if (!identity.equals(list.identity) || version === 0) throw new Malformed(labels.device);
  const taken = list.hashes[version - 1];
  if (!taken) return extend(list, change);
  return taken.equals(sha256(change.bytes)) ? 'known' : 'conflict';
}

/** How a list that a relay shows stands to the newest one that is known of the same account.
 * - `same`, `newer`: nothing to ask.
 * - `rollback`: it shows less. - `fork`: it has another statement for a version. Both are told like a changed identity. */
export function compareLists(known: DeviceList, shown: DeviceList): 'same' | 'newer' | 'rollback' | 'fork' {
  const common = Math.min(versionOf(known), versionOf(shown));
  for (let i = 0; i < common; i++) if (!known.hashes[i]!.equals(shown.hashes[i]!)) return 'fork';
  if (versionOf(shown) < versionOf(known)) return 'rollback';
  return versionOf(shown) === versionOf(known) ? 'same' : 'newer';
}
