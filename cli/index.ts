#!/usr/bin/env node
// The console client: options, profile, and one of its two faces (terminal.ts, json.ts).
import type { Readable, Writable } from 'node:stream';
import { inspect } from 'node:util';
import { Command, CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { Failure } from '../protocol/failures.ts';
import type { Keychain } from '../main/messenger/keychain.ts';
import { Messenger } from '../main/messenger/messenger.ts';
import { print, printFailure, serve } from './json.ts';
import { converse, harmless } from './terminal.ts';

type Options = { profile: string; name?: string; invite?: string; json: boolean };
export type Io = {
  input: Readable;
  output: Writable & { isTTY?: boolean };
  errors: Writable;
  keychain?: Keychain;
  /** Aborted when the process is asked to end. */
  signal?: AbortSignal;
};

function parse(args: string[], io: Io): Options {
  return new Command('signet-chat')
    .description('Chats from a terminal or a script, end to end encrypted.')
    .version(packageJson.version)
    .requiredOption('--profile <folder>', 'where this user is kept')
    .option('--name <name>', 'user name, for a new profile')
    .option('--invite <link>', 'invite to a relay (signet://join?...), for a new profile or new addresses')
    .option('--json', 'one JSON object a line in place of text', false)
    .helpOption('--help', 'show this')
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
  const { profile, name, invite, json } = options;
  try {
    const messenger = await Messenger.open({
      directory: profile,
      joining: { name, invite },
      ...(io.keychain ? { keychain: io.keychain } : {}),
      onProgress: ({ step, of }) => {
        if (json) print(io.output, { event: 'progress', step, of });
        else io.output.write(`Making your keys: ${step} of ${of}\n`);
      },
    });
    try {
      if (io.signal?.aborted) return 0;
      if (json) await serve(messenger, io.input, io.output, io.signal);
      else await converse(messenger, io.input, io.output, io.output.isTTY === true, io.signal);
    } finally {
      await messenger.close();
    }
    return 0;
  } catch (error) {
    const failure = Failure.from(error);
    if (json) printFailure(io.output, failure);
    else io.errors.write(`signet-chat: ${harmless(failure.message)}\n`);
    if (failure.code === 'internal') io.errors.write(`${inspect(failure.cause)}\n`);
    return 1;
  }
}

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
