// Alice and bob at two windows, joined and chatting through a relay of their own. Where there is no display the windows
// are not shown: pictures of them are left in out/demo/. In the end, all that the relay was left with is laid open.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { styleText } from 'node:util';
import { pino } from 'pino';
import { forget } from '../main/messenger/keychain.ts';
import { Failure } from '../protocol/failures.ts';
import { encodeInvite } from '../protocol/links.ts';
import { type Relay, startRelay } from '../relay/server.ts';
import { type App, launchApp } from '../tests/stand-in/app.ts';
import * as stored from './what-the-relay-stored.ts';

const root = join(import.meta.dirname, '..');
const pictures = join(root, 'out', 'demo');
const folder = mkdtempSync(join(tmpdir(), 'signet-demo-'));
const folderOf = { relay: join(folder, 'relay'), alice: join(folder, 'alice'), bob: join(folder, 'bob') };
const isShown =
  process.platform !== 'linux' || Boolean(process.env['DISPLAY'] ?? process.env['WAYLAND_DISPLAY']);
const opened: Promise<App>[] = [];
const written: { from: string; text: string }[] = [];
let relay: Relay | undefined;
let left: Promise<void> | undefined;
const say = (line = ''): void => console.log(line);
const title = (text: string): void => say(`\n${styleText('bold', text)}\n`);

type Name = 'alice' | 'bob';
type Person = { name: Name; app: App };

async function openWindow(name: Name): Promise<Person> {
  const opening = launchApp({
    main: join(root, 'out', 'main', 'index.js'),
    args: ['--profile', folderOf[name]],
    headless: !isShown,
    size: { width: 1100, height: 720 },
    ...(name === 'bob' ? { colorScheme: 'dark' } : {}),
  });
  opened.push(opening);
  return { name, app: await opening };
}

async function enter(person: Person, invite: string): Promise<void> {
  const { page } = person.app;
  await page.getByLabel('Your name').fill(person.name);
  await page.getByLabel('Invite').fill(invite);
  await page.getByText('is the right one').waitFor();
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByText(`You are ${person.name}`).waitFor();
}

/** Types a text into the open conversation, and waits for the tick beside it. */
async function write({ name, app }: Person, to: Name, text: string, tick: 'Read' | 'Sent'): Promise<void> {
  const field = app.page.getByLabel(`Message to ${to}`);
  await field.fill(text);
  await field.press('Enter');
  written.push({ from: name, text });
  const names = styleText(name === 'alice' ? 'magenta' : 'cyan', `${name} to ${to}:`.padEnd(15));
  say(`  ${names}${text.replaceAll('\n', `\n${' '.repeat(17)}`)}`);
  const bubble = app.page.locator('.bubble', { hasText: text.split('\n')[0]! }).last();
  await bubble.getByRole('img', { name: new RegExp(`^${tick}`) }).waitFor();
  say(styleText('dim', `${' '.repeat(17)}${tick.toLowerCase()}`));
}

async function picture({ app }: Person, name: string): Promise<void> {
  await app.page.evaluate('document.fonts.ready.then(() => undefined)');
  await app.page.screenshot({ path: join(pictures, `${name}.png`) });
}

async function openRelay(port: number): Promise<Relay> {
  const log = pino({ level: 'silent' });
  return (relay = await startRelay({ data: folderOf.relay, port, host: '127.0.0.1', log }));
}

async function closeRelay(): Promise<void> {
  const closing = relay;
  relay = undefined;
  await closing?.close();
}

/** A texts's id in its writer's own database: what was written is known by its words. */
async function idOf({ app }: Person, to: Name): Promise<(text: string) => string> {
  const result: { value: { id: string; text: string; mine: boolean }[] } = await app.page.evaluate(
    `window.bridge.calls.messages({ contact: '${to}', from: 0, count: 100 })`,
  );
  return (text) => result.value.find((message) => message.mine && message.text === text)!.id;
}

