// The chain of a contact's envelopes: what is missing, comes late, forks, or starts anew.
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Chain, type Place } from '../../../main/messenger/chain.ts';
import { Database } from '../../../main/messenger/database.ts';
import { Messages } from '../../../main/messenger/messages.ts';
import { afterwards, temporaryFolder } from '../../town.ts';
import { openingKey } from '../../vectors/vectors.ts';

const storage = await openingKey('otherReception');

/** Envelopes of one chain, each naming the one before. */
function chainOf(length: number, chain: Buffer = randomBytes(8)): Place[] {
  let previous: Buffer = Buffer.alloc(32);
  return Array.from({ length }, (_, i) => {
    const place = { id: randomBytes(16), chain, sequence: i + 1, hash: randomBytes(32), previous };
    previous = place.hash;
    return place;
  });
}

/** A conversation with bob, and the notices in it as "kind missing". */
function conversation(): {
  chain: Chain;
  take: (place: Place) => string[];
  notices: () => string[];
  close: () => void;
} {
  const database = new Database(temporaryFolder());
  let isOpen = true;
  const close = (): void => {
    if (isOpen) database.close();
    isOpen = false;
  };
  afterwards(close);
  const messages = new Messages(database, storage);
  const chain = new Chain(database, messages, () => 0);
  return {
    chain,
    close,
    take: (place) =>
      database
        .transaction(() => chain.take('bob', place))
        .map(({ kind, missing }) => (kind === 'missing' ? `missing ${missing}` : kind)),
    notices: () =>
      database
        .all(
          `SELECT kind, missing FROM messages WHERE NOT (kind = 'missing' AND missing = 0) ORDER BY position`,
        )
        .map(({ kind, missing }) => (kind === 'missing' ? `missing ${Number(missing)}` : String(kind))),
  };
}

test('in order, nothing is told', () => {
  const { take } = conversation();
  expect(chainOf(20).flatMap(take)).toEqual([]);
});

test('in any order, nothing is missing in the end', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 }), (order) => {
      const { take, notices, close } = conversation();
      const places = chainOf(8);
      for (const i of order) take(places[i]!);
      expect(notices()).toEqual([]);
      close();
    }),
    { numRuns: 40 },
  );
});

test('what does not come is missing, and counted', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([1, 2, 3, 4, 5, 6], { minLength: 1, maxLength: 5 }), (order) => {
      const { take, notices, close } = conversation();
      const places = chainOf(8);
      // The first and the last come, the others in part and in any order.
      for (const i of [0, 7, ...order]) take(places[i]!);
      const missing = notices().reduce((sum, notice) => sum + Number(notice.split(' ')[1]), 0);
      expect(missing).toBe(6 - order.length);
      close();
    }),
    { numRuns: 40 },
  );
});

test('the first place that is seen of a contact is the start', () => {
  const { take } = conversation();
  const places = chainOf(9);
  expect(take(places[6]!)).toEqual([]);
  expect(take(places[5]!)).toEqual([]);
  expect(take(places[8]!)).toEqual(['missing 1']);
});

describe('a fork', () => {
  test('is a place taken twice', () => {
    const { take } = conversation();
    const places = chainOf(3);
    places.forEach(take);
    expect(take({ ...places[1]!, id: randomBytes(16), hash: randomBytes(32) })).toEqual(['forked']);
  });

  test('is a predecessor that is not the one that was seen', () => {
    const { take } = conversation();
    const [one, two] = chainOf(2) as [Place, Place];
    take(one);
    expect(take({ ...two, previous: randomBytes(32) })).toEqual(['forked']);
  });

  test('is a late one that does not fit between its neighbours', () => {
    const { take } = conversation();
    const [one, two, three] = chainOf(3) as [Place, Place, Place];
    take(one);
    take(three);
    expect(take({ ...two, hash: randomBytes(32) })).toEqual(['missing 0', 'forked']);
  });

  test('is a first one that names a predecessor', () => {
    const { take } = conversation();
    expect(take({ ...chainOf(1)[0]!, previous: randomBytes(32) })).toEqual(['forked']);
  });
});

test('another chain is told once, starts at 1, and leaves the old one as it was', () => {
  const { take } = conversation();
  const [old, fresh] = [chainOf(4), chainOf(4)];
  take(old[0]!);
  expect(take(fresh[1]!)).toEqual(['restarted', 'missing 1']);
  expect(take(fresh[0]!)).toEqual(['missing 0']);
  expect(take(fresh[2]!)).toEqual([]);
  expect(take(old[1]!)).toEqual([]);
});

describe('envelopes that could not be opened', () => {
  test('are not missing, before the gap shows or after', () => {
    const { chain, take, notices } = conversation();
    const places = chainOf(6);
    take(places[0]!);
    chain.takeUnplaced('bob', places[1]!.hash);
    expect(take(places[2]!)).toEqual([]);
    expect(take(places[4]!)).toEqual(['missing 1']);
    chain.takeUnplaced('bob', places[3]!.hash);
    expect(notices()).toEqual([]);
    expect(take(places[5]!)).toEqual([]);
  });

  test('explain one gap each, and no second one', () => {
    const { chain, take } = conversation();
    const places = chainOf(8);
    take(places[0]!);
    chain.takeUnplaced('bob', places[1]!.hash);
    expect(take(places[3]!)).toEqual(['missing 1']);
    expect(take(places[6]!)).toEqual(['missing 2']);
  });
});

test('an envelope is known by its hash, a message by its id', () => {
  const { chain, take } = conversation();
  const [one, two] = chainOf(2) as [Place, Place];
  take(one);
  chain.takeUnplaced('bob', two.hash);
  expect(chain.hasSeen('bob', one.hash)).toBe(true);
  expect(chain.hasSeen('bob', two.hash)).toBe(true);
  expect(chain.hasSeen('carol', one.hash)).toBe(false);
  expect(chain.hasTaken('bob', one.id)).toBe(true);
  expect(chain.hasTaken('bob', two.id)).toBe(false);
  // Sealed again: the same message, another envelope.
  expect(take({ ...two, id: one.id })).toEqual([]);
});
