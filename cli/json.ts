// The console client for scripts: one JSON object per line, in and out.
import { createInterface } from 'node:readline';
import { type Readable, Transform, type Writable } from 'node:stream';
import { Failure } from '../protocol/failures.ts';
import type { MessageRow } from '../main/messenger/messages.ts';
import type { Messenger } from '../main/messenger/messenger.ts';
import { type Command, parseCommand } from './commands.ts';
import { onceConnected } from './connecting.ts';
import { offeredBy, safetyNumberOf } from './slash-commands.ts';

/** How long the end of input waits for the outbox to empty, milliseconds. */
const FAREWELL_MS = 10_000;

const DIFFERENT = 'The safety number is not the one in "compared": nothing was marked as verified.';
const OTHER_IDENTITY = 'The relay names another identity than the one in "identity": ask "contacts" again.';

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
  messenger.on('message', ({ id, from, text, sentAt }) =>
    print(output, { event: 'message', id, from, text, sentAt }),
  );
  let refusal: Failure | undefined;
  messenger.on('failure', (failure) => {
    if (messenger.registered || !messenger.trouble?.final) return printFailure(output, failure);
    refusal = failure;
    lines.close();
  });
  // A turn later, so that `queued`, from which the reader learns the id, comes before `pending`.
  messenger.on('messageChanged', (row) => setImmediate(() => printChange(output, row)));

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

function printChange(output: Writable, row: MessageRow): void {
  const { id, contact, mine, kind, state, missing } = row;
  if (mine) print(output, { event: 'state', id, to: contact, state });
  else if (kind !== 'text') print(output, { event: 'notice', id, with: contact, kind, missing });
}

async function obey(
  messenger: Messenger,
  command: Exclude<Command, { do: 'quit' }>,
  output: Writable,
): Promise<void> {
  const ref = command.ref === undefined ? {} : { ref: command.ref };
  try {
    if (command.do === 'send') {
      const { id } = await onceConnected(messenger, () => messenger.send(command.to, command.text));
      print(output, { event: 'queued', id, ...ref });
    } else if (command.do === 'read') {
      messenger.markRead(command.with);
    } else if (command.do === 'verify') {
      const { digits, fingerprint } = await onceConnected(messenger, () =>
        safetyNumberOf(messenger, command.with),
      );
      if (command.compared !== undefined) {
        if (command.compared.replaceAll(' ', '') !== digits) throw new Failure('command-invalid', DIFFERENT);
        messenger.markCompared(command.with, fingerprint);
      }
      print(output, { event: 'safetyNumber', with: command.with, digits, ...ref });
    } else if (command.do === 'accept' || command.do === 'refuse') {
      const offered = offeredBy(messenger, command.with);
      if (offered !== command.identity) throw new Failure('command-invalid', OTHER_IDENTITY);
      if (command.do === 'accept') messenger.acceptIdentity(command.with, offered);
      else messenger.refuseIdentity(command.with, offered);
      print(output, {
        event: 'decided',
        with: command.with,
        identity: offered,
        accepted: command.do === 'accept',
        ...ref,
      });
    } else if (command.do === 'invite') {
      print(output, { event: 'invite', invite: messenger.invite(), ...ref });
    } else if (command.do === 'history') {
      const messages = await messenger.history(command.with, command.limit);
      print(output, {
        event: 'history',
        with: command.with,
        messages: messages.map(({ id, mine, kind, text, sentAt, state }) => ({
          id,
          from: mine ? messenger.name : command.with,
          text,
          sentAt,
          state,
          ...(kind === 'text' ? {} : { kind }),
        })),
        ...ref,
      });
    } else {
      print(output, { event: 'contacts', contacts: messenger.contacts(), ...ref });
    }
  } catch (error) {
    printFailure(output, error, ref);
  }
}
