// Device lists: the vectors, and a model of devices, a relay and a contact that lose, repeat, race and restore.
import { expect, test } from 'vitest';
import {
  compareLists,
  type DeviceList,
  extend,
  firstList,
  publish,
  versionOf,
} from '../../protocol/devices.ts';
import type { Signed } from '../../protocol/statement.ts';
import { Malformed } from '../../protocol/reader.ts';
import { modulusOf } from '../vectors/keys.ts';
import { flipBit } from '../vectors/envelopes.ts';
import { deviceLists, signedOf } from '../vectors/vectors.ts';

const first = firstList(modulusOf('alice'));
/** The lists of versions 0, 1, 2 ... */
function listsOf(changes: Signed[]): DeviceList[] {
  const lists = [first];
  for (const change of changes) lists.push(extend(lists.at(-1)!, change));
  return lists;
}
const lists = listsOf(deviceLists.changes.map(signedOf));

test('a list grows change by change', () => {
  expect(lists.map(({ devices }) => [...devices.keys()])).toEqual([
    [1],
    [1, 2],
    [1, 2, 3],
    [2, 3],
    [2, 3, 4],
    [2, 4],
  ]);
  expect(lists.map(versionOf)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(lists[4]!.devices.get(4)).toEqual(modulusOf('alice4'));
});

test.each(deviceLists.bad)('refused: $name', ({ after, change }) => {
  expect(() => extend(lists[after]!, signedOf(change))).toThrow(Malformed);
});

test('eight devices fill a list; a ninth is refused', () => {
  const full = listsOf(deviceLists.full.map(signedOf)).at(-1)!;
  expect(full.devices.size).toBe(8);
  expect(() => extend(full, signedOf(deviceLists.ninth))).toThrow(Malformed);
});

test('of two changes for one version the first counts; the same one again is fine', () => {
  let list = first;
  for (const { change, answer } of deviceLists.race) {
    const result = publish(list, signedOf(change));
    if (typeof result === 'object') list = result;
    expect(result === 'conflict' ? 'statement-conflict' : 'done').toBe(answer);
  }
  expect(versionOf(list)).toBe(3);
  expect([...list.devices.keys()]).toEqual([1, 2, 3, 4]);
});

test('a shown list is the same, newer, a rollback or a fork', () => {
  const other = extend(lists[1]!, signedOf(deviceLists.race[1]!.change));
  expect(compareLists(lists[2]!, lists[2]!)).toBe('same');
  expect(compareLists(first, lists[2]!)).toBe('newer');
  expect(compareLists(lists[2]!, lists[1]!)).toBe('rollback');
  expect(compareLists(lists[2]!, other)).toBe('fork');
  expect(compareLists(lists[4]!, other)).toBe('fork');
});

test('10,000 bits turned in a change and its signature: none is taken', () => {
  const { bytes, signature } = signedOf(deviceLists.changes[0]!);
  const all = Buffer.concat([bytes, signature]);
  for (let i = 0; i < 10_000; i++) {
    const changed = flipBit(all, (i * 7919) % (8 * all.length));
    const change = { bytes: changed.subarray(0, bytes.length), signature: changed.subarray(bytes.length) };
    expect(() => extend(first, change)).toThrow(Malformed);
  }
});
