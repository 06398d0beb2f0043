// A program in a real pseudo-terminal (script, of util-linux), and what a person sees on its screen.
import { spawn } from 'node:child_process';
import { Terminal } from '@xterm/headless';
import { afterwards } from '../harness.ts';
import { root } from './clients.ts';

export type Screen = {
  type(text: string): void;
  /** Every line from the first, unwrapped, without the empty ones and the spaces at their ends. */
  lines(): Promise<string[]>;
  /** Rows of the screen that the last line takes. */
  lastLineRows(): number;
  /** What a program can do to a terminal besides writing: changes of its title, bells. */
  alarms: string[];
  exit: Promise<number | null>;
};

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** Opens a screen and runs a program of this project in it, on this Node.js; killed after the test. */
export function openScreen(
  args: string[],
  columns: number,
  rows: number,
  environment: NodeJS.ProcessEnv = process.env,
): Screen {
  const terminal = new Terminal({ cols: columns, rows, allowProposedApi: true });
  const alarms: string[] = [];
  terminal.onTitleChange((title) => alarms.push(`title ${title}`));
  terminal.onBell(() => alarms.push('bell'));
  const command = [process.execPath, ...args].map(quote).join(' ');
  const script = `stty cols ${columns} rows ${rows}; exec ${command}`;
  const child = spawn('script', ['-q', '-e', '-c', script, '/dev/null'], {
    cwd: root,
    env: { ...environment, SHELL: '/bin/sh', TERM: 'xterm-256color', LC_ALL: 'C.UTF-8' },
  });
  child.stdout.on('data', (chunk: Buffer) => terminal.write(chunk));
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  afterwards(async () => {
    // The program in it is hung up on when its terminal goes.
    child.kill('SIGKILL');
    await exit;
    terminal.dispose();
  });
  const buffer = terminal.buffer.active;
  return {
    type: (text) => void child.stdin.write(text),
    alarms,
    exit,
    lines: async () => {
      await new Promise<void>((resolve) => terminal.write('', resolve));
      const lines: string[] = [];
      for (let y = 0; y < buffer.length; y++) {
        const row = buffer.getLine(y)!;
        // The last cell stays empty if a wide character did not fit into it.
        const text = row.translateToString(!buffer.getLine(y + 1)?.isWrapped);
        if (row.isWrapped) lines.push(lines.pop()! + text);
        else lines.push(text);
      }
      return lines.map((line) => line.trimEnd()).filter((line) => line !== '');
    },
    lastLineRows: () => {
      let last = buffer.length - 1;
      while (last > 0 && buffer.getLine(last)!.translateToString(true) === '') last--;
      let first = last;
      while (first > 0 && buffer.getLine(first)!.isWrapped) first--;
      return last - first + 1;
    },
  };
}
