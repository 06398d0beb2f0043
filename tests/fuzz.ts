// What hostile peers say, and two honest people who chat meanwhile.
import { randomBytes, randomInt } from 'node:crypto';
import { expect } from 'vitest';
import type { Messenger } from '../main/messenger/messenger.ts';
import { decodeFrame } from '../protocol/frames.ts';
import { afterwards, bringOnline, openPerson, until } from './harness.ts';

export const pick = <T>(choices: readonly T[]): T => choices[randomInt(choices.length)]!;

/** Makes one of many things. @param kinds how often each is made, in parts of the whole */
export function mixed<T>(kinds: [parts: number, make: () => T][]): () => T {
  const makers = kinds.flatMap(([parts, make]) => Array.from({ length: parts }, () => make));
  return () => pick(makers)();
}

/** Bytes that are near a frame, and none. @param frames as bytes */
export function malformed(frames: Buffer[]): Buffer {
  for (;;) {
    const bytes = mutate(pick(frames));
    try {
      decodeFrame(bytes);
    } catch {
      return bytes;
    }
    // By chance it is a frame after all: nobody has to end a connection for that.
  }
}

export function mutate(bytes: Buffer): Buffer {
  const at = randomInt(bytes.length);
  const changed = Buffer.from(bytes);
  return pick<() => Buffer>([
    () => bytes.subarray(0, at),
    () => Buffer.concat([bytes, randomBytes(randomInt(1, 20))]),
    () => Buffer.concat([bytes, bytes]),
    () => Buffer.concat([bytes.subarray(0, at), randomBytes(randomInt(1, 9)), bytes.subarray(at)]),
    () => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]),
    () => randomBytes(randomInt(1, 200)),
    () => Buffer.alloc(0),
    () => (changed.writeUInt8(randomInt(256), at), changed),
    () => (changed.fill(pick([0, 0xff]), at), changed),
    () => (changed.fill(randomBytes(2), Math.min(5, at)), changed),
  ])();
}

type Pair = {
  alice: Messenger;
  bob: Messenger;
  /** Ends the chat. @returns how many messages it had; all of them arrived in order, and nothing was amiss */
  stop(): Promise<number>;
};

/** Two who chat all the while. */
export async function honestPair(invite: string): Promise<Pair> {
  const [alice, bob] = await Promise.all([
    openPerson('honest.alice', invite),
    openPerson('honest.bob', invite),
  ]);
  await Promise.all([bringOnline(alice), bringOnline(bob)]);
  await Promise.all([alice.startConversation(bob.name), bob.startConversation(alice.name)]);
  const amiss: string[] = [];
  for (const person of [alice, bob]) {
    person.on('failure', ({ message }) => amiss.push(message));
    person.on('connection', (state) => amiss.push(state));
  }
  const said: string[] = [];
  const heard: string[] = [];
  bob.on('message', ({ from, text }) => from === alice.name && heard.push(text));
  let talking = true;
  const talk = (async () => {
    while (talking) {
      said.push(`message ${said.length}`);
      await alice.send(bob.name, said.at(-1)!);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  const hush = (): Promise<void> => {
    talking = false;
    return talk;
  };
  afterwards(hush);
  const stop = async (): Promise<number> => {
    await hush();
    await until(() => heard.length >= said.length);
    expect(heard).toEqual(said);
    expect(amiss).toEqual([]);
    return said.length;
  };
  return { alice, bob, stop };
}
