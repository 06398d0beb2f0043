// Two people and a relay to whom everything happens: they come and go, lose their keys, the relay goes down, or is restored to
// an older state, days pass. In the end everything has arrived once and in order, but for what a restored relay has lost.
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  bringOnline,
  openPerson,
  openRelay,
  type Person,
  temporaryFolder,
  type TestRelay,
  until,
} from '../../harness.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const NAMES = ['alice', 'bob'] as const;
type Name = (typeof NAMES)[number];
const other = (name: Name): Name => (name === 'alice' ? 'bob' : 'alice');

class World {
  relay!: TestRelay;
  readonly people = {} as Record<Name, Person>;
  /** What each has written, in its order. */
  readonly written: Record<Name, string[]> = { alice: [], bob: [] };
  readonly #folders: Record<Name, string> = { alice: temporaryFolder(), bob: temporaryFolder() };
  #isRelayUp = true;
  #backup: string | undefined;
  #days = 0;
  wasRestored = false;
  haveLostKeys = false;

  readonly now = (): number => Date.now() + this.#days * DAY_MS;

  static async create(): Promise<World> {
    const world = new World();
    world.relay = await openRelay({ now: world.now });
    await Promise.all(NAMES.map((name) => world.#open(name)));
    await Promise.all(NAMES.map((name) => until(() => world.people[name].state === 'online')));
    // They know each other, so that nothing is a request.
    for (const name of NAMES) await world.write(name, 'hello');
    await until(() => NAMES.every((name) => world.people[name].heard.length > 0));
    return world;
  }

  async #open(name: Name): Promise<void> {
    const options = { directory: this.#folders[name], now: this.now };
    this.people[name] = await openPerson(name, this.relay.invite, options);
    this.people[name].start();
  }

  isThere(name: Name): boolean {
    return name in this.people;
  }

  async write(name: Name, about: string): Promise<void> {
    if (!this.isThere(name)) return;
    const text = `${about} ${this.written[name].length}`;
    await this.people[name].send(other(name), text);
    this.written[name].push(text);
  }

  async comeOrGo(name: Name): Promise<void> {
    if (!this.isThere(name)) return this.#open(name);
    await this.people[name].close();
    delete (this.people as Partial<typeof this.people>)[name];
  }

  /** Of the profile only the keychain's keys and the history are left. */
  loseKeys(name: Name): void {
    if (this.isThere(name)) return;
    const database = new DatabaseSync(join(this.#folders[name], 'signet.sqlite'));
    database.exec('DELETE FROM prekeys');
    database.close();
    this.haveLostKeys = true;
  }

  read(name: Name): void {
    if (this.isThere(name)) this.people[name].markRead(other(name));
  }

  async upOrDown(): Promise<void> {
    if (this.#isRelayUp) await this.relay.close();
    else {
      const { data, port } = this.relay;
      this.relay = await openRelay({ data, port, now: this.now });
    }
    this.#isRelayUp = !this.#isRelayUp;
  }

  backUp(): void {
    this.#backup = join(temporaryFolder(), 'relay.sqlite');
    const database = new DatabaseSync(join(this.relay.data, 'relay.sqlite'));
    database.exec(`VACUUM INTO '${this.#backup}'`);
    database.close();
  }

  async restore(): Promise<void> {
    if (!this.#backup) return;
    if (this.#isRelayUp) await this.upOrDown();
    for (const end of ['', '-wal', '-shm'])
      rmSync(join(this.relay.data, `relay.sqlite${end}`), { force: true });
    cpSync(this.#backup, join(this.relay.data, 'relay.sqlite'));
    this.wasRestored = true;
    await this.upOrDown();
  }

  pass(days: number): void {
    this.#days += days;
  }

  /** Everybody comes online, and writes once more, so that what is missing shows. */
  async settle(): Promise<void> {
    if (!this.#isRelayUp) await this.upOrDown();
    // What days have passed is noticed at the next start.
    for (const name of NAMES) if (this.isThere(name)) await this.comeOrGo(name);
    for (const name of NAMES) await this.#open(name);
    await Promise.all(NAMES.map((name) => bringOnline(this.people[name])));
    for (const name of NAMES) await this.write(name, 'at last');
    for (const name of NAMES) {
      const last = this.written[name].at(-1)!;
      await until(async () => (await this.textsOf(other(name))).includes(last));
      await until(() => this.people[name].drained(100));
      // What has to be sealed again comes after what was written later.
      if (!this.wasRestored) await until(async () => (await this.lost(name)).length === 0);
    }
  }

  /** What somebody has written and the other hasn't got. */
  async lost(name: Name): Promise<string[]> {
    const arrived = await this.textsOf(other(name));
    return this.written[name].filter((text) => !arrived.includes(text));
  }

  async textsOf(name: Name): Promise<string[]> {
    const history = await this.people[name].history(other(name), 1000);
    return history.filter(({ kind, mine }) => kind === 'text' && !mine).map(({ text }) => text);
  }

  /** Where something is missing is told to whom it was for; if it was the request to seal it again, to its sender. */
  async #isTold(name: Name, notices: Set<string>): Promise<boolean> {
    if (notices.has('gap') || !this.haveLostKeys) return notices.has('gap');
    return (await this.people[name].history(other(name), 1000)).some(({ kind }) => kind === 'gap');
  }

  async check(): Promise<void> {
    for (const name of NAMES) {
      const arrived = await this.textsOf(other(name));
      const lost = await this.lost(name);
      const history = await this.people[other(name)].history(name, 1000);
      const notices = new Set(history.map(({ kind }) => kind));
      expect(new Set(arrived).size, 'nothing twice').toBe(arrived.length);
      expect(notices).not.toContain('fork');
      expect(notices).not.toContain('refused');
      if (this.wasRestored) {
        if (lost.length > 0) expect(await this.#isTold(name, notices), 'what is lost is told').toBe(true);
        const sent = await this.people[name].history(other(name), 1000);
        for (const text of lost) {
          const { state } = sent.find((row) => row.mine && row.text === text)!;
          expect(['sent', 'pending', 'failed'], 'what is lost is not called delivered').toContain(state);
        }
      } else {
        expect(lost, 'nothing is lost').toEqual([]);
        expect(notices).not.toContain('gap');
      }
      // What was sealed again comes later than what was written after it.
      if (!this.haveLostKeys)
        expect(arrived).toEqual(this.written[name].filter((text) => arrived.includes(text)));
      expect(this.people[name].failures.filter((code) => code !== 'relay-unreachable')).toEqual([]);
    }
  }
}

type Step = { name: string; run: (world: World) => Promise<void> | void };
const who = fc.constantFrom(...NAMES);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: who.map((name) => ({
      name: `${name} writes`,
      run: (world: World) => world.write(name, name),
    })),
  },
  {
    weight: 3,
    arbitrary: who.map((name) => ({
      name: `${name} comes or goes`,
      run: (world: World) => world.comeOrGo(name),
    })),
  },
  {
    weight: 2,
    arbitrary: who.map((name) => ({ name: `${name} reads`, run: (world: World) => world.read(name) })),
  },
  {
    weight: 1,
    arbitrary: who.map((name) => ({
      name: `${name} loses the keys`,
      run: (world: World) => world.loseKeys(name),
    })),
  },
  {
    weight: 2,
    arbitrary: fc.constant({
      name: 'the relay comes up or goes down',
      run: (world: World) => world.upOrDown(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constant({ name: 'a backup of the relay is made', run: (world: World) => world.backUp() }),
  },
  {
    weight: 1,
    arbitrary: fc.constant({ name: 'the relay is restored', run: (world: World) => world.restore() }),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 6 }).map((days) => ({
      name: `${days} days pass`,
      run: (world: World) => world.pass(days),
    })),
  },
);

test('whatever happens, everything arrives once and in order, but for what a restored relay has lost', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc
        .array(step, { minLength: 15, maxLength: 40 })
        .map((steps) => Object.assign(steps, { toString: () => steps.map(({ name }) => name).join('\n') })),
      async (steps) => {
        const world = await World.create();
        for (const { run } of steps) await run(world);
        await world.settle();
        await world.check();
        for (const name of NAMES) await world.people[name].close();
        await world.relay.close();
      },
    ),
    // Each takes seconds, and a smaller counterexample as many again: the first is shown as it is.
    { numRuns: 6, endOnFailure: true },
  );
});
