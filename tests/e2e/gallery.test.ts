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
import { decodeInvite, encodeInvite } from '../../protocol/invite.ts';
import { openRelay, temporaryFolder } from '../town.ts';
import { composer, type Desk, freePort, host, openConversation, openDesk, openRelayProcess } from './desk.ts';
import { fillProfile, type Past, sampleText } from '../fill.ts';

const folder = join(import.meta.dirname, '..', '..', 'out', 'gallery');
mkdirSync(folder, { recursive: true });

const themesAt = (width: number): ('light' | 'dark')[] =>
  process.env['GALLERY'] === 'full' ? ['light', 'dark'] : width === 900 ? ['light'] : ['dark'];

/** Takes the pictures of what the window shows now. */
async function shoot({ page }: Desk, name: string): Promise<void> {
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
    { text: 'Are we still on for Saturday?', sentAt: at(0, 18, 20) },
    { mine: true, text: 'Yes! Shall I bring the telescope or the binoculars?', sentAt: at(0, 18, 24) },
    { text: 'Both, if you can carry them. The forecast says clear until two.', sentAt: at(0, 18, 25) },
    {
      mine: true,
      text: 'Then I pack the light tripod. Jun wants to come along, is that all right with you?',
      sentAt: at(1, 14, 28),
    },
    { text: 'Of course.', sentAt: at(1, 14, 31), state: 'unread' },
    {
      text: 'The gate opens at seven, I will bring the key and something warm to drink. Park on the north side, the south road is closed since the storm.',
      sentAt: at(1, 14, 32),
      state: 'unread',
    },
    { text: '🔭', sentAt: at(1, 14, 32), state: 'unread' },
  ],
};
const others: Past[] = [
  {
    contact: 'tomas.kral',
    verified: true,
    lines: [{ text: 'Sent you the reading list', sentAt: at(1, 13, 5), state: 'unread' }],
  },
  {
    contact: 'a-name-of-thirty-two-characters_',
    lines: Array.from({ length: 120 }, (_, i) => ({
      text: sampleText(i),
      sentAt: at(1, 9, i % 60),
      state: 'unread' as const,
    })),
  },
  { contact: 'jun', isOffered: true, lines: [{ text: 'I got a new laptop, finally', sentAt: at(0, 11, 2) }] },
  {
    contact: 'notices',
    lines: [
      { text: 'This one came', sentAt: at(0, 9, 0) },
      { notice: 'missing', missing: 3, sentAt: at(0, 9, 1) },
      { notice: 'missing', missing: 0, sentAt: at(0, 9, 2) },
      { notice: 'restarted', sentAt: at(0, 9, 3) },
      { notice: 'refused', missing: 2, sentAt: at(0, 9, 4) },
      { notice: 'forked', sentAt: at(0, 9, 5) },
    ],
  },
  {
    contact: 'states',
    lines: (['read', 'delivered', 'sent', 'pending', 'failed'] as const).map((state, i) => ({
      mine: true,
      ...{ text: `This one is ${state}`, state, sentAt: at(1, 15, i) },
    })),
  },
  {
    contact: 'links',
    lines: [
      { text: 'The way there: https://maps.example/route?from=harbour&to=observatory', sentAt: at(1, 11, 0) },
      {
        mine: true,
        text: 'Thanks! I wrote to warden@observatory.example, and found the notes (https://observatory.example/notes_(2026)).',
        sentAt: at(1, 11, 1),
      },
      {
        text: `https://observatory.example/${'pictures-of-the-evening/'.repeat(9)}index`,
        sentAt: at(1, 11, 2),
      },
      { mine: true, text: 'https://аррle.com/ שלום https://observatory.example', sentAt: at(1, 11, 3) },
      { text: 'https://observatory.example', sentAt: at(1, 11, 4) },
    ],
  },
  {
    contact: 'long',
    lines: [
      { text: 'x'.repeat(32 * 1024), sentAt: at(1, 10, 0) },
      { mine: true, text: `${'A sentence that goes on. '.repeat(400)}`, sentAt: at(1, 10, 1) },
      { text: Array.from({ length: 80 }, (_, i) => `line ${i}`).join('\n'), sentAt: at(1, 10, 2) },
      { mine: true, text: 'שלום עולם, this is mixed with English, مرحبا بالعالم', sentAt: at(1, 10, 3) },
    ],
  },
];

test('the first start', async () => {
  const relay = await openRelayProcess();
  const desk = await openDesk();
  const { page } = desk;
  await page.getByLabel('Your name').waitFor();
  await shoot(desk, 'first-start');
  await page.getByLabel('Your name').fill('alice');
  await page.getByLabel('Invite').fill('signet://join?v=2');
  await page.getByText(/not a usable invite/).waitFor();
  await shoot(desk, 'first-start-wrong-invite');
  const { relays } = decodeInvite(relay.invite);
  await page.getByLabel('Invite').fill(encodeInvite({ relays, key: randomBytes(32) }));
  await page.getByText(/is not the relay of your invite/).waitFor();
  await shoot(desk, 'first-start-other-key');
  await page.getByLabel('Invite').fill(encodeInvite({ relays: ['127.0.0.1:1'], key: randomBytes(32) }));
  await page.getByText(/nothing listens there/).waitFor();
  await shoot(desk, 'first-start-refused');
  await page.getByLabel('Invite').fill(relay.invite);
  await page.getByText('is the right one').waitFor();
  await page.getByLabel('Your name').fill('Not A Name');
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByText(/A name has/).waitFor();
  await shoot(desk, 'first-start-wrong-name');
  await page.getByLabel('Your name').fill('alice');
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('progressbar').waitFor();
  await page.screenshot({ path: join(folder, 'first-start-joining.png') });
  await page.getByText('You are alice').waitFor();
  await shoot(desk, 'nobody-yet');
});

