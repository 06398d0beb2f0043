// Alice and bob chat through a relay of their own; then everything that the relay was left with is laid open.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { styleText } from 'node:util';
import { pino } from 'pino';
import { forget } from '../main/messenger/keychain.ts';
import { Messenger } from '../main/messenger/messenger.ts';
import { Failure } from '../protocol/failures.ts';
import { encodeInvite } from '../protocol/links.ts';
import { type Relay, startRelay } from '../relay/server.ts';
import * as stored from './what-the-relay-stored.ts';

const folder = mkdtempSync(join(tmpdir(), 'signet-demo-'));
const folderOf = { relay: join(folder, 'relay'), alice: join(folder, 'alice'), bob: join(folder, 'bob') };
const opened: Promise<Messenger>[] = [];
const written: stored.Written[] = [];
const states = new Map<string, string[]>();
let relay: Relay | undefined;
let left: Promise<void> | undefined;
const interruption = new AbortController();
const signal = AbortSignal.any([interruption.signal, AbortSignal.timeout(60_000)]);
const say = (line = ''): void => console.log(line);
const title = (text: string): void => say(`\n${styleText('bold', text)}\n`);

async function openRelay(port: number): Promise<Relay> {
  signal.throwIfAborted();
  const log = pino({ level: 'silent' });
  return (relay = await startRelay({ data: folderOf.relay, port, host: '127.0.0.1', log }));
}

async function closeRelay(): Promise<void> {
  const closing = relay;
  relay = undefined;
  await closing?.close();
}

async function arrive(name: 'alice' | 'bob', invite: string): Promise<Messenger> {
  signal.throwIfAborted();
  const opening = Messenger.open({ directory: folderOf[name], joining: { name, invite } });
  opened.push(opening);
  const messenger = await opening;
  messenger.on('messageChanged', (_contact, { id, mine, state }) => {
    if (mine) states.set(id, [...(states.get(id) ?? []), state]);
  });
  let online = false;
  messenger.on('connection', (state) => (online = state === 'online'));
  messenger.start();
  await until(() => online);
  return messenger;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(10, undefined, { signal });
}

const reaches = ({ id }: stored.Written, state: string): Promise<void> =>
  until(() => states.get(id)?.includes(state) ?? false);

async function write(from: Messenger, to: string, text: string): Promise<stored.Written> {
  const message = { id: (await from.send(to, text)).id, from: from.name, text };
  written.push(message);
  const names = styleText(from.name === 'alice' ? 'magenta' : 'cyan', `${from.name} to ${to}:`.padEnd(15));
  say(`  ${names}${text.replaceAll('\n', `\n${' '.repeat(17)}`)}`);
  return message;
}

const showStates = ({ id }: stored.Written): void =>
  say(styleText('dim', `${' '.repeat(17)}${states.get(id)!.join(', ')}`));

/** The reader is there, gets it at once, and looks at it. */
async function read(message: stored.Written, reader: Messenger): Promise<void> {
  await reaches(message, 'delivered');
  reader.markRead(message.from);
  await reaches(message, 'read');
  showStates(message);
}

async function demo(): Promise<void> {
  say('A relay starts on this computer, and alice and bob make their keys.');
  const { port, key } = await openRelay(0);
  const invite = encodeInvite({ relays: [`127.0.0.1:${port}`], relayKey: key });
  const [alice, bob] = await Promise.all([arrive('alice', invite), arrive('bob', invite)]);
  // Otherwise her first message would be a request, and not confirmed before he has accepted it.
  await bob.startConversation('alice');

  title('They chat');
  await read(await write(alice, 'bob', 'Hi Bob! Our own relay is running. 🎉'), bob);
  await read(await write(bob, 'alice', 'Hello Alice 👋 And nobody in between can read this?'), alice);
  await read(await write(alice, 'bob', 'Nobody. All it ever sees are sealed envelopes. 💌'), bob);

  title('Bob closes his laptop, and alice writes all the same');
  await bob.close();
  const list = 'For Saturday 🧺\n- two baguettes 🥖\n- the good goat cheese 🧀\n- and your guitar 🎸';
  const waiting = await write(alice, 'bob', list);
  await reaches(waiting, 'sent');
  showStates(waiting);

  title("What the relay stored of it: bob's mailbox, out of its database");
  await closeRelay();
  for (const line of stored.mailbox(folderOf.relay).flatMap(stored.describe)) say(`  ${line}`);
  const filesThen = stored.filesOf(folderOf.relay);
  say('\n  That is all of it. The relay was closed for this look, and starts again.');
  await openRelay(port);

  title('Bob is back, and reads her list');
  const bobAgain = await arrive('bob', invite);
  await read(waiting, bobAgain);
  await read(await write(bobAgain, 'alice', 'Just saw your list. Guitar is tuned! 😋'), alice);
  await read(await write(alice, 'bob', 'Until Saturday, then! 🚲'), bobAgain);
  // The last acknowledgement may still be on its way to the relay.
  await delay(200);
  await Promise.all([alice.close(), bobAgain.close()]);
  await closeRelay();

  title('Each message, and what the relay had of it');
  for (const line of stored.passed(written, [folderOf.alice, folderOf.bob])) say(`  ${line}`);

  title('What is left of it at the relay');
  const found = stored.search(written, [...filesThen, ...stored.filesOf(folderOf.relay)]);
  say(`  Envelopes in its mailboxes: ${stored.mailbox(folderOf.relay).length}.`);
  const count = `found ${found.length} of ${written.length} texts`;
  say(`  In its files, while one waited and now: ${styleText('bold', count)}.`);
  if (found.length > 0) process.exitCode = 1;
}

/** Nothing stays: no process, no folder, no keychain item. */
async function leave(): Promise<void> {
  const people = await Promise.allSettled(opened);
  for (const person of people) if (person.status === 'fulfilled') await person.value.close();
  await closeRelay();
  const accounts = stored.keychainAccounts([folderOf.alice, folderOf.bob]);
  rmSync(folder, { recursive: true, force: true });
  // Last, since a keychain may be gone when the demo is interrupted.
  for (const account of accounts) await forget(account);
}

const leaveOnce = (): Promise<void> => (left ??= leave());
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    interruption.abort();
    void Promise.allSettled([leaveOnce()]).then(() => process.exit(130));
  });
}
try {
  await demo().finally(leaveOnce);
} catch (error) {
  process.exitCode = interruption.signal.aborted ? 130 : 1;
  if (!interruption.signal.aborted) console.error(error instanceof Failure ? error.message : error);
}
