// Runs the commands of a page's ```console blocks, one after the other in one shell, and compares what they print with
// what the page shows. A line of output may hold "…" where the real one varies.
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { root } from './sentences.ts';

export type Step = { command: string; shown: string[] };
const BLOCK = /^```console\n([^]*?)^```$/gm;

/** A command starts with "$ " and goes on as long as its lines end with a backslash. */
function stepsOf(block: string): Step[] {
  const steps: Step[] = [];
  let goesOn = false;
  for (const line of block.split('\n').slice(0, -1)) {
    const last = steps.at(-1);
    if (goesOn) last!.command += `\n${line}`;
    else if (line.startsWith('$ ')) steps.push({ command: line.slice(2), shown: [] });
    else if (last) last.shown.push(line);
    else throw new Error(`A console block begins with output: ${line}`);
    goesOn = line.endsWith('\\') && (goesOn || line.startsWith('$ '));
  }
  return steps;
}

export const steps = (page: string): Step[] =>
  [...page.matchAll(BLOCK)].flatMap(([, block]) => stepsOf(block!));

const END = '--- end of a command ---';

/** @returns what each command prints, both streams together, line by line */
export function run(commands: string[]): string[][] {
  const script = commands.map((command) => `${command}\necho; echo '${END}'\n`).join('');
  const { stdout, error } = spawnSync('bash', ['-c', `exec 2>&1\n${script}`], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH']}`, NO_COLOR: '1' },
  });
  if (error) throw error;
  const outputs = stdout.split(`${END}\n`).slice(0, -1);
  return outputs.map((output) =>
    output
      .replace(/\n+$/, '')
      .split('\n')
      .filter((line, i) => line !== '' || i > 0),
  );
}

/** Whether the page shows this output. */
export function fits(shown: string[], printed: string[]): boolean {
  const escaped = (part: string): string => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const shapes = shown.map((line) => new RegExp(`^${line.split('…').map(escaped).join('.+')}$`));
  return shapes.length === printed.length && printed.every((line, i) => shapes[i]!.test(line));
}

/** The page, with what its commands really print wherever it shows something else. */
export function corrected(page: string, outputs: string[][]): string {
  let next = 0;
  return page.replace(BLOCK, (_whole, block: string) => {
    const lines = stepsOf(block).flatMap(({ command, shown }) => {
      const printed = outputs[next++]!;
      return [`$ ${command}`, ...(fits(shown, printed) ? shown : printed)];
    });
    return ['```console', ...lines, '```'].join('\n');
  });
}
