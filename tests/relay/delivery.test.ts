// Mailboxes and deliveries on a real database that answers late and in any order, as one on another machine would.
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Delivery, WINDOW, WINDOW_PER_SENDER } from '../../relay/delivery.ts';
import { Mailboxes } from '../../relay/mailboxes.ts';
import { SCHEMA } from '../../relay/schema.ts';
import { SqliteMessages } from '../../relay/sqlite-messages.ts';
import type { MessageStore, Waiting } from '../../relay/stores.ts';
import { afterwards, temporaryFolder, until } from '../harness.ts';

const LIMITS = { mailboxBytes: 1e9, mailboxBytesPerSender: 1e9 };
const MAILBOX = 'bob/1';

function openStore(): SqliteMessages {
  const database = new DatabaseSync(join(temporaryFolder(), 'relay.sqlite'));
  database.exec(SCHEMA);
  afterwards(() => database.close());
  return new SqliteMessages(database);
}

const numbered = (sender: string, number: number, bytes = 900): Buffer =>
  Buffer.from(`${sender} ${number}`.padEnd(bytes));
const numberIn = ({ envelope }: Waiting): number => Number(envelope.toString().split(' ')[1]);

/** Alice's first envelope was pushed to a connection that has broken; `reconnect` starts the one after it. */
async function brokenOff(): Promise<{
  mailboxes: Mailboxes;
  got: Waiting[];
  one: { stored: Promise<void> };
  reconnect: () => Promise<Delivery>;
}> {
  const mailboxes = new Mailboxes(openStore(), LIMITS, Date.now);
  const got: Waiting[] = [];
  const broken = new Delivery(MAILBOX, mailboxes, () => undefined);
  await broken.start();
  const one = await mailboxes.put(MAILBOX, 'alice', numbered('alice', 1), (waiting) => broken.offer(waiting));
  broken.end();
  const reconnect = async (): Promise<Delivery> => {
    const next = new Delivery(MAILBOX, mailboxes, (waiting) => got.push(waiting));
    mailboxes.onStored = (stored) => {
      for (const { sender, position } of stored) next.stored(sender, position);
      void next.refill();
    };
    await next.start();
    return next;
  };
  return { mailboxes, got, one, reconnect };
}

test('what was pushed to a connection that breaks comes first on the next one', async () => {
  const { mailboxes, got, one, reconnect } = await brokenOff();
  // Nobody is there: this one needn't wait, and must not overtake the first.
  const two = await mailboxes.put(MAILBOX, 'alice', numbered('alice', 2), () => false);
  await two.stored;
  await reconnect();
  await one.stored;
  await until(() => got.length === 2);
  expect(got.map(numberIn)).toEqual([1, 2]);
});

test('nor does what comes in after the next connection has started overtake it', async () => {
  const { mailboxes, got, one, reconnect } = await brokenOff();
  // Nothing is stored yet: the first still waits for the acknowledgement that won't come.
  const next = await reconnect();
  const two = await mailboxes.put(MAILBOX, 'alice', numbered('alice', 2), (waiting) => next.offer(waiting));
  await Promise.all([one.stored, two.stored]);
  await until(() => got.length === 2);
  expect(got.map(numberIn)).toEqual([1, 2]);
});

/** A store whose answers come when the scheduler says. */
function slowed(store: SqliteMessages, scheduler: fc.Scheduler): MessageStore {
  const late =
    <Args extends unknown[], Result>(work: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      const result = await work(...args);
      return scheduler.schedule(Promise.resolve(result));
    };
  return {
    add: late((batch, received) => store.add(batch, received)),
    read: late((mailbox, sender, after, most) => store.read(mailbox, sender, after, most)),
    has: late((mailbox, hash) => store.has(mailbox, hash)),
    usage: late((mailbox) => store.usage(mailbox)),
    remove: late((positions) => store.remove(positions)),
    expire: (before, most) => store.expire(before, most),
    totals: () => store.totals(),
    reserve: (count) => store.reserve(count),
  };
}

type Step = { what: 'put' | 'acknowledge'; sender: 'alice' | 'mallory'; count: number; bytes: number };
const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom('put' as const, 'put' as const, 'acknowledge' as const),
  sender: fc.constantFrom('alice' as const, 'mallory' as const),
  count: fc.integer({ min: 1, max: 80 }),
  // Many small ones are held until the window has room; of large ones a part is read from the store.
  bytes: fc.constantFrom(900, 20_000),
});

test('however late the store answers: each envelope once, in order, and never too many under way', async () => {
  let heldBack = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(step, { minLength: 10, maxLength: 25 }),
      async (scheduler, steps) => {
        const mailboxes = new Mailboxes(slowed(openStore(), scheduler), LIMITS, Date.now);
        const got: Record<string, number[]> = { alice: [], mallory: [] };
        const put: Record<string, number> = { alice: 0, mallory: 0 };
        const turns: Record<string, Promise<unknown>> = {
          alice: Promise.resolve(),
          mallory: Promise.resolve(),
        };
        const underWay: Waiting[] = [];
        const delivery = new Delivery(MAILBOX, mailboxes, (waiting) => {
          got[waiting.sender]!.push(numberIn(waiting));
          underWay.push(waiting);
          expect(underWay.length).toBeLessThanOrEqual(WINDOW);
          const own = underWay.filter(({ sender }) => sender === waiting.sender);
          expect(own.length).toBeLessThanOrEqual(WINDOW_PER_SENDER);
        });
        mailboxes.onStored = (stored) => {
          for (const { sender, position } of stored) delivery.stored(sender, position);
          void delivery.refill();
        };
        const acknowledge = (count: number): void => {
          for (const { position } of underWay.splice(0, count)) {
            mailboxes.acknowledge(delivery.acknowledged(position)!);
          }
          if (delivery.isHungry) void delivery.refill();
        };
        const accepted: Promise<void>[] = [];
        void delivery.start();
        for (const { what, sender, count, bytes } of steps) {
          if (what === 'acknowledge') acknowledge(count);
          for (let i = 0; what === 'put' && i < count; i++) {
            const envelope = numbered(sender, put[sender]!++, bytes);
            // A connection takes its frames one after the other.
            const placed = turns[sender]!.then(() =>
              mailboxes.put(MAILBOX, sender, envelope, (waiting) => {
                const isHanded = delivery.offer(waiting);
                if (!isHanded) heldBack++;
                return isHanded;
              }),
            );
            turns[sender] = placed;
            accepted.push(placed.then(({ stored }) => stored));
          }
          for (let i = 0; i < count % 4 && scheduler.count() > 0; i++) await scheduler.waitOne();
          await new Promise((resolve) => setImmediate(resolve));
        }
        let isAccepted = false;
        void Promise.all(accepted).then(() => (isAccepted = true));
        const isDone = (): boolean =>
          isAccepted && ['alice', 'mallory'].every((sender) => got[sender]!.length >= put[sender]!);
        await until(async () => {
          // Whatever the scheduler has, and what follows from it.
          for (let i = 0; i < 200 && !isDone(); i++) {
            acknowledge(Infinity);
            if (scheduler.count() > 0) await scheduler.waitOne();
            await new Promise((resolve) => setImmediate(resolve));
          }
          return isDone();
        });
        for (const sender of ['alice', 'mallory']) {
          expect(got[sender]).toEqual(Array.from({ length: put[sender]! }, (_, i) => i));
        }
      },
    ),
    { numRuns: 25, endOnFailure: true },
  );
  expect(heldBack).toBeGreaterThan(100);
});
