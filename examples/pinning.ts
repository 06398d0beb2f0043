// Starts a relay and connects to it twice: with its own invite, and with one that names another key.
// With --out FOLDER it leaves the invite and the relay's certificate there.
import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { dial } from '../main/messenger/dial.ts';
import { Failure } from '../protocol/failures.ts';
import { decodeInvite, encodeInvite } from '../protocol/links.ts';
import { startRelay } from '../relay/server.ts';

const { out } = parseArgs({ options: { out: { type: 'string' } } }).values;
const data = mkdtempSync(join(tmpdir(), 'signet-pinning-'));
// At its first start a relay makes a key and a certificate for it. No authority signs that certificate.
const relay = await startRelay({ data, port: 0, host: '127.0.0.1', log: pino({ level: 'silent' }) });

// So the invite carries the SHA-256 of the relay's public key. It has to reach the others over a channel they trust.
const invite = encodeInvite({ relays: [`127.0.0.1:${relay.port}`], relayKey: relay.key });
console.log(`The invite: ${invite}`);

// The client compares that hash with the key of whoever answers, before it sends anything.
const { relays, relayKey } = decodeInvite(invite);
(await dial(relays, relayKey)).destroy();
console.log('\nA client with this invite is connected: the relay has the key that the invite names.');

// The same address, but another key: this is what a client sees when somebody answers for the relay.
try {
  (await dial(relays, randomBytes(32))).destroy();
  console.log('A client took another key for the right one, which should never happen.');
} catch (error) {
  console.log(`A client with another key in its invite refused: ${Failure.from(error).code}.`);
}

if (out !== undefined) {
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'invite.txt'), `${invite}\n`);
  // The relay's own file holds its private key, too. Only the certificate is copied.
  const certificate = new X509Certificate(readFileSync(join(data, 'relay-tls.pem')));
  writeFileSync(join(out, 'relay.pem'), certificate.toString());
  console.log(`\ninvite.txt and relay.pem are in ${out}.`);
}
await relay.close();
rmSync(data, { recursive: true });
