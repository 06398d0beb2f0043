// Every screen and state that can be reached, in both colour schemes, as axe-core judges it.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type axe from 'axe-core';
import keytar from 'keytar';
import { expect, test } from 'vitest';
import { spawnChat, spawnRelay } from '../processes.ts';
import { temporaryFolder } from '../harness.ts';
import {
  joinInApp,
  bubble,
  composer,
  type AppDriver,
  freePort,
  host,
  meet,
  openConversation,
  openApp,
  openRelayProcess,
  ticked,
  write,
} from './driver.ts';
import { soon } from './soon.ts';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const themes = ['light', 'dark'] as const;

/** Fails with what is serious or critical; lesser findings are printed. */
async function judge(driver: AppDriver, state: string): Promise<void> {
  const { page } = driver;
  if (!(await page.evaluate('"axe" in window'))) await page.evaluate(`${source}; undefined`);
  for (const theme of themes) {
    await driver.systemTheme(theme);
    await soon(() => page.evaluate(`matchMedia('(prefers-color-scheme: ${theme})').matches`)).toBe(true);
    // What fades is judged when it stands.
    await page.evaluate(
      'Promise.all(document.getAnimations().filter((one) => one.effect.getTiming().iterations === 1).map((one) => one.finished.catch(() => {})))',
    );
    const { violations, passes } = await page.evaluate<axe.AxeResults>(
      // Of a page in other colours, only the contrast is another.
      `axe.run(document, { resultTypes: ['violations']${theme === 'dark' ? ", runOnly: ['color-contrast']" : ''} })`,
    );
    expect(passes.length, state).toBeGreaterThan(theme === 'dark' ? 0 : 5);
    const described = violations.map(({ id, impact, nodes }) => ({
      impact,
      id,
      nodes: nodes.map(({ html, any }) => `${html.slice(0, 160)} ${any[0]?.message ?? ''}`),
    }));
    const isGrave = ({ impact }: { impact?: axe.ImpactValue | undefined }): boolean =>
      impact === 'serious' || impact === 'critical';
    expect(described.filter(isGrave), `${state}, ${theme}`).toEqual([]);
    for (const lesser of described) console.log(`${state}, ${theme}:`, lesser);
  }
}

test('hosting a relay: the form, refused, running with its log', async () => {
  const driver = await openApp();
  const { page } = driver;
  await page.getByRole('button', { name: 'Host one on this computer' }).click();
  await page.getByText('Port and outside address').click();
  await page.getByLabel('Port', { exact: true }).fill('x');
  await page.getByText('A port is a number').waitFor();
  await judge(driver, 'the form to host, refused');
  await page.keyboard.press('Escape');
  await host(driver, await freePort());
  await page.getByText('Log', { exact: true }).click();
  await judge(driver, 'a relay that is hosted');
});

test('the first start: empty, with refusals, checked, joining', async () => {
  const relay = spawnRelay(temporaryFolder(), 0);
  const invite = String((await relay.wait(({ event }) => event === 'listening'))['invite']);
  const taken = spawnChat(temporaryFolder(), 'alice', invite);
  await taken.wait(({ event }) => event === 'ready');
  const driver = await openApp();
  const { page } = driver;
  await page.getByLabel('Your name').waitFor();
  await judge(driver, 'the first start');
  await page.getByLabel('Invite').fill('nonsense');
  await page.getByText(/not a usable invite/).waitFor();
  await judge(driver, 'a refused invite');
  await page.getByLabel('Invite').fill(invite);
  await page.getByText('is the right one').waitFor();
  await judge(driver, 'a checked invite');
  await page.getByLabel('Your name').fill('alice');
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByText('Somebody else has this name').waitFor();
  await judge(driver, 'a refused name');
  // A relay that answers nothing keeps the progress on the screen.
  void relay.kill('SIGSTOP');
  await page.getByLabel('Your name').fill('bob');
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByText('Registering your name').waitFor();
  await judge(driver, 'joining');
  void relay.kill('SIGCONT');
  await page.getByText('You are bob').waitFor();
});

