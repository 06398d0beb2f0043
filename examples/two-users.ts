// A relay, alice and bob in one process, and a short chat from start to end.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import type { Keychain } from '../main/messenger/keychain.ts';
import { Messenger } from '../main/messenger/messenger.ts';
import { encodeInvite } from '../protocol/links.ts';
import { startRelay } from '../relay/server.ts';

const folder = mkdtempSync(join(tmpdir(), 'signet-two-users-'));

// Signet keeps keys in the system's keychain. These only live in memory: never do this with keys that matter.
const items = new Map<string, string>();
const keychain: Keychain = {
  load: async (account) => items.get(account),
  assertUnlocked: async () => {},
  save: async (account, secret) => void items.set(account, secret),
};

// The relay carries sealed envelopes. Port 0 lets the system choose a free one; nobody outside can reach 127.0.0.1.
const log = pino({ level: 'silent' });
const relay = await startRelay({ data: join(folder, 'relay'), port: 0, host: '127.0.0.1', log });
console.log(`The relay listens on port ${relay.port}.`);

// An invite says where the relay is, and which TLS key it has: so nobody else can pose as it.
const invite = encodeInvite({ relays: [`127.0.0.1:${relay.port}`], relayKey: relay.key });
async function arrive(name: string): Promise<Messenger> {
  const options = { directory: join(folder, name), joining: { name, invite }, keychain };
  const messenger = await Messenger.open(options);
  let online = false;
  messenger.on('connection', (state) => (online = state === 'online'));
  messenger.start();
  while (!online) await delay(10);
  console.log(`${name} has made keys and is online.`);
  return messenger;
}
const [alice, bob] = await Promise.all([arrive('alice'), arrive('bob')]);
// Otherwise her first message would be a request, and she would not hear of it before he has accepted it.
await bob.startConversation('alice');

// Events tell of it. Sent: the relay has it. Delivered: it is on the other's disk. Read: the other has seen it.
async function say(from: Messenger, to: Messenger, text: string): Promise<void> {
  const states: string[] = [];
  from.on('messageChanged', (_contact, { mine, state }) => mine && states.push(state));
  to.once('message', (message) => console.log(`${to.name} reads from ${message.from}: ${message.text}`));
  await from.send(to.name, text);
  while (!states.includes('delivered')) await delay(10);
  to.markRead(from.name);
  while (!states.includes('read')) await delay(10);
  console.log(`  ${from.name} sees: ${states.join(', ')}`);
}
await say(alice, bob, 'Good morning, Bob! ☀️');
await say(bob, alice, 'Good morning, Alice! 🥐');

await Promise.all([alice.close(), bob.close(), relay.close()]);
rmSync(folder, { recursive: true });
console.log('Done: both have left, and nothing is left behind.');