async function demo(): Promise<void> {
  rmSync(pictures, { recursive: true, force: true });
  mkdirSync(pictures, { recursive: true });
  say(
    `A relay starts on this computer, and two windows open${isShown ? '' : ' (not shown: there is no display)'}.`,
  );
  const { port, key } = await openRelay(0);
  const invite = encodeInvite({ relays: [`127.0.0.1:${port}`], relayKey: key });
  const [alice, bob] = await Promise.all([openWindow('alice'), openWindow('bob')]);
  await picture(alice, '1-first-start');
  await Promise.all([enter(alice, invite), enter(bob, invite)]);

  title('They chat');
  await alice.app.page.keyboard.press('Control+n');
  await alice.app.page.getByLabel('Name', { exact: true }).fill('bob');
  await alice.app.page.keyboard.press('Enter');
  await alice.app.page.getByLabel('Message to bob').fill('Hi Bob! Our own relay is running. 🎉');
  await alice.app.page.getByLabel('Message to bob').press('Enter');
  say('  alice to bob:  Hi Bob! Our own relay is running. 🎉');
  written.push({ from: 'alice', text: 'Hi Bob! Our own relay is running. 🎉' });
  await bob.app.page.getByRole('navigation').getByRole('button', { name: 'alice' }).click();
  await write(bob, 'alice', 'Hello Alice 👋 And nobody in between can read this?', 'Read');
  await write(alice, 'bob', 'Nobody. All it ever sees are sealed envelopes. 💌', 'Read');
  await write(bob, 'alice', 'Then I can tell you what we give Jun for her birthday!', 'Read');
  await picture(alice, '2-alice');
  await picture(bob, '3-bob');
  await alice.app.page.getByLabel('Message details').nth(2).click();
  await alice.app.page.getByText('Safety number with bob').waitFor();
  await picture(alice, '4-what-the-relay-saw');
  const idFromBob = await idOf(bob, 'alice');

  title('Bob closes Signet, and alice writes all the same');
  await bob.app.quit();
  await bob.app.exited;
  const list = 'For Saturday 🧺\n- two baguettes 🥖\n- the good goat cheese 🧀\n- and your guitar 🎸';
  await write(alice, 'bob', list, 'Sent');

  title("What the relay stored of it: bob's mailbox, out of its database");
  await closeRelay();
  for (const line of stored.mailbox(folderOf.relay).flatMap(stored.describe)) say(`  ${line}`);
  const filesThen = stored.filesOf(folderOf.relay);
  say('\n  That is all of it. The relay was closed for this look, and starts again.');
  await openRelay(port);

  title('Bob is back, and reads her list');
  const bobAgain = await openWindow('bob');
  await bobAgain.app.page.getByRole('navigation').getByRole('button', { name: 'alice' }).click();
  await alice.app.page
    .locator('.bubble', { hasText: 'For Saturday' })
    .getByRole('img', { name: 'Read' })
    .waitFor();
  say('  read');
  await picture(bobAgain, '5-bob-is-back');
  const idFromAlice = await idOf(alice, 'bob');

  if (isShown) {
    title('Now chat on. Quit one of them to end the demonstration.');
    await Promise.race([alice.app.exited, bobAgain.app.exited]);
  }
  await Promise.all([alice, bobAgain].map(({ app }) => app.quit().catch(() => {})));
  await Promise.all([alice.app.exited, bobAgain.app.exited]);
  await closeRelay();

  title('Each message, and what the relay had of it');
  const messages = written.map(({ from, text }) => ({
    ...{ from, text },
    id: (from === 'alice' ? idFromAlice : idFromBob)(text),
  }));
  for (const line of stored.passed(messages, [folderOf.alice, folderOf.bob])) say(`  ${line}`);
  const found = stored.search(messages, [...filesThen, ...stored.filesOf(folderOf.relay)]);
  const count = `found ${found.length} of ${messages.length} texts`;
  title("In the relay's files, while one waited and now");
  say(`  ${styleText('bold', count)}.`);
  say(`\nPictures of the windows: ${pictures}`);
  if (found.length > 0) process.exitCode = 1;
}

/** Nothing stays but the pictures: no process, no folder, no keychain item. */
async function leave(): Promise<void> {
  for (const app of await Promise.allSettled(opened)) if (app.status === 'fulfilled') await app.value.kill();
  await closeRelay();
  const accounts = stored.keychainAccounts([folderOf.alice, folderOf.bob]);
  rmSync(folder, { recursive: true, force: true });
  for (const account of accounts) await forget(account);
}

const leaveOnce = (): Promise<void> => (left ??= leave());
let interrupted = false;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    interrupted = true;
    void Promise.allSettled([leaveOnce()]).then(() => process.exit(130));
  });
}
try {
  // The demonstration has a minute, and then as long as its windows are open.
  await Promise.race([
    demo(),
    ...(isShown ? [] : [delay(120_000).then(() => Promise.reject(new Error('It took too long.')))]),
  ]);
} catch (error) {
  process.exitCode = interrupted ? 130 : 1;
  if (!interrupted) console.error(error instanceof Failure ? error.message : error);
} finally {
  await leaveOnce();
  process.exit();
}
