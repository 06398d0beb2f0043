// Envelopes on their way through a real relay: accepted once on a disk, delivered in order, forgotten once acknowledged.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { envelopeHash } from '../../protocol/envelope.ts';
import { WINDOW, WINDOW_PER_SENDER } from '../../relay/delivery.ts';
import { afterwards, openRelay, temporaryFolder, until } from '../harness.ts';
import { fromHex, frames } from '../vectors/vectors.ts';
import { change, device, type Device, envelope, prekey, RawClient } from './raw-client.ts';

const [alice, alice2, bob, mallory] = [device('alice'), device('alice', 2), device('bob'), device('mallory')];
const hashOf = (bytes: Buffer): string => envelopeHash(bytes).toString('hex');
const many = (count: number, from: Device, to: Device, blocks = 1): Buffer[] =>
  Array.from({ length: count }, () => envelope(from, to.address, { blocks }));
const hashes = (client: RawClient): string[] => client.delivered.map(({ hash }) => hash);
const sendAll = (client: RawClient, all: Buffer[]) => Promise.all(all.map((one) => client.send(one)));
/** Longer than anything takes that might still come. */
const pause = (ms = 200): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('between two who are connected: delivered, acknowledged, accepted, and nothing is left', async () => {
  const relay = await openRelay();
  const [a, b] = [await RawClient.signedIn(relay, alice), await RawClient.signedIn(relay, bob)];
  const all = many(100, alice, bob);
  for (const answer of await sendAll(a, all)) expect(answer.type).toBe('accepted');
  await until(() => b.delivered.length === all.length);
  expect(hashes(b)).toEqual(all.map(hashOf));
  await until(async () => (await relay.mailboxes.totals()).messages === 0);
});

test('for somebody away: accepted once stored, delivered in order, again until acknowledged', async () => {
  const relay = await openRelay();
  (await RawClient.signedIn(relay, bob)).socket.close();
  const a = await RawClient.signedIn(relay, alice);
  const all = many(20, alice, bob);
  await sendAll(a, all);
  expect(await relay.mailboxes.totals()).toMatchObject({ messages: 20 });
  const deaf = await RawClient.signedIn(relay, bob, { acknowledging: false });
  await until(() => deaf.delivered.length === 20);
  expect(hashes(deaf)).toEqual(all.map(hashOf));
  deaf.acknowledge(deaf.delivered.slice(0, 5).map(({ position }) => position));
  // The relay has read it once it answers; the deletion comes a moment later.
  await deaf.lookUp('alice');
  deaf.socket.close();
  const back = await RawClient.signedIn(relay, bob);
  await until(() => back.delivered.length === 15);
  expect(hashes(back)).toEqual(all.slice(5).map(hashOf));
  await until(async () => (await relay.mailboxes.totals()).messages === 0);
});

test('what is pushed and never acknowledged is stored after a moment, and accepted then', async () => {
  const relay = await openRelay();
  const deaf = await RawClient.signedIn(relay, bob, { acknowledging: false });
  const a = await RawClient.signedIn(relay, alice);
  const one = envelope(alice, bob.address);
  expect((await a.send(one)).type).toBe('accepted');
  expect(await relay.mailboxes.totals()).toMatchObject({ messages: 1 });
  // Sent again, it is neither stored nor delivered again.
  expect((await a.send(one)).type).toBe('accepted');
  await pause();
  expect(await relay.mailboxes.totals()).toMatchObject({ messages: 1 });
  expect(deaf.delivered).toHaveLength(1);
  // Acknowledged late: removed.
  deaf.acknowledge([deaf.delivered[0]!.position]);
  await until(async () => (await relay.mailboxes.totals()).messages === 0);
});

test('the same bytes are accepted again while they wait, and delivered once', async () => {
  const relay = await openRelay();
  (await RawClient.signedIn(relay, bob)).socket.close();
  const a = await RawClient.signedIn(relay, alice);
  const one = envelope(alice, bob.address);
  for (const answer of await sendAll(a, [one, one, one])) expect(answer.type).toBe('accepted');
  // On another connection, after a lost answer.
  const again = await RawClient.signedIn(relay, alice);
  expect((await again.send(one)).type).toBe('accepted');
  const b = await RawClient.signedIn(relay, bob);
  await until(() => b.delivered.length > 0);
  await pause();
  expect(hashes(b)).toEqual([hashOf(one)]);
});

