// Two people with real messengers, keys in the keychain and a real relay: from send() to the other's message event.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { MAX_TEXT_BYTES } from '../protocol/content.ts';
import { type Figure, median } from './figures.ts';
import { withFolder } from './folder.ts';
import type { Reply, Request } from './person.ts';
import { startRelayProgram } from './start.ts';

/** Below the relay's burst, so that its limits as they are don't matter. */
const TEXTS = 300;
const RUNS = 5;
const SINGLES = 40;
const LONG_TEXTS = 8;
const text = 'x'.repeat(140);

async function ask(person: ChildProcess, request: Request): Promise<Reply> {
  person.send(request);
  const [reply] = (await once(person, 'message')) as [Reply];
  return reply;
}

export function measureChat(): Promise<Figure[]> {
  return withFolder(async (folder) => {
    const relay = await startRelayProgram(join(folder, 'relay'));
    const names = ['alice', 'bob'];
    const [alice, bob] = names.map(() => fork(new URL('person.ts', import.meta.url))) as [
      ChildProcess,
      ChildProcess,
    ];
    const people = [alice, bob];
    try {
      const coming = people.map((person, i) => {
        const name = names[i]!;
        return ask(person, { kind: 'come', name, invite: relay.invite, directory: join(folder, name) });
      });
      await Promise.all(coming);
      const figures = await measureTexts(alice, bob);
      await Promise.all(people.map((person) => ask(person, { kind: 'leave' })));
      return figures;
    } finally {
      people.forEach((person) => person.kill());
      await relay.stop();
    }
  });
}

type Sent = { milliseconds: number; standstill: NonNullable<Reply['standstill']> };

async function send(from: ChildProcess, to: ChildProcess, count: number, text: string): Promise<Sent> {
  const awaited = ask(to, { kind: 'await', count });
  const [{ at: start }, { at, standstill }] = await Promise.all([
    ask(from, { kind: 'send', to: 'bob', count, text }),
    awaited,
  ]);
  return { milliseconds: at - start, standstill: standstill! };
}

async function measureTexts(alice: ChildProcess, bob: ChildProcess): Promise<Figure[]> {
  await send(alice, bob, TEXTS / 4, text);
  const rates: number[] = [];
  for (let i = 0; i < RUNS; i++)
    rates.push((TEXTS * 1000) / (await send(alice, bob, TEXTS, text)).milliseconds);
  const singles: number[] = [];
  for (let i = 0; i < SINGLES; i++) singles.push((await send(alice, bob, 1, text)).milliseconds);
  const long: Sent[] = [];
  for (let i = 0; i < LONG_TEXTS; i++) long.push(await send(alice, bob, 1, 'x'.repeat(MAX_TEXT_BYTES)));
  const standstills = long.map(({ standstill }) => standstill);
  const longest = standstills.map((standstill) => standstill.longest);
  const own = Math.max(...standstills.map((standstill) => standstill.own));
  return [
    {
      name: 'messenger to messenger, short texts',
      value: median(rates),
      unit: 'texts/s',
      detail: `runs of ${TEXTS}: ${Math.round(Math.min(...rates))} to ${Math.round(Math.max(...rates))}`,
    },
    {
      name: 'one short text, send to message',
      value: median(singles),
      unit: 'ms',
      detail: `median of ${SINGLES}`,
    },
    {
      name: 'one text of 32 KiB, send to message',
      value: median(long.map(({ milliseconds }) => milliseconds)),
      unit: 'ms',
      detail: `median of ${LONG_TEXTS}`,
    },
    {
      name: 'event loop blocked while receiving 32 KiB',
      value: Math.max(...longest),
      unit: 'ms',
      target: { below: 20 },
      detail: `longest of ${LONG_TEXTS}, median ${median(longest).toFixed(1)}; own work at most ${own.toFixed(1)}`,
    },
  ];
}