test('the conversations: none, empty, of both sides, sought, with dialogs, details, and offline', async () => {
  const relay = await openRelayProcess();
  const driver = await joinInApp('alice', relay.invite);
  const { page } = driver;
  await judge(driver, 'no conversations');
  const bob = await joinInApp('bob', relay.invite);
  await meet(driver, 'bob');
  await judge(driver, 'an empty conversation');
  await write(driver, 'bob', 'Hello Bob');
  await write(driver, 'bob', 'https://mine.example');
  await openConversation(bob, 'alice');
  await ticked(driver, 'Hello Bob', 'Read');
  await write(bob, 'alice', 'A longer answer. '.repeat(150));
  await write(bob, 'alice', 'https://theirs.example or eve@theirs.example');
  await write(bob, 'alice', '👍');
  await bubble(driver.page, '👍').waitFor();
  await judge(driver, 'messages of both sides');

  await page.getByLabel('Message details').first().click();
  await page.getByText('What the relay saw').waitFor();
  await page.getByText('They are the same').waitFor();
  await judge(driver, "a message's details");
  await page.getByRole('complementary').getByRole('button', { name: 'Close' }).click();
  await page.getByRole('button', { name: 'Safety number and details' }).click();
  await page.getByRole('button', { name: 'They are the same' }).click();
  await page.getByText(/Compared on/).waitFor();
  await page.getByText('Identity fingerprint').click();
  await judge(driver, "a contact's details, compared");
  await page.getByRole('complementary').getByRole('button', { name: 'Close' }).click();

  await composer(page, 'bob').fill('é'.repeat(16 * 1024 + 1));
  await page.getByText(/The text has 32,770 bytes/).waitFor();
  await judge(driver, 'a text that is too long');
  await composer(page, 'bob').fill('');

  await page.getByLabel('Search conversations by name').fill('zzz');
  await page.getByText('Nobody of that name here.').waitFor();
  await judge(driver, 'a search without hits');
  await page.getByLabel('Search conversations by name').fill('');

  await page.getByRole('button', { name: 'New conversation' }).first().click();
  await page.getByLabel('Name', { exact: true }).fill('nobody');
  await judge(driver, 'the new conversation');
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await page.getByText('Nobody has this name on the relay.').waitFor();
  await judge(driver, 'the new conversation, refused');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByText('Keep running when').waitFor();
  await judge(driver, 'the settings');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });

  await relay.kill();
  await page.getByRole('region', { name: 'Connection' }).waitFor();
  await write(driver, 'bob', 'waits');
  await ticked(driver, 'waits', /Waiting/);
  await judge(driver, 'offline, a message waits');
});

test('what blocks everything: no session, a keychain that has lost the keys', async () => {
  const relay = await openRelayProcess();
  const first = await joinInApp('alice', relay.invite);
  await first.quit();
  await first.exited;
  const driver = await openApp({
    profile: first.profile,
    env: { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent' },
  });
  await driver.page.getByRole('heading', { name: 'There is no session to keep keys in' }).waitFor();
  await driver.page.getByText('Details', { exact: true }).click();
  await judge(driver, 'no session');
  await driver.quit();
  await driver.exited;

  await keytar.deletePassword('Signet', profileIn(first.profile));
  const without = await openApp({ profile: first.profile });
  await without.page.getByRole('heading', { name: 'Your keys are gone from the keychain' }).waitFor();
  await judge(without, 'no keys');
});

/** What the keychain's item of a profile is called. */
function profileIn(folder: string): string {
  const file = readdirSync(folder).find((name) => /\.(db|sqlite)$/.test(name))!;
  const database = new DatabaseSync(join(folder, file), { readOnly: true });
  const { profile } = database.prepare('SELECT profile FROM account').get() as { profile: string };
  database.close();
  return profile;
}
