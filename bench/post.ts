// What the relay carries: messages over TLS from senders to recipients, each accepted only when it is on a disk.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { type Figure, median, percentile } from './figures.ts';
import { withFolder } from './folder.ts';
import type { Order, Outcome } from './load.ts';
import type { Started, Usage } from './relay.ts';

const PAIRS = 16;
const WINDOW = 32;
const RUN_MS = 2000;
const RUNS = 5;
/** The relay has one thread; the other cores are for those who write to it. */
const LOADERS = Math.min(4, Math.max(1, availableParallelism() - 1));

const child = (file: string, args: string[] = []): ChildProcess =>
  fork(new URL(file, import.meta.url), args, { serialization: 'advanced' });

async function ask<Answer>(process: ChildProcess, question: Order | 'usage'): Promise<Answer> {
  process.send(question);
  const [answer] = (await once(process, 'message')) as [Answer];
  return answer;
}

export function measurePost(): Promise<Figure[]> {
  return withFolder(async (folder) => {
    const relay = child('relay.ts', [folder]);
    const loaders = Array.from({ length: LOADERS }, () => child('load.ts'));
    try {
      const [{ port, key }] = (await once(relay, 'message')) as [Started];
      const pairs = Math.ceil(PAIRS / LOADERS);
      const joined = loaders.map((loader, i) =>
        ask(loader, { kind: 'join', port, key, pairs, prefix: `user${i}-` }),
      );
      await Promise.all(joined);
      return await measureLoads(relay, loaders);
    } finally {
      for (const process of [...loaders, relay]) {
        process.disconnect();
        await once(process, 'exit');
      }
    }
  });
}

type Load = { perSecond: number; latencies: Float64Array; relayBusy: number; loadersBusy: number };

async function run(relay: ChildProcess, loaders: ChildProcess[], order: Order): Promise<Load> {
  const { cpu } = await ask<Usage>(relay, 'usage');
  const outcomes = await Promise.all(loaders.map((loader) => ask<Outcome>(loader, order)));
  const spent = (await ask<Usage>(relay, 'usage')).cpu - cpu;
  const milliseconds = Math.max(...outcomes.map((outcome) => outcome.milliseconds));
  const sum = (of: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0);
  return {
    perSecond: (sum(({ accepted }) => accepted) * 1000) / milliseconds,
    latencies: Float64Array.from(outcomes.flatMap(({ latencies }) => [...latencies])).sort(),
    relayBusy: spent / 1000 / milliseconds,
    loadersBusy: sum(({ cpu }) => cpu) / 1000 / milliseconds,
  };
}

async function measureLoads(relay: ChildProcess, loaders: ChildProcess[]): Promise<Figure[]> {
  const saturate: Order = { kind: 'saturate', window: WINDOW, milliseconds: RUN_MS };
  await run(relay, loaders, saturate);
  const full: Load[] = [];
  for (let i = 0; i < RUNS; i++) full.push(await run(relay, loaders, saturate));
  const perSecond = median(full.map((load) => load.perSecond));
  const half: Order = { kind: 'pace', perSecond: perSecond / 2 / loaders.length, milliseconds: RUN_MS };
  const paced: Load[] = [];
  for (let i = 0; i < RUNS; i++) paced.push(await run(relay, loaders, half));
  const at = (share: number): number => median(paced.map(({ latencies }) => percentile(latencies, share)));
  const busy = (loads: Load[], of: 'relayBusy' | 'loadersBusy'): string =>
    `${Math.round(median(loads.map((load) => load[of])) * 100)} %`;
  const rates = full.map((load) => Math.round(load.perSecond));
  const load = `at ${Math.round(median(paced.map((run) => run.perSecond))).toLocaleString('en')} messages/s`;
  return [
    {
      name: 'relay, durable, at saturation',
      value: perSecond,
      unit: 'messages/s',
      detail:
        `runs ${Math.min(...rates)} to ${Math.max(...rates)}; processor: ` +
        `relay ${busy(full, 'relayBusy')}, load ${busy(full, 'loadersBusy')} of a core`,
    },
    {
      name: 'relay, durable, in a second of its processor time',
      value: median(full.map((load) => load.perSecond / load.relayBusy)),
      unit: 'messages',
      detail: 'what a core of its own would give it, whatever else the computer does',
    },
    { name: 'relay, send to deliver at half load, p50', value: at(0.5), unit: 'ms', detail: load },
    {
      name: 'relay, send to deliver at half load, p99',
      value: at(0.99),
      unit: 'ms',
      detail: `processor: relay ${busy(paced, 'relayBusy')} of a core`,
    },
  ];
}