test('hosting a relay', async () => {
  const desk = await openDesk();
  const { page } = desk;
  await page.getByRole('button', { name: 'Host one on this computer' }).click();
  await shoot(desk, 'hosting-form');
  await page.getByText('Port and outside address').click();
  await page.getByLabel('Outside address').fill('not a name');
  await page.getByRole('button', { name: 'Start the relay' }).click();
  await page.getByText('"not a name" is no address.').waitFor();
  await shoot(desk, 'hosting-form-refused');
  await page.keyboard.press('Escape');
  await host(desk, await freePort());
  await shoot(desk, 'hosting');
  await page.getByText('Log', { exact: true }).click();
  await page.getByLabel("The relay's log").getByText('listening').waitFor();
  await page.getByLabel("The relay's log").scrollIntoViewIfNeeded();
  await shoot(desk, 'hosting-log');
  await page.keyboard.press('Escape');
  await page.getByText('is the right one').waitFor();
  await shoot(desk, 'first-start-hosting');
});

test('the conversations', async () => {
  const relay = await openRelay();
  const profile = temporaryFolder();
  await fillProfile(profile, 'alice', relay.invite, [...others, saturday]);
  const desk = await openDesk({ profile });
  const { page } = desk;
  // The relay has never heard of her, and takes her name.
  await page.getByText('Connected to the relay').waitFor();
  await shoot(desk, 'list');
  await openConversation(desk, 'bea.moreau');
  await shoot(desk, 'conversation');
  await page.getByLabel('Message details').nth(3).click();
  await page.getByText('What the relay saw').waitFor();
  await shoot(desk, 'message-details');
  await page.getByRole('button', { name: 'Close' }).click();

  await composer(page, 'bea.moreau').fill('A draft of\nthree\nlines');
  await shoot(desk, 'composer-lines');
  await composer(page, 'bea.moreau').fill('word '.repeat(7000));
  await shoot(desk, 'composer-too-long');
  await composer(page, 'bea.moreau').fill('word '.repeat(6200));
  await page.getByText('of 32,768 bytes').waitFor();
  await composer(page, 'bea.moreau').fill('Left as a draft');
  for (const contact of ['jun', 'notices', 'states', 'links', 'long', 'a-name-of-thirty-two-characters_']) {
    await openConversation(desk, contact);
    await shoot(desk, `conversation-${contact}`);
  }
  await page.keyboard.press('Control+k');
  await page.keyboard.type('nobody-of-that-name');
  await shoot(desk, 'search-without-hits');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+n');
  await page.getByLabel('Name', { exact: true }).fill('zoe');
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await page.getByRole('dialog').getByText('Nobody has this name on the relay.').waitFor();
  await shoot(desk, 'new-conversation-refused');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+,');
  await page.getByRole('heading', { name: 'On this computer' }).waitFor();
  await shoot(desk, 'settings');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Invite somebody' }).click();
  await page.getByRole('img', { name: 'The invite as a QR code' }).waitFor();
  await shoot(desk, 'invite');
  await page.keyboard.press('Escape');
  await relay.close();
  await page.getByText(/can't be reached/).waitFor();
  await shoot(desk, 'offline');
});

test.runIf(process.platform === 'linux')('what blocks everything', async () => {
  const relay = await openRelay();
  const profile = temporaryFolder();
  await fillProfile(profile, 'alice', relay.invite, []);
  const nowhere = await openDesk({ profile, env: { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nowhere' } });
  await nowhere.page.getByText('There is no session to keep keys in').waitFor();
  await shoot(nowhere, 'keychain-no-bus');
  await nowhere.kill();

  const account = new DatabaseSync(join(profile, 'signet.sqlite'));
  const item = String(account.prepare('SELECT profile FROM account').get()!['profile']);
  account.close();
  await forget(item);
  const gone = await openDesk({ profile });
  await gone.page.getByText('Your keys are gone from the keychain').waitFor();
  await shoot(gone, 'keychain-item-missing');
  await gone.kill();

  spawnSync('truncate', ['-s', '4096', join(profile, 'signet.sqlite')]);
  const damaged = await openDesk({ profile });
  await damaged.page.getByText('The stored messages are damaged').waitFor();
  await shoot(damaged, 'database-damaged');
  // The window may be gone before the click is answered.
  await Promise.allSettled([damaged.page.getByRole('button', { name: 'Quit' }).click(), damaged.exited]);
  expect(await damaged.exited).toBe(0);
});
