// The console client for people: whom they write to, what they write, and what comes in.
import { styleText } from 'node:util';
import { Failure } from '../protocol/failures.ts';
import type { MessageRow, OpenedMessage } from '../main/messenger/messages.ts';
import type { Messenger } from '../main/messenger/messenger.ts';
import { onceConnected } from './connecting.ts';
import type { Lines } from './lines.ts';
import { type Conversation, HELP, slashCommands } from './slash-commands.ts';

/** How long the end of input waits for the outbox to empty, milliseconds. */
const FAREWELL_MS = 10_000;

const notices: Partial<Record<MessageRow['kind'], string>> = {
  gap: 'A message is missing here',
  fork: "The messages here don't fit together: someone shows different ones to different people",
  newSession: 'This contact is now using another computer, or a fresh installation',
  refused: 'A message was refused: it was not authentic',
  devices: "This contact's devices have changed",
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

const NOT_JOINED =
  'You have not joined yet. Signet goes on trying. If the invite is wrong, paste another one here, or leave with /quit.';

/** Talks with a person until /quit, the end of input, or until the relay refuses a new profile for good.
 * @returns that refusal, undefined if there was none */
export async function converse(
  messenger: Messenger,
  lines: Lines,
  signal?: AbortSignal,
): Promise<Failure | undefined> {
  const print = (text: string): void => lines.print(text);
  const fail = (error: unknown): void => {
    const { code, message } = Failure.from(error);
    print(styleText('red', harmless(message)));
    if (code === 'identity-changed') print('/accept or /refuse it, after asking them: /help shows how.');
    if (code === 'list-changed') print('/accept it, after asking them: /help shows how.');
    if (code === 'profile-copied') print('To continue with this copy, type /continue.');
  };
  let refusal: Failure | undefined;
  const refused = new Promise<void>((resolve) => {
    messenger.on('failure', (failure) => {
      if (messenger.registered || !messenger.trouble?.final) {
        fail(failure);
        if (!messenger.registered) print(NOT_JOINED);
        return;
      }
      refusal = failure;
      resolve();
    });
  });
  /** For each notice: from how many on it is told again. */
  const told = new Map<string, number>();
  const toldStates = new Set<string>();
  const conversation: Conversation = {
    messenger,
    print,
    ask: (question) => lines.next(question, refused),
    describe: (contact: string, message: OpenedMessage) => {
      const { kind, mine, text, timestamp, state } = message;
      if (kind !== 'text') return grey(`-- ${notices[kind]} --`);
      return `${grey(clock(timestamp))} ${mine ? messenger.name : contact}: ${harmless(text)}${mine ? grey(` (${state})`) : ''}`;
    },
    to: undefined,
  };

  messenger.on('ready', () => print(grey(`You are ${messenger.name}. /help shows what you can do.`)));
  messenger.on('connection', (state) => {
    // Further attempts say nothing new, until one succeeds.
    if (state === 'online') toldStates.clear();
    if (!toldStates.has(state)) print(grey(`-- ${state} --`));
    toldStates.add(state);
  });
  messenger.on('message', ({ from, text, timestamp, isRequest }) => {
    print(`${grey(clock(timestamp))} ${styleText('bold', from)}: ${harmless(text)}`);
    if (!isRequest) return messenger.markRead(from);
    print(grey(`-- ${from} is not a contact yet: /accept ${from}, /decline ${from} or /block ${from} --`));
  });
  messenger.on('messageChanged', (contact, { id, kind, count, mine, state }) => {
    if (mine && state === 'failed')
      fail(new Failure('message-refused', `A message to ${contact} could not be sent.`));
    const notice = notices[kind];
    // Told when it is new or grows; that something came after all needs no line.
    if (notice && count >= (told.get(id) ?? -1)) print(grey(`-- ${contact}: ${notice} --`));
    told.set(id, count + 1);
  });
  messenger.start();

  const obey = async (line: string): Promise<void> => {
    const [word = '', argument = ''] = line.trim().split(/\s+/);
    if (word === '') return;
    if (/^signet:/i.test(word)) {
      messenger.acceptInvite(word);
      return print('Signet now looks for the relay at the addresses of this invite.');
    }
    if (!line.startsWith('/') || line.startsWith('//')) {
      const text = line.replace(/^\/\//, '/');
      const { to } = conversation;
      if (to) await onceConnected(messenger, () => messenger.send(to, text));
      else await slashCommands['to']!.run(conversation, text);
    } else if (word === '/help') {
      print(HELP);
    } else if (Object.hasOwn(slashCommands, word.slice(1))) {
      await onceConnected(messenger, () => slashCommands[word.slice(1)]!.run(conversation, argument));
    } else {
      throw new Failure('command-invalid', `There is no "${harmless(word)}". /help shows what there is.`);
    }
  };

  let quit = false;
  while (!quit && !refusal) {
    const { to } = conversation;
    const line = await lines.next(to ? `${messenger.name} to ${to}: ` : 'To whom? ', refused);
    if (line === undefined) break;
    quit = line.trim() === '/quit';
    if (!quit) await obey(line).catch(fail);
  }
  // Who leaves on purpose doesn't want to wait: the outbox is on the disk.
  if (!quit && !refusal && !signal?.aborted) await messenger.drained(FAREWELL_MS);
  return refusal;
}
