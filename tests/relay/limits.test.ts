// Token buckets: how fast a connection may ask, and what happens to one that asks faster.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { costs, defaultLimits } from '../../relay/limits.ts';
import { TokenBucket } from '../../relay/token-bucket.ts';
import { openRelay } from '../harness.ts';
import { device, envelope, RawClient } from './raw-client.ts';

const [alice, bob] = [device('alice'), device('bob')];

test('a bucket is spent at once, and pays a debt back with time', () => {
  let now = 1000;
  const bucket = new TokenBucket(10, 5, () => now);
  expect(bucket.spend(10)).toBe(0);
  expect(bucket.spend(5)).toBe(1000);
  now += 400;
  expect(bucket.spend(0)).toBe(600);
  now += 600;
  expect(bucket.spend(0)).toBe(0);
  expect(bucket.spend(1)).toBe(200);
});

test('a bucket never grows over its capacity', () => {
  let now = 0;
  const bucket = new TokenBucket(10, 5, () => now);
  now += 1e9;
  expect(bucket.spend(10)).toBe(0);
  expect(bucket.spend(5)).toBe(1000);
});

test('a bucket takes nothing for what it cannot afford', () => {
  let now = 0;
  const bucket = new TokenBucket(2, 1, () => now);
  expect([bucket.afford(), bucket.afford(), bucket.afford(), bucket.afford()]).toEqual([
    true,
    true,
    false,
    false,
  ]);
  now += 1000;
  expect([bucket.afford(), bucket.afford()]).toEqual([true, false]);
});

test('however it is asked, also when its clock is set back, a bucket affords no more than it has earned', () => {
  const waits = fc.array(fc.integer({ min: -5000, max: 5000 }), { maxLength: 100 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 50 }),
      waits,
      (capacity, rate, steps) => {
        let now = 1e6;
        const bucket = new TokenBucket(capacity, rate, () => now);
        let [afforded, forward] = [0, 0];
        for (const step of steps) {
          now += step;
          forward += Math.max(0, step);
          if (bucket.afford()) afforded++;
        }
        expect(afforded).toBeLessThanOrEqual(capacity + (forward / 1000) * rate + 1e-6);
      },
    ),
  );
});

test('who asks faster than the bucket fills is slowed down, and answered all the same', async () => {
  const limits = { burst: 100, perSecond: 100 };
  const relay = await openRelay({ limits });
  const client = await RawClient.signedIn(relay, alice);
  const count = 30;
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    expect(await client.lookUp('alice')).toMatchObject({ type: 'bundle' });
  }
  // The last one's own debt is paid after its answer; a tenth is left for clocks that differ.
  const earliest = ((costs.lookup * (count - 1) - limits.burst) / limits.perSecond) * 1000;
  expect(performance.now() - start).toBeGreaterThan(earliest * 0.9);
});

test('a burst within the bucket is not slowed down', async () => {
  // Nothing is earned: a single frame over it would wait for hours.
  const relay = await openRelay({ limits: { burst: defaultLimits.burst, perSecond: 0.001 } });
  const sender = await RawClient.signedIn(relay, alice);
  await RawClient.signedIn(relay, bob);
  const answers = await Promise.all(
    Array.from({ length: 1500 }, () => sender.send(envelope(alice, bob.address))),
  );
  expect(new Set(answers.map(({ type }) => type))).toEqual(new Set(['accepted']));
});
