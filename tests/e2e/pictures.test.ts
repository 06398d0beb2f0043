// The pictures of the window in the documents. They are taken at every run, and checked: nothing is cut off. With
// PICTURES=docs in the environment they replace those in docs/ (docs/BUILDING.md, "Pictures in the documents").
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { decodeInvite, encodeInvite } from '../../protocol/links.ts';
import { reachableAddresses } from '../../relay/addresses.ts';
import { openRelay, type TestRelay } from '../harness.ts';
import {
  joinInApp,
  type AppDriver,
  freePort,
  host,
  meet,
  openConversation,
  openApp,
  ticked,
  write,
} from './driver.ts';

const isForDocs = process.env['PICTURES'] === 'docs';
const root = join(import.meta.dirname, '..', '..');
const folder = isForDocs ? join(root, 'docs') : join(root, 'out', 'pictures');
mkdirSync(folder, { recursive: true });

const DEFAULT_PORT = 7443;
const port = async (): Promise<number> => (isForDocs ? DEFAULT_PORT : freePort());

/** A relay that others could reach, as its invite says. */
async function openPublicRelay(): Promise<TestRelay> {
  const relay = await openRelay({ host: '0.0.0.0', port: await port() });
  const [address = ''] = reachableAddresses('0.0.0.0', relay.port);
  return { ...relay, invite: encodeInvite({ relays: [address], relayKey: relay.key }) };
}

/** By how many pixels the content of any part of the window is higher than the part itself. */
const HIDDEN = `Math.max(0, ...[...document.querySelectorAll('*')]
  .filter((element) => /auto|scroll/.test(getComputedStyle(element).overflowY))
  .map((element) => element.scrollHeight - element.clientHeight))`;

/** Takes a picture that is as high as its content needs, and at least as high as this. */
async function shoot(
  { page }: AppDriver,
  name: string,
  { colorScheme, ...size }: { colorScheme: 'light' | 'dark'; width: number; height: number },
): Promise<void> {
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
  await page.setViewportSize(size);
  await page.evaluate('document.fonts.ready.then(() => undefined)');
  let { height } = size;
  const grow = async (): Promise<number> => {
    const hidden = Number(await page.evaluate(HIDDEN));
    height += hidden;
    await page.setViewportSize({ ...size, height });
    return hidden;
  };
  await expect.poll(grow, { message: `${name} is cut off` }).toBe(0);
  expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), name).toBe(0);
  const ports = (await page.locator('body').innerText()).match(/(?<=[\d\]]:)\d{4,5}\b/g) ?? [];
  if (isForDocs) expect(new Set(ports)).toEqual(new Set(ports.length > 0 ? [String(DEFAULT_PORT)] : []));
  const file = join(folder, `${name}.png`);
  await page.screenshot({ path: file });
  // A palette makes them a third as large, which counts in a repository. It is ImageMagick's.
  if (isForDocs) execFileSync('convert', [file, '-strip', '+dither', '-colors', '200', file]);
}

test('a conversation, and the details of a message', async () => {
  const relay = await openPublicRelay();
  const alice = await joinInApp('alice', relay.invite);
  const bob = await joinInApp('bob', relay.invite);
  await meet(alice, 'bob');
  const lines = [
    [alice, 'Hi Bob! Our own relay is running. 🎉'],
    [bob, 'Hello Alice 👋 And nobody in between can read this?'],
    [alice, 'Nobody. All it ever sees are sealed envelopes. 💌'],
    [bob, 'Then I can tell you what we give Jun for her birthday!'],
    [alice, 'The telescope?'],
    [bob, 'The telescope. Can you come along on Saturday, to choose it? 🔭'],
    [alice, 'Gladly. Ten o’clock at the north gate?'],
    [bob, 'See you there.'],
  ] as const;
  for (const [i, [driver, text]] of lines.entries()) {
    if (i === 1) await openConversation(bob, 'alice');
    await write(driver, driver === alice ? 'bob' : 'alice', text);
    if (i > 0) await ticked(driver, text, 'Read');
  }
  await shoot(bob, 'conversation', { colorScheme: 'dark', width: 1100, height: 720 });
  await alice.page.getByLabel('Message details').nth(2).click();
  await alice.page.getByText('Safety number with bob').waitFor();
  await shoot(alice, 'message-details', { colorScheme: 'light', width: 1100, height: 720 });
});

test('the dialog about a relay on this computer', async () => {
  const driver = await openApp();
  await host(driver, await port());
  await shoot(driver, 'hosting', { colorScheme: 'light', width: 700, height: 760 });
});

test('a relay with another key than the invite names', async () => {
  const relay = await openPublicRelay();
  const driver = await openApp();
  const { relays } = decodeInvite(relay.invite);
  await driver.page.getByLabel('Your name').fill('alice');
  await driver.page.getByLabel('Invite').fill(encodeInvite({ relays, relayKey: randomBytes(32) }));
  await driver.page.getByText(/is not the relay of your invite/).waitFor();
  await shoot(driver, 'other-key', { colorScheme: 'light', width: 700, height: 740 });
});