test('a header that lies about its sender, or names nobody, is refused', async () => {
  const relay = await openRelay();
  await RawClient.signedIn(relay, bob);
  const a = await RawClient.signedIn(relay, alice);
  const code = async (bytes: Buffer): Promise<unknown> => {
    const answer = await a.send(bytes);
    return answer.type === 'failure' ? [answer.class, answer.code] : answer.type;
  };
  expect(await code(envelope(mallory, bob.address))).toEqual(['final', 'envelope-refused']);
  expect(await code(envelope(alice2, bob.address))).toEqual(['final', 'envelope-refused']);
  expect(await code(envelope(alice, bob.address, { listVersion: 1 }))).toEqual(['final', 'envelope-refused']);
  expect(await code(envelope(alice, { ...bob.address, device: 2 }))).toEqual(['lookUp', 'unknown-device']);
  expect(await code(envelope(alice, mallory.address))).toEqual(['lookUp', 'unknown-device']);
  expect(await code(envelope(alice, bob.address))).toBe('accepted');
  const added = change(alice, {
    version: 1,
    previous: Buffer.alloc(32),
    change: { action: 'add', number: 2, key: alice2.modulus },
  });
  await a.publish(alice, [added, prekey(alice2)]);
  expect(await code(envelope(alice, bob.address, { listVersion: 1 }))).toBe('accepted');
  // To one's own other device.
  expect(await code(envelope(alice, alice2.address, { listVersion: 1 }))).toBe('accepted');
});

test('each device has a mailbox of its own', async () => {
  const relay = await openRelay();
  const a = await RawClient.signedIn(relay, alice);
  const added = change(alice, {
    version: 1,
    previous: Buffer.alloc(32),
    change: { action: 'add', number: 2, key: alice2.modulus },
  });
  await a.publish(alice, [added, prekey(alice2)]);
  const [a2, b] = [await RawClient.signedIn(relay, alice2), await RawClient.signedIn(relay, bob)];
  const [one, two] = [envelope(bob, alice.address), envelope(bob, alice2.address)];
  await sendAll(b, [one, two]);
  await until(() => a.delivered.length + a2.delivered.length === 2);
  expect([hashes(a), hashes(a2)]).toEqual([[hashOf(one)], [hashOf(two)]]);
  // A position of another's mailbox means nothing here.
  a.acknowledging = false;
  await b.send(envelope(bob, alice.address));
  await until(() => a.delivered.length === 2);
  a2.acknowledge([a.delivered[1]!.position]);
  await pause();
  expect(await relay.mailboxes.totals()).toMatchObject({ messages: 1 });
});

test('one sender fills its share of a mailbox, and nobody else’s', async () => {
  const relay = await openRelay({ limits: { mailboxBytesPerSender: 4000, mailboxBytes: 6000 } });
  (await RawClient.signedIn(relay, bob)).socket.close();
  const [a, m] = [await RawClient.signedIn(relay, alice), await RawClient.signedIn(relay, mallory)];
  const types = async (client: RawClient, all: Buffer[]): Promise<string[]> =>
    (await sendAll(client, all)).map((answer) => (answer.type === 'failure' ? answer.code : answer.type));
  expect(await types(m, many(5, mallory, bob))).toEqual([
    ...Array<string>(4).fill('accepted'),
    'mailbox-full',
  ]);
  expect(await types(a, many(3, alice, bob))).toEqual(['accepted', 'accepted', 'mailbox-full']);
  const b = await RawClient.signedIn(relay, bob);
  await until(async () => b.delivered.length === 6 && (await relay.mailboxes.totals()).messages === 0);
  expect(await types(m, many(2, mallory, bob))).toEqual(['accepted', 'accepted']);
});

