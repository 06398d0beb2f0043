// What devices publish: changes of their list, and prekeys. Checked as a client checks it, so that mistakes show at once.
import { type DeviceList, newestHash, publish, versionOf } from '../../protocol/v1/devices.ts';
import { fingerprintOf, verifyOnce } from '../../protocol/v1/key.ts';
import { decodePrekey, SIGNED_PREKEY } from '../../protocol/v1/prekey.ts';
import { Malformed } from '../../protocol/v1/reader.ts';
import { labels, readLabel, type Signed } from '../../protocol/v1/statement.ts';
import { Refusal } from './refusal.ts';
import type { StoredPrekey } from './stores.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** How long a relay keeps an envelope that nobody fetches. */
export const MAILBOX_LIFETIME_MS = 30 * DAY_MS;
/** From a prekey's creation to its expiry: 7 days of use, and what is sealed on the last one may wait. */
export const PREKEY_LIFETIME_MS = 7 * DAY_MS + MAILBOX_LIFETIME_MS;
/** How far two clocks may be apart. */
export const CLOCK_TOLERANCE_MS = 60 * 60 * 1000;

export type Published = { list: DeviceList; fresh: Signed[]; prekeys: Signed[] };

/** Sorts what came, and adds the device statements to the list. @returns the longer list, the statements that were new
 * @throws Refusal `statement-refused`, `statement-conflict` */
export function applyStatements(list: DeviceList, statements: readonly Signed[]): Published {
  const published: Published = { list, fresh: [], prekeys: [] };
  for (const signed of statements) {
    if (readLabel(signed.bytes) === labels.prekey) published.prekeys.push(signed);
    else addChange(published, signed);
  }
  return published;
}

function addChange(published: Published, signed: Signed): void {
  let result;
  try {
    result = publish(published.list, signed);
  } catch (error) {
    if (error instanceof Malformed)
      throw new Refusal('statement-refused', `after version ${versionOf(published.list)}`);
    throw error;
  }
  if (result === 'conflict')
    throw new Refusal('statement-conflict', newestHash(published.list).toString('hex'));
  if (result === 'known') return;
  published.list = result;
  published.fresh.push(signed);
}

/** @param devices whose prekeys may come
 * @throws Refusal `prekey-refused` */
export function checkPrekey(
  name: string,
  list: DeviceList,
  devices: readonly number[],
  signed: Signed,
  now: number,
): StoredPrekey {
  const refuse = (why: string): Refusal => new Refusal('prekey-refused', why);
  let prekey;
  try {
    prekey = decodePrekey(signed.bytes);
  } catch (error) {
    if (error instanceof Malformed) throw refuse('it is malformed');
    throw error;
  }
  const { user, identity, device, created, expires, key } = prekey;
  const signer = list.devices.get(device);
  if (user !== name || !identity.equals(list.identity)) throw refuse('it is of another user');
  if (!signer || !devices.includes(device)) throw refuse('it is of another device');
  if (prekey.class !== SIGNED_PREKEY) throw refuse('it is of an unknown class');
  const isInTime =
    created <= now + CLOCK_TOLERANCE_MS && expires > now && expires - created === PREKEY_LIFETIME_MS;
  if (!isInTime) throw refuse('its dates are wrong');
  // A key that signs must never decrypt.
  if (list.everListed.has(fingerprintOf(key).toString('hex'))) throw refuse('it is a signing key');
  if (!verifyOnce(signer, signed.signature, signed.bytes)) throw refuse('its signature does not verify');
  return { device, created, signed };
}

/** @param known the prekeys that are published by now @throws Refusal `prekey-refused` for one that is older */
export function assertNewer(known: readonly StoredPrekey[], prekeys: readonly StoredPrekey[]): void {
  for (const { device, created, signed } of prekeys) {
    const current = known.find((one) => one.device === device);
    if (!current || current.signed.bytes.equals(signed.bytes)) continue;
    if (current.created >= created) throw new Refusal('prekey-refused', 'a newer one is published');
  }
}
