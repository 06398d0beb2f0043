#!/usr/bin/env node
// The relay's command line.
import { Command, InvalidArgumentError } from 'commander';
import { pino } from 'pino';
import packageJson from '../package.json' with { type: 'json' };
import { Failure } from '../protocol/failures.ts';
import { encodeInvite, splitAddress } from '../protocol/invite.ts';
import { reachableAddresses } from './addresses.ts';
import { givenCertificate } from './certificate.ts';
import { startRelay } from './server.ts';

type Options = {
  port: number;
  host: string;
  data: string;
  address: string[];
  certificate?: string;
  key?: string;
  logLevel: string;
  json: boolean;
};

function port(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65535) return Number(text);
  throw new InvalidArgumentError('A port is a number from 0 to 65535; 0 lets the system choose.');
}

function collectAddress(text: string, earlier: string[]): string[] {
  try {
    splitAddress(text);
  } catch {
    throw new InvalidArgumentError(
      'An address is host:port, such as chat.example.org:7443 or [2001:db8::1]:7443.',
    );
  }
  return [...earlier, text];
}

function logLevel(text: string): string {
  if (['silent', 'error', 'warn', 'info', 'debug'].includes(text)) return text;
  throw new InvalidArgumentError('It is one of silent, error, warn, info, debug.');
}

const command = new Command('signet-relay')
  .description('Stores and forwards sealed messages; can read none of them.')
  .version(packageJson.version)
  .option('--port <number>', 'port to listen on, 0 for any free one', port, 7443)
  .option('--host <address>', 'address to listen on', '0.0.0.0')
  .option('--data <folder>', 'where the database and the TLS key are kept', './signet-relay')
  .option('--address <host:port>', 'address to name in the invite, repeatable', collectAddress, [])
  .option('--certificate <file>', 'TLS certificate in PEM in place of the own one (with --key)')
  .option('--key <file>', 'its private key in PEM')
  .option('--log-level <level>', 'silent, error, warn, info or debug', logLevel, 'info')
  .option('--json', 'print one JSON line when listening, in place of text', false)
  .helpOption('--help', 'show this')
  .allowExcessArguments(false);

async function main(): Promise<void> {
  const options = command.parse().opts<Options>();
  if ((options.certificate === undefined) !== (options.key === undefined)) {
    command.error('error: --certificate and --key go together');
  }
  // Standard output is for the invite; the log goes to standard error.
  const log = pino({ level: options.logLevel, base: null }, pino.destination({ fd: 2, sync: true }));
  const relay = await startRelay({
    data: options.data,
    port: options.port,
    host: options.host,
    log,
    ...(options.certificate && options.key
      ? { certificate: givenCertificate(options.certificate, options.key) }
      : {}),
  });
  const addresses =
    options.address.length > 0 ? options.address : reachableAddresses(options.host, relay.port);
  const invite = encodeInvite({ relays: addresses, key: relay.key });

  let closing = false;
  const close = (): void => {
    if (closing) return;
    closing = true;
    void relay.close().then(() => process.exit(0));
  };
  process.on('SIGTERM', close).on('SIGINT', close);

  if (options.json) {
    console.log(JSON.stringify({ event: 'listening', port: relay.port, invite }));
    return;
  }
  // Imported only when it is wanted: it would take a tenth of the start.
  const { default: qrcode } = await import('qrcode');
  console.log(`Signet relay ${packageJson.version} listens on ${options.host}, port ${relay.port}.`);
  console.log(`\nOthers reach it at:\n${addresses.map((address) => `  ${address}`).join('\n')}`);
  console.log(`\nInvite, to be pasted or scanned by everybody who joins:\n\n${invite}\n`);
  console.log(await qrcode.toString(invite, { type: 'terminal', small: true, errorCorrectionLevel: 'L' }));
}

main().catch((error: unknown) => {
  const failure = Failure.from(error);
  console.error(`signet-relay: ${failure.message}`);
  if (failure.code === 'internal') console.error(failure.cause);
  process.exitCode = 1;
});
