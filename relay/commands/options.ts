// What can be set, and where: on the command line, else in the environment, else in the file that --config names.
import { dirname, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { Failure } from '../../protocol/failures.ts';
import { splitAddress } from '../../protocol/links.ts';
import { canonicalHost, everywhere } from '../addresses.ts';
import { readConfiguration } from './configuration.ts';

export type FolderOptions = { data: string };
export type ListenOptions = FolderOptions & {
  port: number;
  host: string;
  address: string[];
  certificate?: string;
  key?: string;
};
export type Registration = 'open' | 'token' | 'closed';
export type ServeOptions = ListenOptions & {
  registration: Registration;
  logLevel: string;
  json: boolean;
  report: number;
};

function text(given: string): string {
  if (given.trim()) return given;
  throw new InvalidArgumentError('It is empty.');
}

const host = (given: string): string => canonicalHost(text(given));

function port(given: string): number {
  if (/^\d{1,5}$/.test(given) && Number(given) <= 65535) return Number(given);
  throw new InvalidArgumentError('A port is a number from 0 to 65535; 0 lets the system choose.');
}

function registration(given: string): Registration {
  if (given === 'open' || given === 'token' || given === 'closed') return given;
  throw new InvalidArgumentError('It is one of open, token, closed.');
}

/** @param most the largest that is allowed */
export const counted =
  (most: number) =>
  (given: string): number => {
    if (/^\d{1,9}$/.test(given) && Number(given) > 0 && Number(given) <= most) return Number(given);
    throw new InvalidArgumentError(`It is a number from 1 to ${most}.`);
  };

export function seconds(given: string): number {
  if (/^\d{1,4}$/.test(given) && Number(given) > 0) return Number(given);
  throw new InvalidArgumentError('It is a number of seconds, from 1 to 9999.');
}

/** Addresses with commas between them, and those of earlier options of this name. */
function addresses(given: string, earlier: string[] = []): string[] {
  const list = given.split(',').map((address) => address.trim());
  try {
    list.forEach(splitAddress);
  } catch {
    throw new InvalidArgumentError(
      'An address is host:port, such as chat.example.org:7443 or [2001:db8::1]:7443.',
    );
  }
  if (earlier.length + list.length > 16)
    throw new InvalidArgumentError('An invite holds 16 addresses at most.');
  return [...earlier, ...list];
}

function logLevel(given: string): string {
  if (['silent', 'error', 'warn', 'info', 'debug'].includes(given)) return given;
  throw new InvalidArgumentError('It is one of silent, error, warn, info, debug.');
}

/** Each is called the same everywhere: --log-level, SIGNET_RELAY_LOG_LEVEL, "log-level". */
const settings = {
  data: () =>
    setting('--data <folder>', 'where the database and the TLS key are kept', text).default(
      './signet-relay-data',
    ),
  port: () => setting('--port <number>', 'port to listen on, 0 for any free one', port).default(7443),
  host: () => setting('--host <address>', 'address to listen on', host).default(everywhere(), 'all'),
  address: () =>
    setting('--address <host:port>', 'address to name in the invite, repeatable', addresses).default(
      [],
      'own',
    ),
  certificate: () =>
    setting('--certificate <file>', 'TLS certificate in PEM instead of its own (with --key)', text),
  key: () => setting('--key <file>', 'its private key in PEM', text),
  registration: () =>
    setting(
      '--registration <who>',
      'who may register: open, token (invites made with --uses), closed',
      registration,
    ).default('open'),
  'log-level': () =>
    setting('--log-level <level>', 'silent, error, warn, info or debug', logLevel).default('info'),
};

function setting<T>(flags: string, description: string, parse: (given: string, earlier?: T) => T): Option {
  const option = new Option(flags, description);
  const variable = `SIGNET_RELAY_${option.name().toUpperCase().replace('-', '_')}`;
  return option.env(variable).argParser<T>(parse);
}

/** Gives a command some of the settings, and --config. */
export function withSettings(command: Command, ...names: (keyof typeof settings)[]): Command {
  for (const name of names) command.addOption(settings[name]());
  const config = setting('--config <file>', 'JSON file with any of the settings', text);
  return command.addOption(config).helpOption('--help', 'show this').allowExcessArguments(false);
}

/** Fills in from the file what neither the command line nor the environment has set. All of the file is checked, also
 * what another command would use. Its paths start from its own folder.
 * @throws Failure `command-invalid` that names file and key */
export function applyConfiguration(command: Command): void {
  const { config: file } = command.opts<{ config?: string }>();
  if (file === undefined) return;
  for (const [name, value] of Object.entries(readConfiguration(file))) {
    const option = settings[name as keyof typeof settings]();
    const attribute = option.attributeName();
    const isPath = ['data', 'certificate', 'key'].includes(name);
    let parsed: unknown;
    try {
      parsed = option.parseArg?.(String(value), undefined);
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      throw new Failure(
        'command-invalid',
        `${file}: "${name}" is ${JSON.stringify(value)}. ${error.message}`,
      );
    }
    if (!command.options.some((known) => known.name() === name)) continue;
    if (['cli', 'env'].includes(command.getOptionValueSource(attribute) ?? '')) continue;
    command.setOptionValueWithSource(
      attribute,
      isPath ? resolve(dirname(file), String(parsed)) : parsed,
      'config',
    );
  }
}
