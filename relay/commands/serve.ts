// signet-relay serve: runs until it is told to stop.
import { pino } from 'pino';
import packageJson from '../../package.json' with { type: 'json' };
import { givenCertificate } from '../certificate.ts';
import { offerCopies } from '../copies.ts';
import { assertOwnFolder } from '../data-folder.ts';
import { startRelay } from '../server.ts';
import { inviteTo, qrCode } from './invite.ts';
import type { ServeOptions } from './options.ts';

/** @throws Failure of the folder, the certificate, the database or the port */
export async function serve(options: ServeOptions): Promise<void> {
  assertOwnFolder(options.data);
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
  const { addresses, invite } = inviteTo(relay, options);
  const closeCopies = await offerCopies(options.data, relay.copy, log);

  let closing = false;
  const close = (): void => {
    if (closing) return;
    closing = true;
    closeCopies();
    void relay.close().then(() => process.exit(0));
  };
  process.on('SIGTERM', close).on('SIGINT', close);

  if (options.json) {
    console.log(JSON.stringify({ event: 'listening', port: relay.port, invite }));
    return;
  }
  console.log(`Signet relay ${packageJson.version} listens on ${options.host}, port ${relay.port}.`);
  console.log(`\nOthers reach it at:\n${addresses.map((address) => `  ${address}`).join('\n')}`);
  console.log(`\nInvite, to be pasted or scanned by everybody who joins:\n\n${invite}\n`);
  console.log(await qrCode(invite));
}
