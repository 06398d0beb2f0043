// The console client for scripts: one JSON object per line, in and out.
import { createInterface } from 'node:readline';
import { type Readable, Transform, type Writable } from 'node:stream';
import { Failure } from '../protocol/failures.ts';
import type { Contact } from '../main/messenger/contacts.ts';
import type { MessageRow } from '../main/messenger/messages.ts';
import type { Messenger } from '../main/messenger/messenger.ts';
import { type Command, parseCommand } from './commands.ts';
import { onceConnected } from './connecting.ts';
import { offeredBy, safetyNumberOf } from './contact-commands.ts';

/** How long the end of input waits for the outbox to empty, milliseconds. */
const FAREWELL_MS = 10_000;

const DIFFERENT = 'The safety number is not the one in "compared": nothing was marked as verified.';
const OTHER_IDENTITY = 'The relay shows another identity than the one in "identity": ask "contacts" again.';

/** Node's readline, for one, also ends a line at these two, which JSON may hold as they are. */
const escapeSeparators = (json: string): string =>
  json.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');

/** Writes one event. */
export function print(output: Writable, event: Record<string, unknown>): void {
  output.write(`${escapeSeparators(JSON.stringify(event))}\n`);
}

export function printFailure(output: Writable, error: unknown, more: Record<string, unknown> = {}): void {
  const { code, message } = Failure.from(error);
  print(output, { event: 'failure', code, text: message, ...more });
}

/** Serves commands until quit, the end of input, the signal, or until the relay refuses a new profile for good.
 * @returns that refusal, undefined if there was none */
export async function serve(
  messenger: Messenger,
  input: Readable,
  output: Writable,
  signal?: AbortSignal,
): Promise<Failure | undefined> {
  const { name, fingerprint } = messenger;
  messenger.on('ready', () => print(output, { event: 'ready', name, fingerprint }));
  messenger.on('connection', (state) => print(output, { event: 'connection', state }));
  messenger.on('message', ({ id, from, text, timestamp, isRequest }) =>
    print(output, { event: 'message', id, from, text, timestamp, ...(isRequest ? { request: true } : {}) }),
  );
  let refusal: Failure | undefined;
  messenger.on('failure', (failure) => {
    if (messenger.registered || !messenger.trouble?.final) return printFailure(output, failure);
    refusal = failure;
    lines.close();
  });
  // A turn later, so that `queued`, from which the reader learns the id, comes before `pending`.
  messenger.on('messageChanged', (contact, row) => setImmediate(() => printChange(output, contact, row)));

  const underWay = new Set<Promise<void>>();
  let quit = false;
  const escaping = new Transform({
    decodeStrings: false,
    transform: (text: string, _encoding, done) => done(null, escapeSeparators(text)),
  });
  const lines = createInterface({ input: input.setEncoding('utf8').pipe(escaping), crlfDelay: Infinity });
  signal?.addEventListener('abort', () => lines.close());
  messenger.start();
  for await (const line of lines) {
    if (line.trim() === '') continue;
    try {
      const command = parseCommand(line);
      if (command.do === 'quit') {
        quit = true;
        break;
      }
      const done = obey(messenger, command, output).finally(() => underWay.delete(done));
      underWay.add(done);
    } catch (error) {
      printFailure(output, error);
    }
  }
  await Promise.all(underWay);
  // Who ends the program with a signal doesn't want to wait: the outbox is on the disk.
  if (!quit && !refusal && !signal?.aborted) await messenger.drained(FAREWELL_MS);
  return refusal;
}

/** What a script sees of a contact. */
const contactData = ({
  name,
  identity,
  status,
  verified,
  offered,
  held,
}: Contact): Record<string, unknown> => ({
  ...{ name, status, verified, held },
  fingerprint: identity.toString('hex'),
  offered: offered?.toString('hex') ?? null,
});

function printChange(output: Writable, contact: string, row: MessageRow): void {
  const { id, mine, kind, state, count } = row;
  if (mine) print(output, { event: 'state', id, to: contact, state });
  else if (kind !== 'text') print(output, { event: 'notice', id, with: contact, kind, count });
}

/** Carries out one command, and tells its outcome. */
async function obey(
  messenger: Messenger,
  command: Exclude<Command, { do: 'quit' }>,
  output: Writable,
): Promise<void> {
  const ref = command.ref === undefined ? {} : { ref: command.ref };
  try {
    const answer = await answerTo(messenger, command);
    if (answer) print(output, { ...answer, ...ref });
  } catch (error) {
    printFailure(output, error, ref);
  }
}

type Answer = Record<string, unknown> | undefined;

async function answerTo(messenger: Messenger, command: Exclude<Command, { do: 'quit' }>): Promise<Answer> {
  const { trust } = messenger;
  switch (command.do) {
    case 'send': {
      const { id } = await onceConnected(messenger, () => messenger.send(command.to, command.text));
      return { event: 'queued', id };
    }
    case 'read':
      messenger.markRead(command.with);
      return undefined;
    case 'verify':
      return verify(messenger, command);
    case 'accept':
    case 'refuse': {
      const identity = offeredBy(messenger, command.with, command.do);
      if (identity !== command.identity) throw new Failure('command-invalid', OTHER_IDENTITY);
      if (command.do === 'accept') await trust.acceptIdentity(command.with, identity);
      else trust.refuseIdentity(command.with, identity);
      return { event: 'decided', with: command.with, identity, accepted: command.do === 'accept' };
    }
    case 'acceptRequest':
      trust.accept(command.with);
      break;
    case 'decline':
      trust.decline(command.with);
      break;
    case 'block':
    case 'unblock':
      trust.setBlocked(command.with, command.do === 'block');
      break;
    case 'acceptDevices':
      await onceConnected(messenger, () => trust.acceptList(command.with));
      break;
    case 'continueHere':
      await messenger.continueHere();
      return { event: 'done', did: command.do };
    case 'invite':
      return { event: 'invite', invite: messenger.invite() };
    case 'history':
      return history(messenger, command);
    case 'contacts':
      return { event: 'contacts', contacts: messenger.contacts().map(contactData) };
  }
  return { event: 'done', did: command.do, with: command.with };
}

type CommandOf<Do extends Command['do']> = Extract<Command, { do: Do }>;

async function verify(messenger: Messenger, command: CommandOf<'verify'>): Promise<Answer> {
  const { compared, with: name } = command;
  const { digits, fingerprint } = await onceConnected(messenger, () => safetyNumberOf(messenger, name));
  if (compared !== undefined) {
    if (compared.replaceAll(' ', '') !== digits) throw new Failure('command-invalid', DIFFERENT);
    messenger.trust.markCompared(name, fingerprint);
  }
  return { event: 'safetyNumber', with: name, digits };
}

async function history(messenger: Messenger, command: CommandOf<'history'>): Promise<Answer> {
  const messages = await messenger.history(command.with, command.limit);
  return {
    event: 'history',
    with: command.with,
    messages: messages.map(({ id, mine, kind, text, timestamp, state }) => ({
      ...{ id, from: mine ? messenger.name : command.with, text, timestamp, state },
      ...(kind === 'text' ? {} : { kind }),
    })),
  };
}
