// The console client for people: a prompt, and what comes in above it.
import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { styleText } from 'node:util';
import { Failure } from '../protocol/failures.ts';
import { USER_NAME_PATTERN, USER_NAME_RULE } from '../protocol/fields.ts';
import type { MessageRow, OpenedMessage } from '../main/messenger/messages.ts';
import type { Messenger } from '../main/messenger/messenger.ts';

/** How long the end of input waits for the outbox to empty, milliseconds. */
const FAREWELL_MS = 10_000;

const HELP = `Type a message and press Enter to send it.
  /to NAME       whom to write to
  /contacts      whom you know
  /history [N]   the last N messages with the one you write to (20)
  /verify NAME   the safety number with NAME: compare it by voice or in person
  /quit          leave; what is not sent yet is sent at the next start
A message that begins with a slash is written with two.`;

const notices: Partial<Record<MessageRow['kind'], string>> = {
  missing: 'A message is missing here',
  forked: 'The messages here do not fit together: somebody shows different ones to different people',
  restarted: 'This contact goes on from another computer, or from a fresh installation',
  refused: 'A message was refused: it was not authentic',
  unknown: 'A message that needs a newer version of Signet',
};

/** Control characters would let a contact write over one's screen. Line feeds stay, with
 * what follows them indented, so that no line of a text looks like a line of the client; the rest is made visible. */
export const harmless = (text: string): string =>
  text
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '\ufffd')
    .replaceAll('\n', '\n    ');

const clock = (time: number): string =>
  new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
const grey = (text: string): string => styleText('gray', text);

/** Prints above the line that is being typed, without tearing it. */
function printAbove(readline: Interface, output: Writable, text: string): void {
  const { rows } = readline.getCursorPos();
  moveCursor(output, 0, -rows);
  cursorTo(output, 0);
  clearScreenDown(output);
  output.write(`${text}\n`);
  // Where readline believes that its prompt begins, in rows above the cursor; there is no documented way to tell it
  // that the screen has changed.
  (readline as unknown as { prevRows: number }).prevRows = 0;
  readline.prompt(true);
}

/** Talks with a person until /quit, the end of input, or the signal. @param terminal whether output is one */
export async function converse(
  messenger: Messenger,
  input: Readable,
  output: Writable,
  terminal: boolean,
  signal?: AbortSignal,
): Promise<void> {
  const readline = createInterface({ input, output, terminal, historySize: 0 });
  let closed = false;
  readline.once('close', () => (closed = true));
  signal?.addEventListener('abort', () => readline.close());
  const print = (text: string): void => {
    // What is told after the prompt is gone ("offline", at the end), or to a pipe, has no line to spare.
    if (closed || !terminal) output.write(`${text}\n`);
    else printAbove(readline, output, text);
  };
  const fail = (error: unknown): void => print(styleText('red', harmless(Failure.from(error).message)));
  let to: string | undefined;
  /** For each notice: from how many on it is told again. */
  const told = new Map<string, number>();
  const prompt = (): void => {
    readline.setPrompt(to ? `${messenger.name} to ${to}: ` : 'To whom? ');
    readline.prompt();
  };
  const choose = (name: string): void => {
    if (!USER_NAME_PATTERN.test(name)) throw new Failure('name-invalid', USER_NAME_RULE);
    to = name;
  };
  const describe = (message: OpenedMessage): string => {
    const { kind, mine, contact, text, sentAt, state } = message;
    if (kind !== 'text') return grey(`-- ${notices[kind]} --`);
    return `${grey(clock(sentAt))} ${mine ? messenger.name : contact}: ${harmless(text)}${mine ? grey(` (${state})`) : ''}`;
  };

  messenger.on('ready', () => print(grey(`You are ${messenger.name}. /help shows what you can do.`)));
  messenger.on('connection', (state) => print(grey(`-- ${state} --`)));
  messenger.on('message', ({ from, text, sentAt }) => {
    print(`${grey(clock(sentAt))} ${styleText('bold', from)}: ${harmless(text)}`);
    messenger.markRead(from);
  });
  messenger.on('failure', fail);
  messenger.on('messageChanged', ({ id, kind, missing, contact, mine, state }) => {
    if (mine && state === 'failed')
      fail(new Failure('message-refused', `A message to ${contact} could not be sent.`));
    const notice = notices[kind];
    // Told when it is new or grows; that something came after all needs no line.
    if (notice && missing >= (told.get(id) ?? -1)) print(grey(`-- ${contact}: ${notice} --`));
    told.set(id, missing + 1);
  });
  messenger.start();
  prompt();

  /** @returns whether to go on */
  const obey = async (line: string): Promise<boolean> => {
    const [word = '', argument = ''] = line.trim().split(/\s+/);
    if (line.trim() === '') return true;
    if (!to && !line.startsWith('/')) choose(line.trim());
    else if (!line.startsWith('/') || line.startsWith('//'))
      await messenger.send(to!, line.replace(/^\/\//, '/'));
    else if (word === '/quit') return false;
    else if (word === '/help') print(HELP);
    else if (word === '/to') choose(argument);
    else if (word === '/contacts') {
      const list = messenger
        .contacts()
        .map(({ name, verified }) => `  ${name}${verified ? ` (${verified})` : ''}`);
      print(list.join('\n') || 'Nobody yet.');
    } else if (word === '/history') {
      if (!to) throw new Failure('command-invalid', 'Choose with /to NAME whose history to show.');
      const count = argument === '' ? 20 : Number(argument);
      if (!Number.isSafeInteger(count) || count < 1)
        throw new Failure('command-invalid', 'Write it as /history 20.');
      const messages = await messenger.history(to, count);
      print(messages.map(describe).join('\n') || 'Nothing yet.');
    } else if (word === '/verify') {
      const digits = await messenger.safetyNumber(argument || to || '');
      print(`Safety number with ${argument || to}:\n${(digits.match(/.{5}/g) ?? []).join(' ')}`);
    } else throw new Failure('command-invalid', `There is no ${harmless(word)}. /help shows what there is.`);
    return true;
  };

  let quit = false;
  for await (const line of readline) {
    try {
      quit = !(await obey(line));
    } catch (error) {
      fail(error);
    }
    if (quit) break;
    if (!closed) prompt();
  }
  readline.close();
  // Who leaves on purpose doesn't want to wait: the outbox is on the disk.
  if (!quit && !signal?.aborted) await messenger.drained(FAREWELL_MS);
}
