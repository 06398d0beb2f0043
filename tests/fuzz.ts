// What hostile peers say, and two honest people who chat meanwhile.
import { randomBytes, randomInt } from 'node:crypto';
import { expect } from 'vitest';
import type { Messenger } from '../main/messenger/messenger.ts';
import { afterwards, bringOnline, openPerson, until } from './town.ts';

export const pick = <T>(choices: readonly T[]): T => choices[randomInt(choices.length)]!;
export const base64 = (length: number): string => randomBytes(length).toString('base64url');

/** Makes one of many things. @param kinds how often each is made, in parts of the whole */
export function mixed<T>(kinds: [parts: number, make: () => T][]): () => T {
  const makers = kinds.flatMap(([parts, make]) => Array.from({ length: parts }, () => make));
  return () => pick(makers)();
}

/** Text that is near a frame, and none.
 * @param frames in JSON @param parse throws if a text is no frame */
export function malformed(frames: string[], parse: (text: string) => unknown): string {
  for (;;) {
    const text = mutate(pick(frames));
    try {
      parse(text);
    } catch {
      return text;
    }
    // By chance it is a frame after all: nobody has to end a connection for that.
  }
}

function mutate(frame: string): string {
  const at = randomInt(frame.length);
  const broken = JSON.parse(frame) as Record<string, unknown>;
  const field = pick(Object.keys(broken));
  return pick<() => string>([
    () => frame.slice(0, at),
    () => `${frame.slice(0, at)}\u0000${frame.slice(at)}`,
    () => frame + frame,
    () => randomBytes(randomInt(1, 200)).toString('latin1'),
    () =>
      JSON.stringify({
        ...broken,
        [field]: pick<unknown>([null, -1, 1e308, '', [], {}, true, 'x'.repeat(5000)]),
      }),
    () => JSON.stringify({ ...broken, [field]: undefined }),
    () => JSON.stringify({ ...broken, [base64(4)]: base64(8) }),
    () => `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
    () => `{"type":"${pick(['constructor', '__proto__', 'toString', 'hello\\u0000'])}","id":1}`,
    () => `{"__proto__":${frame},"type":${JSON.stringify(broken['type'])}}`,
    () => JSON.stringify([broken]),
    () => frame.replace('"id":', '"id":-'),
    () => frame.replaceAll('"', "'"),
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