test('of one sender at most 64 are under way, of all 256; the others are not held up', async () => {
  const relay = await openRelay();
  (await RawClient.signedIn(relay, bob)).socket.close();
  const [a, m] = [await RawClient.signedIn(relay, alice), await RawClient.signedIn(relay, mallory)];
  const flood = many(300, mallory, bob);
  await sendAll(m, flood);
  const few = many(3, alice, bob);
  await sendAll(a, few);
  const deaf = await RawClient.signedIn(relay, bob, { acknowledging: false });
  await until(() => deaf.delivered.length === WINDOW_PER_SENDER + few.length);
  await pause();
  expect(deaf.delivered).toHaveLength(WINDOW_PER_SENDER + few.length);
  expect(hashes(deaf)).toEqual(expect.arrayContaining(few.map(hashOf)));
  // What comes now from who isn't held back passes at once.
  const late = envelope(alice, bob.address);
  await a.send(late);
  await until(() => hashes(deaf).includes(hashOf(late)));
  expect(deaf.delivered.length).toBeLessThanOrEqual(WINDOW);
  deaf.acknowledging = true;
  deaf.acknowledge(deaf.delivered.map(({ position }) => position));
  await until(() => deaf.delivered.length === flood.length + few.length + 1);
  expect(hashes(deaf).filter((hash) => flood.some((one) => hashOf(one) === hash))).toEqual(flood.map(hashOf));
});

test('what nobody fetches for 30 days goes, and makes room', async () => {
  let now = Date.now();
  const relay = await openRelay({ now: () => now, limits: { mailboxBytesPerSender: 2000 } });
  (await RawClient.signedIn(relay, bob)).socket.close();
  const a = await RawClient.signedIn(relay, alice);
  await sendAll(a, many(2, alice, bob));
  expect(await a.send(envelope(alice, bob.address))).toMatchObject({ code: 'mailbox-full' });
  now += 30 * 24 * 60 * 60 * 1000 - 1000;
  await relay.mailboxes.expire(30 * 24 * 60 * 60 * 1000);
  expect(await relay.mailboxes.totals()).toMatchObject({ messages: 2 });
  now += 2000;
  await relay.mailboxes.expire(30 * 24 * 60 * 60 * 1000);
  expect(await relay.mailboxes.totals()).toMatchObject({ messages: 0 });
  expect((await a.send(envelope(alice, bob.address))).type).toBe('accepted');
});

test('malformed frames end their own connection alone; unknown ones are answered', async () => {
  const relay = await openRelay();
  const [a, b] = [await RawClient.signedIn(relay, alice), await RawClient.signedIn(relay, bob)];
  for (const { name, bytes } of frames.bad) {
    const client = await RawClient.signedIn(relay, mallory);
    client.tell(fromHex(bytes));
    const { code } = await client.closed;
    expect([1008, 1009], name).toContain(code);
  }
  const text = await RawClient.signedIn(relay, mallory);
  text.socket.send('{"type":"hello"}');
  expect(await text.closed).toEqual({ code: 1008, reason: 'malformed' });
  const client = await RawClient.signedIn(relay, mallory);
  client.tell(Buffer.of(99, 0, 0, 0, 0, 1, 2, 3));
  client.tell(Buffer.of(99, 0, 0, 0, 0));
  const one = envelope(alice, bob.address);
  expect((await a.send(one)).type).toBe('accepted');
  expect(hashes(b)).toEqual([hashOf(one)]);
  // Still there after what it didn't know.
  expect(await client.lookUp('alice')).toMatchObject({ type: 'bundle' });
});

test('killed at any moment, it has lost nothing that it had accepted', async () => {
  const data = temporaryFolder();
  const program = fileURLToPath(new URL('serve.ts', import.meta.url));
  const start = async () => {
    const child = spawn(process.execPath, [program, data], { stdio: ['ignore', 'pipe', 'inherit'] });
    afterwards(() => void child.kill('SIGKILL'));
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const { port, key } = JSON.parse(line) as { port: number; key: string };
    return { port, key: fromHex(key), kill: () => (child.kill('SIGKILL'), once(child, 'close')) };
  };
  const accepted = new Set<string>();
  const seen: string[] = [];
  for (let round = 0; round < 4; round++) {
    const relay = await start();
    // In the first round bob is away; in each other he takes what there is, and acknowledges half of it.
    const b = await RawClient.signedIn(relay, bob, { acknowledging: false });
    if (round === 0) b.socket.close();
    const a = await RawClient.signedIn(relay, alice);
    const sent = many(200, alice, bob).map((one) =>
      a.send(one).then(
        () => accepted.add(hashOf(one)),
        () => undefined,
      ),
    );
    await Promise.race([Promise.all(sent), pause(20 + 40 * round)]);
    b.delivered.forEach(({ position }, i) => i % 2 === 0 && b.acknowledge([position]));
    await pause(10 * round);
    await relay.kill();
    await Promise.all(sent);
    seen.push(...hashes(b));
  }
  const relay = await start();
  const b = await RawClient.signedIn(relay, bob);
  await until(() => [...accepted].every((hash) => seen.includes(hash) || hashes(b).includes(hash)));
  expect(accepted.size).toBeGreaterThan(100);
});

