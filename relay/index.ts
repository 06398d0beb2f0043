#!/usr/bin/env node
// The relay's program: what it does is in commands/.
import { setTimeout as delay } from 'node:timers/promises';
import { main } from './commands/program.ts';

/** How long the app has to read what was said last. */
const LINGER_MS = 250;

let refused: NodeJS.ErrnoException | undefined;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  refused = error;
  process.exit();
});
process.on('exit', () => {
  // The end may come before that event, as after --help.
  const { code } = (refused ?? process.stdout.errored ?? {}) as NodeJS.ErrnoException;
  // Whoever reads the output may stop in the middle.
  if (code === undefined || code === 'EPIPE') return;
  console.error(`signet-relay: Standard output cannot be written (${code}).`);
  process.exitCode = 1;
});

void main(process.argv.slice(2)).then(async (code) => {
  process.exitCode = code;
  if (!('parentPort' in process)) return;
  // A utility process of Electron's doesn't end when nothing is left to do, and what is not read of it by its end is lost.
  await delay(LINGER_MS);
  process.exit();
});
