// Device lists under fire: devices of one account that change their list at the same time, answers that get lost, a relay
// that is restored to an older state, changes sent again by anybody; beside a model that knows no cryptography.
import { constants, createPrivateKey, sign } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  compareLists,
  type DeviceList,
  encodeDeviceChange,
  extend,
  firstList,
  newestHash,
  publish,
  versionOf,
} from '../../protocol/devices.ts';
import { Malformed } from '../../protocol/reader.ts';
import type { Signed } from '../../protocol/statement.ts';
import { type KeyName, modulusOf, storedKeys } from '../vectors/keys.ts';

/** Whatever their names say: keys that devices can be made of. */
const pool: KeyName[] = ['alice', 'alice2', 'alice3', 'alice4', 'bob', 'mallory', 'alicePrekey', 'bobPrekey'];
const moduli = pool.map(modulusOf);
const privateKeys = pool.map((name) => createPrivateKey(storedKeys().keys[name].pem));
const first = firstList(moduli[0]!);

/** A change as the model sees it. */
type Change = {
  signer: number;
  version: number;
  /** The change that it follows; undefined for the first. */
  previous: Change | undefined;
  action: 'add' | 'remove';
  number: number;
  key: number;
  signed: Signed;
};
type List = { changes: Change[]; real: DeviceList };

/** number -> key, and the highest number, by the document's rules. */
function listed(changes: readonly Change[]): { devices: Map<number, number>; highest: number } {
  const devices = new Map([[1, 0]]);
  let highest = 1;
  for (const { action, number, key } of changes) {
    if (action === 'remove') devices.delete(number);
    else devices.set((highest = number), key);
  }
  return { devices, highest };
}

function expectedAnswer(
  changes: readonly Change[],
  change: Change,
): 'longer' | 'known' | 'conflict' | 'refused' {
  const { signer, version, previous, action, number, key } = change;
  if (version <= changes.length) return changes[version - 1] === change ? 'known' : 'conflict';
  if (version !== changes.length + 1 || previous !== changes.at(-1)) return 'refused';
  const { devices, highest } = listed(changes);
  if (!devices.has(signer)) return 'refused';
  const everListed = [0, ...changes.filter((one) => one.action === 'add').map((one) => one.key)];
  if (action === 'remove') return devices.has(number) && devices.size > 1 ? 'longer' : 'refused';
  return number === highest + 1 && devices.size < 8 && !everListed.includes(key) ? 'longer' : 'refused';
}

class World {
  relay: List = { changes: [], real: first };
  contact: List = { changes: [], real: first };
  contactIsHeld = false;
  wasRestored = false;
  readonly devices = new Map<number, List & { key: number; pending?: Change }>([
    [1, { changes: [], real: first, key: 0 }],
  ]);
  readonly authored: Change[] = [];

  /** A device that is listed where it looks, so that it can sign. */
  at(index: number): [number, List & { key: number; pending?: Change }] {
    return [...this.devices][index % this.devices.size]!;
  }

  author(index: number, action: 'add' | 'remove', choice: number): void {
    const [signer, device] = this.at(index);
    if (device.pending) return;
    const { devices, highest } = listed(device.changes);
    const number = action === 'add' ? highest + 1 : [...devices.keys()][choice % devices.size]!;
    const key = choice % pool.length;
    const bytes = encodeDeviceChange({
      identity: first.identity,
      version: device.changes.length + 1,
      previous: newestHash(device.real),
      created: this.authored.length,
      signer,
      change: action === 'add' ? { action, number, key: moduli[key]! } : { action, number },
    });
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    const signature = sign('sha256', bytes, { key: privateKeys[device.key]!, padding, saltLength: 32 });
    const change: Change = {
      signer,
      version: device.changes.length + 1,
      previous: device.changes.at(-1),
      action,
      number,
      key,
      signed: { bytes, signature },
    };
    device.pending = change;
    this.authored.push(change);
  }

  /** Sends a change to the relay, and holds the answer against the model's. */
  send(change: Change): 'longer' | 'known' | 'conflict' | 'refused' {
    const expected = expectedAnswer(this.relay.changes, change);
    let answer: typeof expected;
    try {
      const result = publish(this.relay.real, change.signed);
      answer = typeof result === 'string' ? result : 'longer';
      if (typeof result !== 'string') this.relay = { changes: [...this.relay.changes, change], real: result };
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      answer = 'refused';
    }
    expect(answer).toBe(expected);
    const { devices } = listed(this.relay.changes);
    expect([...this.relay.real.devices.keys()]).toEqual([...devices.keys()]);
    expect(versionOf(this.relay.real)).toBe(this.relay.changes.length);
    return answer;
  }

  publish(index: number, isAnswerLost: boolean): void {
    const [, device] = this.at(index);
    if (!device.pending) return;
    const change = device.pending;
    const answer = this.send(change);
    // Sent again unchanged, some day.
    if (isAnswerLost) return;
    // A relay that lacks statements refuses what follows them: that says nothing about this one.
    const isBehind = compareLists(device.real, this.relay.real) === 'rollback';
    if (answer === 'refused' && isBehind) return this.lookUp(index);
    delete device.pending;
    this.lookUp(index);
    // The one that was added begins where the list is now.
    if (answer === 'longer' && change.action === 'add') {
      this.devices.set(change.number, { ...this.relay, key: change.key });
    }
  }