/** One step of a story: somebody's connection breaks or begins, the relay restarts, or all who are online write. */
type Step = { who: number; what: 'break' | 'connect' | 'restart' | 'write'; count: number; wait: number };
const step: fc.Arbitrary<Step> = fc.record({
  who: fc.nat(2),
  what: fc.oneof(
    { weight: 5, arbitrary: fc.constant('break' as const) },
    { weight: 6, arbitrary: fc.constant('connect' as const) },
    { weight: 1, arbitrary: fc.constant('restart' as const) },
    { weight: 10, arbitrary: fc.constant('write' as const) },
  ),
  count: fc.integer({ min: 1, max: 30 }),
  wait: fc.nat(30),
});

async function play(steps: readonly Step[]): Promise<void> {
  const data = temporaryFolder();
  let relay = await openRelay({ data });
  const people = [alice, bob, mallory];
  const pairs = [
    { from: alice, to: bob },
    { from: mallory, to: bob },
    { from: bob, to: alice },
  ].map((pair) => ({ ...pair, sent: [] as string[], accepted: [] as string[] }));
  const online = new Map<Device, RawClient>();
  const acknowledged = new Set<string>();
  /** What each connection got, in its order. */
  const received: { by: Device; hashes: string[] }[] = [];
  const connect = async (who: Device): Promise<void> => {
    online.set(who, await RawClient.signedIn(relay, who, { acknowledging: false }));
    received.push({ by: who, hashes: [] });
  };
  /** Takes what came, and acknowledges most of it. */
  const drain = (isAll: boolean): void => {
    for (const [who, client] of online) {
      const fresh = client.delivered.splice(0);
      received.findLast(({ by }) => by === who)!.hashes.push(...fresh.map(({ hash }) => hash));
      for (const [i, { hash, position }] of fresh.entries()) {
        if (!isAll && i % 3 === 2) continue;
        acknowledged.add(hash);
        client.acknowledge([position]);
      }
    }
  };
  for (const who of people) await connect(who);
  for (const { who: index, what, count, wait } of steps) {
    const who = people[index]!;
    if (what === 'break') {
      online.get(who)?.socket.terminate();
      online.delete(who);
    } else if (what === 'connect') {
      if (!online.has(who)) await connect(who);
    } else if (what === 'restart') {
      online.clear();
      await relay.close();
      relay = await openRelay({ data });
    } else {
      for (const { from, to, sent, accepted } of pairs) {
        const sender = online.get(from);
        for (const one of sender ? many(count, from, to) : []) {
          sent.push(hashOf(one));
          sender!.send(one).then(
            ({ type }) => type === 'accepted' && accepted.push(hashOf(one)),
            () => undefined,
          );
        }
      }
    }
    await pause(wait);
    drain(false);
  }
  for (const client of online.values()) client.socket.terminate();
  online.clear();
  await connect(alice);
  await connect(bob);
  await until(async () => {
    drain(true);
    return (await relay.mailboxes.totals()).messages === 0;
  });
  for (const { to, sent, accepted } of pairs) {
    expect(accepted.filter((hash) => !acknowledged.has(hash))).toEqual([]);
    const place = new Map(sent.map((hash, at) => [hash, at]));
    for (const { by, hashes: all } of received) {
      const places = all.filter((hash) => by === to && place.has(hash)).map((hash) => place.get(hash)!);
      expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
    }
  }
}

test('connections break, the relay restarts: what it accepted arrives, once on a connection and in order', async () => {
  let written = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 60 }), async (steps) => {
      await play(steps);
      written += steps.filter(({ what }) => what === 'write').length;
    }),
    { numRuns: 6, endOnFailure: true },
  );
  expect(written).toBeGreaterThan(20);
});
