// What devices publish: changes of their list, and prekeys. Checked as a client checks it, so that mistakes show at once.
import { type DeviceList, newestHash, publish, versionOf } from '../protocol/devices.ts';
import { acceptPrekey } from '../protocol/prekey.ts';
import { Malformed } from '../protocol/reader.ts';
import { labels, readLabel, type Signed } from '../protocol/statement.ts';
import { Refusal } from './refusal.ts';
import type { StoredPrekey } from './stores.ts';

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
  user: string,
  list: DeviceList,
  devices: readonly number[],
  signed: Signed,
  now: number,
): StoredPrekey {
  const refuse = (why: string): Refusal => new Refusal('prekey-refused', why);
  let prekey;
  try {
    prekey = acceptPrekey(signed, { user, list, now });
  } catch (error) {
    if (error instanceof Malformed) throw refuse(error.message);
    throw error;
  }
  const { device, created, expires } = prekey;
  if (!devices.includes(device)) throw refuse('it is of another device');
  if (expires <= now) throw refuse('it has expired');
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
