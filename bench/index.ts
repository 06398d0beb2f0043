// Runs the benchmarks: all of them, or those that are named on the command line. Nothing fails by a time.
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { measureChat } from './chat.ts';
import { type Benchmark, type Figure, isMet, toTable } from './figures.ts';
import { outFolder } from './folder.ts';
import { measurePost } from './post.ts';
import { measureBlocking, measureLong, measureShort } from './sealing.ts';
import { measureStart } from './start.ts';
import { measureWindow } from './window.ts';

const benchmarks: Record<string, Benchmark> = {
  short: { title: 'Short messages against bare RSA', measure: measureShort },
  long: { title: 'Long messages against bare RSA, on all cores', measure: measureLong },
  blocking: { title: 'The event loop while a long message is opened', measure: measureBlocking },
  post: { title: 'What the relay carries', measure: measurePost },
  start: { title: "The relay's start", measure: measureStart },
  window: { title: 'The window with a long life behind it', measure: measureWindow },
  chat: { title: 'From messenger to messenger', measure: measureChat },
};

const names = process.argv.slice(2);
const unknown = names.filter((name) => !Object.hasOwn(benchmarks, name));
if (unknown.length > 0) {
  console.error(`There is no benchmark "${unknown[0]}". There are: ${Object.keys(benchmarks).join(', ')}.`);
  process.exit(1);
}

const computer = `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), Node.js ${process.version}`;
console.log(`Signet's benchmarks on ${computer}. What else the computer does shows in the figures.\n`);
const load = loadavg()[0];
const figures: Figure[] = [];
for (const [name, { title, measure }] of Object.entries(benchmarks)) {
  if (names.length > 0 && !names.includes(name)) continue;
  console.error(`${title} (${name}) ...`);
  figures.push(...(await measure()));
}
console.log(`\n${toTable(figures)}`);

const file = join(outFolder, 'results.json');
mkdirSync(outFolder, { recursive: true });
const results = {
  time: new Date().toISOString(),
  computer,
  loadAverageBefore: load,
  figures: figures.map((figure) => ({ ...figure, met: isMet(figure) })),
};
writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
console.log(`\nWritten to ${join('out', 'bench', 'results.json')}.`);
