#!/usr/bin/env node
// The relay's program: what it does is in commands/.
import { main } from './commands/program.ts';

// Whoever reads the output may stop in the middle.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

void main(process.argv.slice(2)).then((code) => (process.exitCode = code));
