// What surrounds the page: the window's place, the tray, a second start, notifications, and every way to the end.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { spawnChat } from '../processes.ts';
import { temporaryFolder } from '../harness.ts';
import {
  addContact,
  joinInApp,
  bubble,
  composer,
  type AppDriver,
  meet,
  openConversation,
  openApp,
  openRelayProcess,
  rowOf,
  ticked,
  write,
} from './driver.ts';
import { soon } from './soon.ts';

type Recorded = Awaited<ReturnType<AppDriver['recorded']>>;
type Correspondent = { name: string; say(text: string): void };

/** Somebody who only writes: the console client. */
async function arriveAtConsole(name: string, invite: string): Promise<Correspondent> {
  const chat = spawnChat(temporaryFolder(), name, invite);
  await chat.wait(({ event }) => event === 'ready');
  return { name, say: (text) => chat.tell({ do: 'send', to: 'alice', text }) };
}

const windowOf = async (driver: AppDriver): Promise<Recorded['windows'][number]> =>
  (await driver.recorded()).windows[0]!;
/** Those that are on the screen. */
const notified = async (driver: AppDriver): Promise<{ title: string; body: string }[]> =>
  (await driver.recorded()).notifications
    .filter(({ shown }) => shown)
    .map(({ title, body }) => ({ title, body }));
const unreadOf = async (driver: AppDriver): Promise<unknown[]> => {
  const { badge, tray, windows } = await driver.recorded();
  return [badge, tray!.toolTip, windows[0]!.title];
};

test('the window opens where it was; not where no screen is', async () => {
  const profile = temporaryFolder();
  const settings = join(profile, 'settings.json');
  const place = { x: 300, y: 200, width: 901, height: 611, maximized: false };
  const open = (): Promise<AppDriver> => openApp({ profile, size: undefined } as object);

  const first = await open();
  expect(await windowOf(first)).toMatchObject({ title: 'Signet', bounds: { width: 1100, height: 760 } });
  await first.quit();
  expect(await first.exited).toBe(0);
  const stored = JSON.parse(readFileSync(settings, 'utf8')) as { place: object };
  expect(stored.place).toMatchObject({ width: 1100, height: 760, maximized: false });

  writeFileSync(settings, JSON.stringify({ ...stored, place }));
  const second = await open();
  const { bounds } = await windowOf(second);
  expect({ ...bounds, maximized: false }).toEqual(place);
  await second.quit();
  await second.exited;
  expect((JSON.parse(readFileSync(settings, 'utf8')) as { place: object }).place).toEqual(place);

  for (const lost of [
    '{"place":{"x":90000,"y":200,"width":901,"height":611,"maximized":false}}',
    '{ not json',
  ]) {
    writeFileSync(settings, lost);
    const again = await open();
    expect((await windowOf(again)).bounds, lost).toMatchObject({ width: 1100, height: 760 });
    await again.quit();
    expect(await again.exited, lost).toBe(0);
  }
});

