// signet-relay serve: runs until it is told to stop.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Logger, pino } from 'pino';
import packageJson from '../../package.json' with { type: 'json' };
import { Failure } from '../../protocol/failures.ts';
import { place } from '../addresses.ts';
import { givenCertificate } from '../certificate.ts';
import { assertOwnFolder } from '../data-folder.ts';
import { type Relay, startRelay } from '../server.ts';
import { inviteTo, qrCode } from './invite.ts';
import type { ServeOptions } from './options.ts';

/** @throws Failure of the folder, the certificate, the database or the port; with --report it is told there, too */
export async function serve(options: ServeOptions): Promise<void> {
  // Standard output is for the invite; the log goes to standard error.
  const log = pino({ level: options.logLevel, base: null }, pino.destination({ fd: 2, sync: true }));
  let relay: Relay;
  try {
    assertOwnFolder(options.data);
    relay = await startRelay({
      data: options.data,
      port: options.port,
      host: options.host,
      registration: options.registration,
      log,
      ...(options.certificate && options.key
        ? { certificate: givenCertificate(options.certificate, options.key) }
        : {}),
    });
  } catch (error) {
    const { code, message } = Failure.from(error);
    if (options.report) print({ event: 'failed', code, message });
    throw error;
  }
  const { addresses, invite } = inviteTo(relay, options);
  let reporting: NodeJS.Timeout | undefined;

  const stopped = new Promise((resolve) => process.once('SIGTERM', resolve).once('SIGINT', resolve));

  if (options.json) {
    print({ event: 'listening', port: relay.port, invite });
    if (options.report) reporting = reportOften(relay, options, log);
  } else {
    console.log(`Signet relay ${packageJson.version} listens on ${place(options.host, relay.port)}.`);
    console.log(`\nOthers reach it at:\n${addresses.map((address) => `  ${address}`).join('\n')}`);
    console.log(`\nInvite, to be pasted or scanned by everybody who joins:\n\n${invite}\n`);
    // Not into a journal or a file, where nobody scans it.
    if (process.stdout.isTTY) console.log(await qrCode(invite));
  }
  await tellSystemd(log);
  await stopped;
  clearInterval(reporting);
  await relay.close();
}

/** Tells systemd that the relay serves, where that waits for it (Type=notify): by systemd's own program, since Node.js has
 * no datagram sockets of this kind. https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html */
async function tellSystemd(log: Logger): Promise<void> {
  if (!process.env['NOTIFY_SOCKET']) return;
  try {
    await promisify(execFile)('systemd-notify', ['--ready']);
  } catch (error) {
    log.error({ error: String(error) }, 'systemd could not be told that the relay serves');
  }
}

const print = (line: object): void => console.log(JSON.stringify(line));

/** Tells whoever started it how it is: at once, and whenever that has changed. Networks come and go, and the addresses
 * with them. */
function reportOften(relay: Relay, options: ServeOptions, log: Logger): NodeJS.Timeout {
  let last = '';
  const report = async (): Promise<void> => {
    try {
      const { addresses } = inviteTo(relay, options);
      const line = JSON.stringify({ event: 'report', ...(await relay.report()), addresses });
      if (line !== last) console.log(line);
      last = line;
    } catch (error) {
      log.error({ error: String(error) }, 'the database could not be looked at');
    }
  };
  void report();
  return setInterval(() => void report(), options.report * 1000);
}
