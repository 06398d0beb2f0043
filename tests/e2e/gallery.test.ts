// Pictures of every screen and state in out/gallery/, made to be looked at: light and narrow, dark and wide; with
// GALLERY=full in the environment also the other two. What a test can see is checked: nothing sticks out of the window.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { forget } from '../../main/messenger/keychain.ts';
import { DatabaseSync } from 'node:sqlite';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { decodeInvite, encodeInvite } from '../../protocol/links.ts';
import { openRelay, temporaryFolder } from '../harness.ts';
import {
  composer,
  type AppDriver,
  freePort,
  host,
  openConversation,
  openApp,
  openRelayProcess,
} from './driver.ts';
import { fillProfile, type Past, sampleText } from '../fill.ts';

const folder = join(import.meta.dirname, '..', '..', 'out', 'gallery');
mkdirSync(folder, { recursive: true });

const themesAt = (width: number): ('light' | 'dark')[] =>
  process.env['GALLERY'] === 'full' ? ['light', 'dark'] : width === 900 ? ['light'] : ['dark'];

/** Takes the pictures of what the window shows now. */
async function shoot({ page }: AppDriver, name: string): Promise<void> {
  for (const width of [900, 1400]) {
    await page.setViewportSize({ width, height: 760 });
    for (const colorScheme of themesAt(width)) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await settle(page);
      await page.screenshot({ path: join(folder, `${name}-${colorScheme}-${width}.png`) });
    }
    const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
    expect(overflow, `${name} at ${width}`).toBe(0);
  }
}

/** Until fonts are there, and two frames have been drawn. */
const settle = (page: Page): Promise<unknown> =>
  page.evaluate(
    'document.fonts.ready.then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done()))))',
  );

const at = (day: number, hour: number, minute: number): number =>
  new Date(2026, 2, 10 + day, hour, minute).getTime();

const saturday: Past = {
  contact: 'bea.moreau',
  verified: true,
  lines: [
    { text: 'Are we still on for Saturday?', timestamp: at(0, 18, 20) },
    { mine: true, text: 'Yes! Shall I bring the telescope or the binoculars?', timestamp: at(0, 18, 24) },
    { text: 'Both, if you can carry them. The forecast says clear until two.', timestamp: at(0, 18, 25) },
    {
      mine: true,
      text: 'Then I pack the light tripod. Jun wants to come along, is that all right with you?',
      timestamp: at(1, 14, 28),
    },
    { text: 'Of course.', timestamp: at(1, 14, 31), state: 'unread' },
    {
      text: 'The gate opens at seven, I will bring the key and something warm to drink. Park on the north side, the south road is closed since the storm.',
      timestamp: at(1, 14, 32),
      state: 'unread',
    },
    { text: '🔭', timestamp: at(1, 14, 32), state: 'unread' },
  ],
};
const others: Past[] = [
  {
    contact: 'tomas.kral',
    verified: true,
    lines: [{ text: 'Sent you the reading list', timestamp: at(1, 13, 5), state: 'unread' }],
  },
  {
    contact: 'a-name-of-thirty-two-characters_',
    lines: Array.from({ length: 120 }, (_, i) => ({
      text: sampleText(i),
      timestamp: at(1, 9, i % 60),
      state: 'unread' as const,
    })),
  },
  {
    contact: 'jun',
    isOffered: true,
    lines: [{ text: 'I got a new laptop, finally', timestamp: at(0, 11, 2) }],
  },
  {
    contact: 'notices',
    lines: [
      { text: 'This one came', timestamp: at(0, 9, 0) },
      { notice: 'gap', count: 3, timestamp: at(0, 9, 1) },
      { notice: 'gap', count: 0, timestamp: at(0, 9, 2) },
      { notice: 'newSession', timestamp: at(0, 9, 3) },
      { notice: 'refused', count: 2, timestamp: at(0, 9, 4) },
      { notice: 'fork', timestamp: at(0, 9, 5) },
    ],
  },
  {
    contact: 'states',
    lines: (['read', 'delivered', 'sent', 'pending', 'failed'] as const).map((state, i) => ({
      mine: true,
      ...{ text: `This one is ${state}`, state, timestamp: at(1, 15, i) },
    })),
  },
  {
    contact: 'links',
    lines: [
      {
        text: 'The way there: https://maps.example/route?from=harbour&to=observatory',
        timestamp: at(1, 11, 0),
      },
      {
        mine: true,
        text: 'Thanks! I wrote to warden@observatory.example, and found the notes (https://observatory.example/notes_(2026)).',
        timestamp: at(1, 11, 1),
      },
      {
        text: `https://observatory.example/${'pictures-of-the-evening/'.repeat(9)}index`,
        timestamp: at(1, 11, 2),
      },
      { mine: true, text: 'https://аррle.com/ שלום https://observatory.example', timestamp: at(1, 11, 3) },
      { text: 'https://observatory.example', timestamp: at(1, 11, 4) },
    ],
  },
  {
    contact: 'long',
    lines: [
      { text: 'x'.repeat(32 * 1024), timestamp: at(1, 10, 0) },
      { mine: true, text: `${'A sentence that goes on. '.repeat(400)}`, timestamp: at(1, 10, 1) },
      { text: Array.from({ length: 80 }, (_, i) => `line ${i}`).join('\n'), timestamp: at(1, 10, 2) },
      { mine: true, text: 'שלום עולם, this is mixed with English, مرحبا بالعالم', timestamp: at(1, 10, 3) },
    ],
  },
];

