// The line that a person types, and what comes in above it.
import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from 'node:readline';
import { type Readable, Transform, type Writable } from 'node:stream';

/** Stands for a line break within a pasted text while that is one line: U+2424, SYMBOL FOR NEWLINE. */
const LINE_BREAK = '\u2424';
/** https://invisible-island.net/xterm/ctlseqs: "Bracketed Paste Mode". */
const PASTE = { on: '\u001b[?2004h', off: '\u001b[?2004l', begin: '\u001b[200~', end: '\u001b[201~' };

export type Input = Readable & { isTTY?: boolean; setRawMode?: (isRaw: boolean) => unknown };

/** What a person types, without the marks around what is pasted; line breaks in between become LINE_BREAK. */
class Pasting extends Transform {
  readonly isTTY = true;
  readonly #input: Input;
  #rest = '';
  #isPasting = false;

  constructor(input: Input) {
    super({ decodeStrings: false, encoding: 'utf8' });
    this.#input = input;
    input.setEncoding('utf8').pipe(this);
  }

  setRawMode(isRaw: boolean): void {
    this.#input.setRawMode?.(isRaw);
  }

  override _transform(chunk: string, _encoding: string, done: () => void): void {
    this.#rest += chunk;
    for (;;) {
      const mark = this.#isPasting ? PASTE.end : PASTE.begin;
      const at = this.#rest.indexOf(mark);
      if (at < 0) break;
      this.#give(this.#rest.slice(0, at));
      this.#rest = this.#rest.slice(at + mark.length);
      this.#isPasting = !this.#isPasting;
    }
    const piece = this.#isPasting
      ? /\r?$/.exec(this.#rest)![0] || beginningOf(PASTE.end, this.#rest)
      : beginningOf(PASTE.begin, this.#rest);
    this.#give(this.#rest.slice(0, this.#rest.length - piece.length));
    this.#rest = piece;
    done();
  }

  #give(text: string): void {
    if (text !== '') this.push(this.#isPasting ? text.replace(/\r\n?|\n/g, LINE_BREAK) : text);
  }
}

/** A mark may come in two pieces. @returns the end of the text that may be the first piece of this one */
function beginningOf(mark: string, text: string): string {
  // Outside a paste a lone Escape is a key, which can't wait.
  const shortest = mark === PASTE.begin ? 2 : 1;
  for (let length = mark.length - 1; length >= shortest; length--) {
    const piece = mark.slice(0, length);
    if (text.endsWith(piece)) return piece;
  }
  return '';
}

/** Reads lines one after the other, none of which gets lost in between, and prints above the one being typed. */
export class Lines {
  readonly isTerminal: boolean;
  readonly #output: Writable;
  readonly #readline: Interface;
  readonly #read: string[] = [];
  #waiting: ((line: string | undefined) => void) | undefined;
  #closed = false;

  /** @param signal ends the reading */
  constructor(input: Input, output: Writable, isTerminal: boolean, signal?: AbortSignal) {
    this.isTerminal = isTerminal;
    this.#output = output;
    if (isTerminal) output.write(PASTE.on);
    const source = isTerminal ? new Pasting(input) : input;
    this.#readline = createInterface({ input: source, output, terminal: isTerminal, historySize: 0 });
    this.#readline.on('line', (line) => {
      const text = line.replaceAll(LINE_BREAK, '\n');
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (waiting) waiting(text);
      else this.#read.push(text);
    });
    this.#readline.once('close', () => {
      this.#closed = true;
      if (isTerminal) output.write(PASTE.off);
      this.#waiting?.(undefined);
    });
    signal?.addEventListener('abort', () => this.close());
    if (signal?.aborted) this.close();
  }

  /** Shows a prompt and waits for the line after it. @param given up when this settles first
   * @returns undefined at the end of input */
  async next(prompt: string, givenUp?: Promise<unknown>): Promise<string | undefined> {
    const line = this.#read.shift();
    if (line !== undefined || this.#closed) return line;
    this.#readline.setPrompt(prompt);
    this.#readline.prompt();
    const typed = new Promise<string | undefined>((resolve) => (this.#waiting = resolve));
    const first = await (givenUp ? Promise.race([typed, givenUp.then(() => undefined)]) : typed);
    const isGivenUp = this.#waiting !== undefined && !this.#closed;
    this.#waiting = undefined;
    if (isGivenUp && this.isTerminal) this.#erase();
    return first;
  }

  /** Prints above the line that is being typed, without tearing it. */
  print(text: string): void {
    // What is told after the prompt is gone ("offline", at the end), or to a pipe, has no line to spare.
    if (this.#closed || !this.isTerminal || !this.#waiting) return void this.#output.write(`${text}\n`);
    this.#erase();
    this.#output.write(`${text}\n`);
    // Where readline believes that its prompt begins, in rows above the cursor; there is no documented way to tell it
    // that the screen has changed.
    (this.#readline as unknown as { prevRows: number }).prevRows = 0;
    this.#readline.prompt(true);
  }

  /** Takes the prompt, and what was typed behind it, off the screen. */
  #erase(): void {
    moveCursor(this.#output, 0, -this.#readline.getCursorPos().rows);
    cursorTo(this.#output, 0);
    clearScreenDown(this.#output);
  }

  close(): void {
    this.#readline.close();
  }
}