  lookUp(index: number): void {
    const [, device] = this.at(index);
    const standing = compareLists(device.real, this.relay.real);
    if (standing === 'newer') Object.assign(device, this.relay);
    // The relay was restored: a listed device brings what it lacks.
    if (standing === 'rollback') {
      for (const change of device.changes.slice(this.relay.changes.length)) this.send(change);
    }
    if (standing === 'fork') expect(this.wasRestored).toBe(true);
  }

  contactLooksUp(): void {
    const standing = compareLists(this.contact.real, this.relay.real);
    this.contactIsHeld = standing === 'rollback' || standing === 'fork';
    if (this.contactIsHeld) expect(this.wasRestored).toBe(true);
    if (standing !== 'newer') return;
    // As it comes over the wire: change by change, each one verified.
    const missing = this.relay.changes.slice(this.contact.changes.length);
    const real = missing.reduce((list, { signed }) => extend(list, signed), this.contact.real);
    this.contact = { changes: this.relay.changes, real };
  }

  restore(version: number): void {
    const changes = this.relay.changes.slice(0, version % (this.relay.changes.length + 1));
    if (changes.length < this.relay.changes.length) this.wasRestored = true;
    this.relay = { changes, real: changes.reduce((list, { signed }) => extend(list, signed), first) };
  }

  /** Everybody comes online in turn, until nothing changes. */
  settle(): void {
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < this.devices.size; i++) {
        this.lookUp(i);
        this.publish(i, false);
        this.lookUp(i);
      }
    }
    this.contactLooksUp();
    const views = [this.contact, ...this.devices.values()];
    for (const view of views) {
      const standing = compareLists(view.real, this.relay.real);
      // Whoever can't follow has seen another statement for one version, which only a restored relay takes.
      expect(standing === 'same' || (standing === 'fork' && this.wasRestored)).toBe(true);
      if (view !== this.contact) continue;
      expect(this.contactIsHeld).toBe(standing === 'fork');
    }
  }
}

type Step = { name: string; run: (world: World) => void };
const index = fc.nat(7);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(index, fc.constantFrom('add', 'add', 'remove'), fc.nat(20)).map(([device, action, choice]) => ({
    name: `device ${device} writes: ${action} ${choice}`,
    run: (world: World) => world.author(device, action, choice),
  })),
  fc.tuple(index, fc.boolean()).map(([device, isLost]) => ({
    name: `device ${device} publishes${isLost ? ', the answer is lost' : ''}`,
    run: (world: World) => world.publish(device, isLost),
  })),
  index.map((device) => ({ name: `device ${device} looks up`, run: (world: World) => world.lookUp(device) })),
  fc.tuple(index, fc.constantFrom('add', 'add', 'remove'), fc.nat(20)).map(([device, action, choice]) => ({
    name: `device ${device} looks up, writes ${action} ${choice}, publishes`,
    run: (world: World) => {
      world.lookUp(device);
      world.author(device, action, choice);
      world.publish(device, false);
    },
  })),
  fc.constant({ name: 'the contact looks up', run: (world: World) => world.contactLooksUp() }),
  fc.nat(50).map((which) => ({
    name: `change ${which} is sent again by somebody`,
    run: (world: World) => {
      const { length } = world.authored;
      if (length > 0) world.send(world.authored[which % length]!);
    },
  })),
);
const restore: fc.Arbitrary<Step> = fc.nat(10).map((version) => ({
  name: `the relay is restored to version ${version}`,
  run: (world: World) => world.restore(version),
}));

function play(steps: readonly Step[]): World {
  const world = new World();
  for (const { run } of steps) run(world);
  world.settle();
  return world;
}
const named = (steps: readonly Step[]): string => steps.map(({ name }) => name).join('\n');

test('without a restored relay everybody ends with one list, and nobody sees a rollback or a fork', () => {
  let longest = 0;
  fc.assert(
    fc.property(
      fc
        .array(step, { minLength: 20, maxLength: 80 })
        .map((steps) => Object.assign(steps, { toString: () => named(steps) })),
      (steps) => {
        const world = play(steps);
        expect(world.wasRestored).toBe(false);
        longest = Math.max(longest, world.relay.changes.length);
      },
    ),
    { numRuns: 100 },
  );
  expect(longest).toBeGreaterThan(3);
});

test('a restored relay is repaired by the devices; what cannot be repaired is seen as a fork', () => {
  let [repaired, forked] = [0, 0];
  fc.assert(
    fc.property(
      fc
        .array(fc.oneof({ weight: 12, arbitrary: step }, { weight: 1, arbitrary: restore }), {
          minLength: 20,
          maxLength: 80,
        })
        .map((steps) => Object.assign(steps, { toString: () => named(steps) })),
      (steps) => {
        const world = play(steps);
        if (!world.wasRestored) return;
        if ([...world.devices.values()].every(({ real }) => compareLists(real, world.relay.real) === 'same'))
          repaired++;
        else forked++;
      },
    ),
    { numRuns: 100 },
  );
  expect(repaired).toBeGreaterThan(10);
  expect(forked).toBeGreaterThan(0);
});