test('the first start', async () => {
  const relay = await openRelayProcess();
  const driver = await openApp();
  const { page } = driver;
  await page.getByLabel('Your name').waitFor();
  await shoot(driver, 'first-start');
  await page.getByLabel('Your name').fill('alice');
  await page.getByLabel('Invite').fill('signet://join?v=2');
  await page.getByText(/not a usable invite/).waitFor();
  await shoot(driver, 'first-start-wrong-invite');
  const { relays } = decodeInvite(relay.invite);
  await page.getByLabel('Invite').fill(encodeInvite({ relays, relayKey: randomBytes(32) }));
  await page.getByText(/is not the relay of your invite/).waitFor();
  await shoot(driver, 'first-start-other-key');
  await page.getByLabel('Invite').fill(encodeInvite({ relays: ['127.0.0.1:1'], relayKey: randomBytes(32) }));
  await page.getByText(/nothing listens there/).waitFor();
  await shoot(driver, 'first-start-refused');
  await page.getByLabel('Invite').fill(relay.invite);
  await page.getByText('is the right one').waitFor();
  await page.getByLabel('Your name').fill('Not A Name');
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByText(/A name has/).waitFor();
  await shoot(driver, 'first-start-wrong-name');
  await page.getByLabel('Your name').fill('alice');
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('progressbar').waitFor();
  await page.screenshot({ path: join(folder, 'first-start-joining.png') });
  await page.getByText('You are alice').waitFor();
  await shoot(driver, 'nobody-yet');
});

test('hosting a relay', async () => {
  const driver = await openApp();
  const { page } = driver;
  await page.getByRole('button', { name: 'Host one on this computer' }).click();
  await shoot(driver, 'hosting-form');
  await page.getByText('Port and outside address').click();
  await page.getByLabel('Outside address').fill('not a name');
  await page.getByRole('button', { name: 'Start the relay' }).click();
  await page.getByText('"not a name" is no address.').waitFor();
  await shoot(driver, 'hosting-form-refused');
  await page.keyboard.press('Escape');
  await host(driver, await freePort());
  await shoot(driver, 'hosting');
  await page.getByText('Log', { exact: true }).click();
  await page.getByLabel("The relay's log").getByText('listening').waitFor();
  await page.getByLabel("The relay's log").scrollIntoViewIfNeeded();
  await shoot(driver, 'hosting-log');
  await page.keyboard.press('Escape');
  await page.getByText('is the right one').waitFor();
  await shoot(driver, 'first-start-hosting');
});

test('the conversations', async () => {
  const relay = await openRelay();
  const profile = temporaryFolder();
  await fillProfile(profile, 'alice', relay.invite, [...others, saturday]);
  const driver = await openApp({ profile });
  const { page } = driver;
  // The relay has never heard of her, and takes her name.
  await page.getByText('Connected to the relay').waitFor();
  await shoot(driver, 'list');
  await openConversation(driver, 'bea.moreau');
  await shoot(driver, 'conversation');
  await page.getByLabel('Message details').nth(3).click();
  await page.getByText('What the relay saw').waitFor();
  await shoot(driver, 'message-details');
  await page.getByRole('button', { name: 'Close' }).click();

  await composer(page, 'bea.moreau').fill('A draft of\nthree\nlines');
  await shoot(driver, 'composer-lines');
  await composer(page, 'bea.moreau').fill('word '.repeat(7000));
  await shoot(driver, 'composer-too-long');
  await composer(page, 'bea.moreau').fill('word '.repeat(6200));
  await page.getByText('of 32,768 bytes').waitFor();
  await composer(page, 'bea.moreau').fill('Left as a draft');
  for (const contact of ['jun', 'notices', 'states', 'links', 'long', 'a-name-of-thirty-two-characters_']) {
    await openConversation(driver, contact);
    await shoot(driver, `conversation-${contact}`);
  }
  await page.keyboard.press('Control+k');
  await page.keyboard.type('nobody-of-that-name');
  await shoot(driver, 'search-without-hits');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+n');
  await page.getByLabel('Name', { exact: true }).fill('zoe');
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await page.getByRole('dialog').getByText('Nobody has this name on the relay.').waitFor();
  await shoot(driver, 'new-conversation-refused');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+,');
  await page.getByRole('heading', { name: 'On this computer' }).waitFor();
  await shoot(driver, 'settings');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Invite somebody' }).click();
  await page.getByRole('img', { name: 'The invite as a QR code' }).waitFor();
  await shoot(driver, 'invite');
  await page.keyboard.press('Escape');
  await relay.close();
  await page.getByText(/can't be reached/).waitFor();
  await shoot(driver, 'offline');
});

test.runIf(process.platform === 'linux')('what blocks everything', async () => {
  const relay = await openRelay();
  const profile = temporaryFolder();
  await fillProfile(profile, 'alice', relay.invite, []);
  const nowhere = await openApp({ profile, env: { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nowhere' } });
  await nowhere.page.getByText('There is no session to keep keys in').waitFor();
  await shoot(nowhere, 'keychain-no-bus');
  await nowhere.kill();

  const account = new DatabaseSync(join(profile, 'signet.sqlite'));
  const item = String(account.prepare('SELECT profile FROM account').get()!['profile']);
  account.close();
  await forget(item);
  const gone = await openApp({ profile });
  await gone.page.getByText('Your keys are gone from the keychain').waitFor();
  await shoot(gone, 'keychain-item-missing');
  await gone.kill();

  spawnSync('truncate', ['-s', '4096', join(profile, 'signet.sqlite')]);
  const damaged = await openApp({ profile });
  await damaged.page.getByText('The stored messages are damaged').waitFor();
  await shoot(damaged, 'database-damaged');
  // The window may be gone before the click is answered.
  await Promise.allSettled([damaged.page.getByRole('button', { name: 'Quit' }).click(), damaged.exited]);
  expect(await damaged.exited).toBe(0);
});
