// All commands of signet-relay, and their options. What a command does is loaded when it is called.
import { join } from 'node:path';
import { Argument, Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { Failure } from '../../protocol/failures.ts';
import { damageOf, DATABASE_FILE } from '../data-folder.ts';
import type { Shell } from './completion.ts';
import type { InviteOptions } from './invite.ts';
import {
  applyConfiguration,
  type FolderOptions,
  type ListenOptions,
  counted,
  seconds,
  type ServeOptions,
  withSettings,
} from './options.ts';

type Json = { json: boolean };

const examples: Record<string, string[]> = {
  serve: [
    'signet-relay',
    'signet-relay serve --data /srv/signet --port 7443 --address chat.example.org:7443',
    'signet-relay serve --config /etc/signet-relay.json',
  ],
  invite: [
    'signet-relay invite --qr',
    'signet-relay invite --address chat.example.org:7443',
    'signet-relay invite --uses 5 --days 14',
  ],
  users: ['signet-relay users', 'signet-relay users --json'],
  'remove-user': ['signet-relay remove-user alice'],
  export: ['signet-relay export alice'],
  backup: ['signet-relay backup /root/relay.backup', 'signet-relay backup --force /root/relay.backup'],
  restore: ['signet-relay restore /root/relay.backup', 'signet-relay restore --force /root/relay.backup'],
  check: ['signet-relay check', 'signet-relay check --data /var/lib/signet-relay --json'],
  completion: ['source <(signet-relay completion bash)', 'signet-relay completion fish | source'],
};
const examplesOf = (name: string): string =>
  `\nExamples:\n${(examples[name] ?? []).map((line) => `  ${line}\n`).join('')}`;

const EXIT_CODES = `
Each setting is taken from the command line, else from the environment, else from the --config file.
Exit codes: 0 done, or stopped when asked to; 1 anything else: standard error says what, in one sentence.
`;

/** Runs the command that the arguments name, "serve" if they name none. What goes wrong is told on standard error; the
 * process ends at once on wrong usage. @param args without the program's name @returns the exit code */
export async function main(args: string[]): Promise<number> {
  let code = 0;
  let data = '';
  const program = makeProgram(() => (code = 1));
  program.hook('preAction', (_program, command) => {
    if (command.name() === 'completion') return;
    applyConfiguration(command);
    data = command.opts<FolderOptions>().data;
  });
  try {
    // Without this, what is meant as a command would be one argument too many of "serve".
    const [name = '-'] = args;
    const isCommand = program.commands.some((command) => command.name() === name) || name === 'help';
    if (!name.startsWith('-') && !isCommand) program.error(`error: unknown command '${name}'`);
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    // Damage may show in any of a command's reads.
    const failure = damageOf(error, join(data, DATABASE_FILE)) ?? Failure.from(error);
    console.error(`signet-relay: ${failure.message}`);
    if (failure.code === 'internal') console.error(failure.cause);
    code = 1;
  }
  return code;
}

/** @param fail is called by a command that has told by itself what is wrong */
function makeProgram(fail: () => void): Command {
  const program = new Command('signet-relay')
    .description('Stores and forwards sealed messages; can read none of them.')
    .version(packageJson.version)
    .helpOption('--help', 'show this')
    .showHelpAfterError('(signet-relay --help lists the commands and options.)');

  const serve = command(program, 'serve', 'run the relay; also without a command', { isDefault: true });
  withSettings(serve, 'port', 'host', 'data', 'address', 'certificate', 'key', 'registration', 'log-level')
    .option('--json', 'print one JSON line when listening, instead of text', false)
    .option(
      '--report <seconds>',
      'with --json: print a status line when it changes, checked this often',
      seconds,
    )
    .action(async (options: ServeOptions) => {
      assertPair(serve, options);
      await (await import('./serve.ts')).serve(options);
    });

  const invite = command(program, 'invite', 'print the invite, also while the relay serves');
  withSettings(invite, 'data', 'port', 'host', 'address', 'certificate', 'key')
    .option('--qr', 'also as a code to scan', false)
    .option('--uses <number>', 'let so many people register with it (--registration token)', counted(10_000))
    .option('--days <number>', 'for so many days', counted(365), 7)
    .option('--json', 'one JSON line', false)
    .action(async (options: InviteOptions) => {
      assertPair(invite, options);
      await (await import('./invite.ts')).invite(options);
    });

  withSettings(command(program, 'users', 'list who is registered, and what waits for each'), 'data')
    .option('--json', 'one JSON line', false)
    .action(async (options: FolderOptions & Json) => (await import('./users.ts')).users(options));

  withSettings(command(program, 'remove-user <name>', 'remove a user; the relay has to be stopped'), 'data')
    .option('--yes', "don't ask", false)
    .action(async (name: string, options: FolderOptions & { yes: boolean }) =>
      (await import('./users.ts')).removeUserNamed(name, options),
    );

  withSettings(
    command(program, 'export <name>', 'print all that is stored of a user, as JSON'),
    'data',
  ).action(async (name: string, options: FolderOptions) =>
    (await import('./users.ts')).exportNamed(name, options),
  );

  withSettings(
    command(program, 'backup <file>', 'key and database into one file, also while it serves'),
    'data',
  )
    .option('--force', 'write over an existing file', false)
    .action(async (file: string, options: FolderOptions & { force: boolean }) =>
      (await import('./backup.ts')).backup(file, options),
    );

  withSettings(command(program, 'restore <file>', 'a backup into an empty or new folder'), 'data')
    .option('--force', 'replace the relay that is in the folder', false)
    .action(async (file: string, options: FolderOptions & { force: boolean }) =>
      (await import('./restore.ts')).restore(file, options),
    );

  const check = command(program, 'check', 'look whether folder, key, database, disk and port are in order');
  withSettings(check, 'data', 'port', 'host', 'certificate', 'key')
    .option('--json', 'one JSON line', false)
    .action(async (options: ListenOptions & Json) => {
      assertPair(check, options);
      if (!(await (await import('./check.ts')).check(options))) fail();
    });

  command(program, 'completion', 'print what teaches a shell to complete commands and options')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish'] satisfies Shell[]))
    .helpOption('--help', 'show this')
    .allowExcessArguments(false)
    .action(async (shell: Shell) => {
      const { completionFor } = await import('./completion.ts');
      process.stdout.write(completionFor(shell, program));
    });

  return program.addHelpText('after', () => `\n${serve.helpInformation()}${EXIT_CODES}`);
}

function command(program: Command, name: string, summary: string, options = {}): Command {
  const made = program.command(name, options).description(summary);
  return made.addHelpText('after', () => `${examplesOf(name.split(' ')[0]!)}${EXIT_CODES}`);
}

function assertPair(
  command: Command,
  { certificate, key }: Pick<ListenOptions, 'certificate' | 'key'>,
): void {
  if ((certificate === undefined) !== (key === undefined)) {
    command.error('error: --certificate and --key go together');
  }
}
