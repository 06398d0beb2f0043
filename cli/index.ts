#!/usr/bin/env node
// The console client: options, profile, and one of its two faces (terminal.ts, json.ts).
import type { Writable } from 'node:stream';
import { inspect } from 'node:util';
import { Command, CommanderError, Option } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { Failure } from '../protocol/failures.ts';
import type { Joining } from '../main/messenger/account.ts';
import type { Keychain } from '../main/messenger/keychain.ts';
import { Messenger } from '../main/messenger/messenger.ts';
import { askForName, completeJoining, givenJoining, type JoiningOptions } from './joining.ts';
import { print, printFailure, serve } from './json.ts';
import { type Input, Lines } from './lines.ts';
import { converse, harmless } from './terminal.ts';

type Options = JoiningOptions & { profile: string; json: boolean };
export type Io = {
  input: Input;
  output: Writable & { isTTY?: boolean };
  errors: Writable;
  keychain?: Keychain;
  environment?: NodeJS.ProcessEnv;
  /** Aborted when the process is asked to end. */
  signal?: AbortSignal;
};

const EXAMPLES = `
A new profile asks for its name and its invite at the terminal, or takes them from the options. An invite holds
characters that a shell reads as its own: put it in quotes, into a file, or into the variable SIGNET_INVITE.

Examples:
  signet-chat --profile ~/signet-alice
  signet-chat --profile ~/signet-alice --name alice --invite-file invite.txt
  signet-chat --profile ~/signet-alice --name alice --invite 'signet://join?v=1&relay=...&key=...'
  echo '{"do":"send","to":"bob","text":"Hello"}' | signet-chat --profile ~/signet-alice --json
`;

function parse(args: string[], io: Io): Options {
  return new Command('signet-chat')
    .description('Chats from a terminal or a script, end to end encrypted.')
    .version(packageJson.version)
    .requiredOption('--profile <folder>', 'where this user is kept')
    .option('--name <name>', 'user name, for a new profile')
    .option('--invite <link>', 'invite to a relay (signet://join?...), for a new profile or new addresses')
    .addOption(new Option('--invite-file <file>', 'file with the invite').conflicts('invite'))
    .option('--json', 'one JSON object per line instead of text', false)
    .helpOption('--help', 'show this')
    .addHelpText('after', EXAMPLES)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.output.write(text), writeErr: (text) => io.errors.write(text) })
    .parse(args, { from: 'user' })
    .opts<Options>();
}

/** Runs the client. @param args without the program's name @returns the exit code */
export async function run(args: string[], io: Io): Promise<number> {
  let options: Options;
  try {
    options = parse(args, io);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    throw error;
  }
  const { json } = options;
  const isTerminal = io.output.isTTY === true;
  const lines = json ? undefined : new Lines(io.input, io.output, isTerminal, io.signal);
  try {
    await chat(options, io, lines);
    return 0;
  } catch (error) {
    const failure = Failure.from(error);
    if (json) printFailure(io.output, failure);
    else io.errors.write(`signet-chat: ${harmless(failure.message)}\n`);
    if (failure.code === 'internal') io.errors.write(`${inspect(failure.cause)}\n`);
    return 1;
  } finally {
    lines?.close();
  }
}

/** Opens the profile, again if another name has to be chosen, and hands it to its face. */
async function chat(options: Options, io: Io, lines: Lines | undefined): Promise<void> {
  // Only somebody at a terminal can be asked.
  const asking = lines && io.input.isTTY ? lines : undefined;
  let joining: Joining | undefined = givenJoining(options);
  while (joining) {
    const messenger = await open(options, joining, io).catch(async (failure: unknown) => {
      if (Failure.from(failure).code !== 'profile-new') throw failure;
      joining = await completeJoining(joining!, io.environment ?? process.env, asking);
      return joining && open(options, joining, io);
    });
    if (!messenger) return;
    let refusal: Failure | undefined;
    try {
      if (io.signal?.aborted) return;
      refusal = lines
        ? await converse(messenger, lines, io.signal)
        : await serve(messenger, io.input, io.output, io.signal);
    } finally {
      await messenger.close();
    }
    if (!refusal) return;
    if (refusal.code !== 'name-taken' || !asking) throw refusal;
    asking.print(refusal.message);
    const name = await askForName(asking, 'Your name: ');
    joining = name === undefined ? undefined : { ...joining, name };
  }
}

const open = ({ profile, json }: Options, joining: Joining, { keychain, output }: Io): Promise<Messenger> =>
  Messenger.open({
    directory: profile,
    joining,
    ...(keychain ? { keychain } : {}),
    onProgress: ({ step, of }) => {
      if (json) print(output, { event: 'progress', step, of });
      else output.write(`Making your keys: ${step} of ${of}\n`);
    },
  });

if (import.meta.main) {
  const end = new AbortController();
  process.on('SIGTERM', () => end.abort()).on('SIGINT', () => end.abort());
  const { stdin: input, stdout: output, stderr: errors } = process;
  // Nobody reads any more: there is nobody to serve.
  output.on('error', () => end.abort());
  const code = await run(process.argv.slice(2), { input, output, errors, signal: end.signal });
  // Written out first: exit() drops what a pipe hasn't taken yet.
  output.write('', () => process.exit(code));
}
