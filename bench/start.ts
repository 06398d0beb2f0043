// From starting the relay's program to its first line, which it prints when it listens.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Figure, median } from './figures.ts';
import { withFolder } from './folder.ts';

const FOLDERS = 7;
const program = join(import.meta.dirname, '..', 'relay', 'index.ts');

/** A relay's process that has begun to listen. */
export type Listening = { invite: string; milliseconds: number; stop(): Promise<void> };

export async function startRelayProgram(data: string): Promise<Listening> {
  const start = performance.now();
  const args = [
    program,
    '--json',
    '--port',
    '0',
    '--host',
    '127.0.0.1',
    '--data',
    data,
    '--log-level',
    'warn',
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const milliseconds = performance.now() - start;
  const { invite } = JSON.parse(line.toString('utf8')) as { invite: string };
  return {
    invite,
    milliseconds,
    stop: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

export async function measureStart(): Promise<Figure[]> {
  const first: number[] = [];
  const later: number[] = [];
  const start = async (data: string): Promise<number> => {
    const { milliseconds, stop } = await startRelayProgram(data);
    await stop();
    return milliseconds;
  };
  for (let i = 0; i < FOLDERS; i++) {
    await withFolder(async (folder) => {
      first.push(await start(folder));
      later.push(await start(folder));
    });
  }
  const figure = (name: string, times: number[]): Figure => ({
    name,
    value: median(times),
    unit: 'ms',
    target: { below: 300 },
    detail: `median of ${times.length}; ${Math.round(Math.min(...times))} to ${Math.round(Math.max(...times))}`,
  });
  return [
    figure('relay, start to listening, first time', first),
    figure('relay, start to listening, later', later),
  ];
}
