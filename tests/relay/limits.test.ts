// Budgets: how fast a connection may ask, and what happens to one that asks faster.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Budget, costs, defaultLimits } from '../../relay/limits.ts';
import { openRelay } from '../town.ts';
import { alice, bob, letter, Wire } from './wire.ts';

test('a budget is spent at once, and pays a debt back with time', () => {
  let now = 1000;
  const budget = new Budget(10, 5, () => now);
  expect(budget.spend(10)).toBe(0);
  expect(budget.spend(5)).toBe(1000);
  now += 400;
  expect(budget.spend(0)).toBe(600);
  now += 600;
  expect(budget.spend(0)).toBe(0);
  expect(budget.spend(1)).toBe(200);
});

test('a budget never grows over its capacity', () => {
  let now = 0;
  const budget = new Budget(10, 5, () => now);
  now += 1e9;
  expect(budget.spend(10)).toBe(0);
  expect(budget.spend(5)).toBe(1000);
});

test('a budget takes nothing for what it can not afford', () => {
  let now = 0;
  const budget = new Budget(2, 1, () => now);
  expect([budget.afford(), budget.afford(), budget.afford(), budget.afford()]).toEqual([
    true,
    true,
    false,
    false,
  ]);
  now += 1000;
  expect([budget.afford(), budget.afford()]).toEqual([true, false]);
});

test('however it is asked, also when its clock is set back, a budget affords no more than it has earned', () => {
  const waits = fc.array(fc.integer({ min: -5000, max: 5000 }), { maxLength: 100 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 50 }),
      waits,
      (capacity, rate, steps) => {
        let now = 1e6;
        const budget = new Budget(capacity, rate, () => now);
        let [afforded, forward] = [0, 0];
        for (const step of steps) {
          now += step;
          forward += Math.max(0, step);
          if (budget.afford()) afforded++;
        }
        expect(afforded).toBeLessThanOrEqual(capacity + (forward / 1000) * rate + 1e-6);
      },
    ),
  );
});

test('who asks faster than the budget is slowed down, and answered all the same', async () => {
  const limits = { burst: 100, perSecond: 100 };
  const relay = await openRelay({ limits });
  const wire = await Wire.signedIn(relay, alice);
  const count = 30;
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    expect(await wire.ask({ type: 'lookup', user: 'alice' })).toMatchObject({ type: 'user' });
  }
  // The last one's own debt is paid after its answer; a tenth is left for clocks that differ.
  const earliest = ((costs.lookup * (count - 1) - limits.burst) / limits.perSecond) * 1000;
  expect(performance.now() - start).toBeGreaterThan(earliest * 0.9);
});

test('a burst within the budget is not slowed down', async () => {
  // Nothing is earned: a single frame over the budget would wait for hours.
  const relay = await openRelay({ limits: { burst: defaultLimits.burst, perSecond: 0.001 } });
  const sender = await Wire.signedIn(relay, alice);
  await Wire.signedIn(relay, bob);
  const letters = Array.from({ length: 1500 }, () => sender.post(bob, letter(alice, bob).envelope));
  const answers = await Promise.all(letters);
  expect(new Set(answers.map(({ type }) => type))).toEqual(new Set(['accepted']));
});