test('closed, it goes on in the tray, receives, and comes back; if so chosen, closing ends it', async () => {
  const relay = await openRelayProcess();
  const [alice, bob] = await Promise.all([
    joinInApp('alice', relay.invite),
    arriveAtConsole('bob', relay.invite),
  ]);
  await alice.closeWindow();
  await soon(async () => (await windowOf(alice)).visible).toBe(false);
  bob.say('while it is closed');
  await soon(() => unreadOf(alice)).toEqual([1, 'Signet: 1 unread', '(1) Signet']);
  await soon(() => notified(alice)).toEqual([{ title: 'bob', body: 'New message' }]);

  await alice.clickTray();
  await soon(async () => (await windowOf(alice)).visible).toBe(true);
  await openConversation(alice, 'bob');
  await bubble(alice.page, 'while it is closed').waitFor();
  await soon(() => unreadOf(alice)).toEqual([0, 'Signet', 'Signet']);

  for (const show of [() => alice.clickTrayItem('Open Signet'), () => alice.activate()]) {
    await alice.closeWindow();
    await soon(async () => (await windowOf(alice)).visible).toBe(false);
    await show();
    await soon(() => windowOf(alice)).toMatchObject({ visible: true, focused: true });
  }
  // A link brings it up, too.
  await alice.closeWindow();
  await soon(async () => (await windowOf(alice)).visible).toBe(false);
  await alice.openUrl(relay.invite);
  await soon(() => windowOf(alice)).toMatchObject({ visible: true, focused: true });
  const { menu, tray } = await alice.recorded();
  expect(tray!.menu.map(({ label }) => label)).toEqual(['Open Signet', 'Quit Signet']);
  expect(menu.map(({ label }) => label)).toEqual(['File', 'editMenu', 'View', 'windowMenu']);
  expect(menu[0]!.submenu!.map(({ label }) => label)).toEqual(['close', 'quit']);

  await alice.page.getByRole('button', { name: 'Settings' }).click();
  await alice.page.getByRole('switch', { name: /Keep running/ }).click();
  await soon(() =>
    alice.page.evaluate('bridge.calls.settings().then(({ value }) => value.keepRunning)'),
  ).toBe(false);
  await alice.closeWindow();
  expect(await alice.exited).toBe(0);
  // It is as it was chosen the next time, too.
  const again = await openApp({ profile: alice.profile });
  await again.page.getByText('You are alice').waitFor();
  await again.closeWindow();
  expect(await again.exited).toBe(0);
});

test('a second start shows the first and ends by itself; another profile is an app of its own', async () => {
  const first = await openApp();
  await first.page.getByLabel('Your name').fill('typed');
  await first.closeWindow();
  await soon(async () => (await windowOf(first)).visible).toBe(false);
  const second = await openApp({ profile: first.profile, window: false });
  expect(await second.exited).toBe(0);
  await soon(() => windowOf(first)).toMatchObject({ visible: true, focused: true });
  expect(await first.page.getByLabel('Your name').inputValue()).toBe('typed');

  const other = await openApp();
  await other.page.getByLabel('Your name').waitFor();
  await other.quit();
  expect(await other.exited).toBe(0);
  expect((await windowOf(first)).visible).toBe(true);
});

test('notifications name the sender, gather, open the conversation, and come only when needed', async () => {
  const relay = await openRelayProcess();
  const [alice, bob, carol] = await Promise.all([
    joinInApp('alice', relay.invite),
    arriveAtConsole('bob', relay.invite),
    arriveAtConsole('carol', relay.invite),
  ]);
  await Promise.all(['bob', 'carol'].map((name) => addContact(alice, name)));
  // In the window, but another conversation: told of. Several together are one.
  for (let i = 1; i <= 3; i++) bob.say(`secret words ${i}`);
  carol.say('secret words');
  await soon(() => unreadOf(alice)).toEqual([4, 'Signet: 4 unread', '(4) Signet']);
  await soon(async () => (await notified(alice)).sort((a, b) => (a.title < b.title ? -1 : 1))).toEqual([
    { title: 'bob', body: '3 new messages' },
    { title: 'carol', body: 'New message' },
  ]);
  bob.say('one more');
  await soon(() => notified(alice)).toContainEqual({ title: 'bob', body: '4 new messages' });
  expect((await notified(alice)).length).toBe(2);

  await alice.focusWindow(false);
  const { notifications } = await alice.recorded();
  expect(JSON.stringify(notifications)).not.toContain('secret');
  const carols = notifications.findIndex(({ title, shown }) => title === 'carol' && shown);
  await alice.clickNotification(carols);
  // A click takes it off the screen, too.
  await alice.closeNotification(carols);
  await composer(alice.page, 'carol').waitFor();
  await soon(() => windowOf(alice)).toMatchObject({ visible: true, focused: true });
  await openConversation(alice, 'bob');
  await soon(() => unreadOf(alice)).toEqual([0, 'Signet', 'Signet']);
  await soon(() => notified(alice)).toEqual([]);

  // Looked at: nothing to tell. What comes next, to another, shows that this one was through.
  bob.say('looked at');
  await bubble(alice.page, 'looked at').waitFor();
  carol.say('not looked at');
  await soon(() => notified(alice)).toEqual([{ title: 'carol', body: 'New message' }]);

  // The same conversation in a window without the focus. The page has to know: what it thinks is seen is read.
  const lookAway = async (): Promise<void> => {
    await alice.focusWindow(false);
    await soon(() => alice.page.evaluate('document.hasFocus()')).toBe(false);
  };
  await lookAway();
  bob.say('behind another window');
  await soon(() => notified(alice)).toContainEqual({ title: 'bob', body: 'New message' });
  await alice.focusWindow(true);
  await soon(() => notified(alice)).toEqual([{ title: 'carol', body: 'New message' }]);
  await soon(async () => (await unreadOf(alice))[0]).toBe(1);

  // Switched off.
  await alice.page.evaluate('bridge.calls.changeSettings({ notifications: false })');
  const before = (await alice.recorded()).notifications.length;
  await lookAway();
  for (const { say } of [bob, carol]) say('quietly');
  await soon(async () => (await unreadOf(alice))[0]).toBe(3);
  await alice.page.evaluate('bridge.calls.changeSettings({ notifications: true })');
  bob.say('loudly');
  await soon(async () => (await alice.recorded()).notifications.length).toBe(before + 1);
});

