// The line being typed, on streams: pastes in pieces, and what is printed above it.
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Input, Lines } from '../../cli/lines.ts';
import { afterwards } from '../harness.ts';

const [BEGIN, END] = ['\u001b[200~', '\u001b[201~'];

/** Lines at a terminal that is only streams. */
function terminal(signal?: AbortSignal): {
  lines: Lines;
  type: (text: string | Buffer) => void;
  end: () => void;
  output: () => string;
} {
  const input: Input & PassThrough = Object.assign(new PassThrough(), { setRawMode: () => undefined });
  const output = new PassThrough().setEncoding('utf8');
  let text = '';
  output.on('data', (chunk: string) => (text += chunk));
  const lines = new Lines(input, output, true, signal);
  afterwards(() => lines.close());
  return { lines, type: (typed) => void input.write(typed), end: () => void input.end(), output: () => text };
}

test('a paste is one line with its line breaks, wherever it is cut', async () => {
  const word = fc.constantFrom('one', 'é', '👩‍👩‍👧', '~', '[20', ' ');
  await fc.assert(
    fc.asyncProperty(
      fc.array(word, { maxLength: 4 }),
      fc.array(fc.oneof(word, fc.constantFrom('\n', '\r\n', '\r')), { maxLength: 8 }),
      fc.array(fc.nat(60), { maxLength: 6 }),
      async (before, pasted, cuts) => {
        const { lines, type } = terminal();
        const line = lines.next('> ');
        const bytes = Buffer.from(`${before.join('')}${BEGIN}${pasted.join('')}${END}\r`);
        // But for the place after a paste's very first byte: a lone Escape is a key.
        const mark = Buffer.byteLength(before.join('')) + 1;
        const places = [
          0,
          ...cuts
            .map((cut) => cut % bytes.length)
            .filter((cut) => cut !== mark)
            .sort((a, b) => a - b),
          bytes.length,
        ];
        for (const [index, place] of places.slice(1).entries()) type(bytes.subarray(places[index], place));
        const expected = before.join('') + pasted.join('').replace(/\r\n?|\n/g, '\n');
        expect(await line).toBe(expected);
        lines.close();
      },
    ),
    { numRuns: 200 },
  );
});

test('what is printed stands above what is being typed; closing gives the terminal its own pasting back', async () => {
  const { lines, type, output } = terminal();
  expect(output()).toBe('\u001b[?2004h');
  const line = lines.next('To whom? ');
  type('Al');
  await expect.poll(output).toContain('Al');
  lines.print('-- offline --');
  expect(output()).toMatch(/-- offline --\n.*To whom\? Al/s);
  type('ice\r');
  expect(await line).toBe('Alice');
  lines.close();
  expect(output()).toMatch(/\u001b\[\?2004l$/);
  expect(await lines.next('> ')).toBeUndefined();
});

test('lines typed ahead wait for their question; a question given up leaves the next line to the next one', async () => {
  const { lines, type, output } = terminal();
  type('one\rtwo\r');
  await expect.poll(output).toContain('two');
  expect(await lines.next('> ')).toBe('one');
  expect(await lines.next('> ')).toBe('two');
  expect(await lines.next('given up> ', Promise.resolve())).toBeUndefined();
  const line = lines.next('> ');
  type('three\r');
  expect(await line).toBe('three');
});

test('the end of input, or being asked to end, ends the waiting', async () => {
  const { lines, end } = terminal();
  const line = lines.next('> ');
  end();
  expect(await line).toBeUndefined();

  const asked = new AbortController();
  const other = terminal(asked.signal).lines.next('> ');
  asked.abort();
  expect(await other).toBeUndefined();
  expect(await terminal(AbortSignal.abort()).lines.next('> ')).toBeUndefined();
});