test('quitting with the relay out of reach takes moments, and everything is stored', async () => {
  const relay = await openRelayProcess();
  const [alice, bob] = await Promise.all([joinInApp('alice', relay.invite), joinInApp('bob', relay.invite)]);
  await Promise.all([meet(alice, 'bob'), addContact(bob, 'alice')]);
  await relay.kill();
  const texts = Array.from({ length: 20 }, (_, i) => `waiting ${i}`);
  for (const text of texts) await write(alice, 'bob', text);
  await ticked(alice, 'waiting 19', /Waiting/);
  // Quit at once, before it would be saved by itself.
  await composer(alice.page, 'bob').fill('begun');
  await alice.quit();
  expect(await alice.exited).toBe(0);

  await relay.again();
  const again = await openApp({ profile: alice.profile });
  await openConversation(again, 'bob');
  await soon(() => composer(again.page, 'bob').inputValue()).toBe('begun');
  await ticked(again, 'waiting 19', /Sent|Delivered/);
  await soon(async () => (await bob.recorded()).badge).toBe(20);
  await openConversation(bob, 'alice');
  await bubble(bob.page, 'waiting 0').waitFor();
  expect(await rowOf(bob.page, 'alice').count()).toBe(1);
});

test('a page that crashes is loaded again; when it goes on crashing, the app says so and ends', async () => {
  const relay = await openRelayProcess();
  const alice = await joinInApp('alice', relay.invite);
  let ended = false;
  void alice.exited.then(() => (ended = true));
  // Beside Playwright's own, to which a crashed page stays crashed.
  const ask = async (method: 'Runtime.evaluate' | 'Page.crash'): Promise<unknown> => {
    const session = await alice.page.context().newCDPSession(alice.page);
    const expression = `document.body.innerText.includes('You are alice')`;
    if (method === 'Page.crash') return void session.send(method).catch(() => {});
    const answer = session.send(method, { expression }).then(({ result }) => result.value as unknown);
    return Promise.race([answer, delay(1000, false)]);
  };
  const isThere = (): Promise<unknown> =>
    ended ? Promise.resolve(true) : ask('Runtime.evaluate').catch(() => ended);
  await ask('Page.crash');
  await soon(() => alice.log()).toContain("The page's process is gone");
  await soon(isThere).toBe(true);
  expect(ended).toBe(false);
  // On a slow computer the second one may come too late to count as one in a row.
  while (!ended) {
    await ask('Page.crash').catch(() => {});
    await soon(isThere).toBe(true);
  }
  expect(await alice.exited).toBe(0);
  expect(alice.log()).toContain('The window has crashed');
});
