// How an invite gets from one driver to another: as a link, as a picture of a QR code, by a click on it.
import { randomBytes } from 'node:crypto';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeInvite } from '../../protocol/links.ts';
import { temporaryFolder } from '../harness.ts';
import {
  addContact,
  openConversation,
  joinInApp,
  composer,
  type AppDriver,
  freePort,
  openApp,
  openRelayProcess,
  rowOf,
  ticked,
  write,
} from './driver.ts';

/** The link that alice's invitation dialog shows. */
async function inviteOf({ page }: AppDriver): Promise<string> {
  await page.getByRole('button', { name: 'Invite somebody' }).click();
  const link = await page.getByLabel('The invite as a link').innerText();
  await page.keyboard.press('Escape');
  return link;
}

test('a QR code that was saved as a picture is read from it, and the inviter is verified from the start', async () => {
  const relay = await openRelayProcess();
  const alice = await joinInApp('alice', relay.invite);
  const picture = join(temporaryFolder(), 'invite.png');
  await alice.answerDialog({ filePath: picture });
  await alice.page.getByRole('button', { name: 'Invite somebody' }).click();
  await alice.page.getByRole('img', { name: 'The invite as a QR code' }).waitFor();
  await alice.page.getByRole('button', { name: 'Save as an image' }).click();
  await expect.poll(async () => (await alice.recorded()).dialogs.length).toBe(1);
  await alice.page.getByRole('button', { name: 'Copy the link' }).click();
  await alice.page.getByRole('button', { name: 'Copied' }).waitFor();
  await expect.poll(async () => (await alice.recorded()).clipboard).not.toBe('');
  const { clipboard } = await alice.recorded();
  expect(clipboard).toMatch(/^signet:\/\/join\?v=1&relay=.*&key=.*&from=alice&identity=.{43}$/);
  await alice.page.keyboard.press('Escape');

  const bob = await openApp();
  const { page } = bob;
  await page.getByLabel('Read a QR code from a picture').setInputFiles(picture);
  await expect.poll(() => page.getByLabel('Invite', { exact: true }).inputValue()).toBe(clipboard);
  await page.getByText('From alice. The relay at 127.0.0.1:').waitFor();
  await page.getByLabel('Your name').fill('bob');
  await page.getByRole('button', { name: 'Join' }).click();
  await rowOf(page, 'alice').getByRole('img', { name: 'Verified' }).waitFor();
  await rowOf(page, 'alice').click();
  await page.getByText('Verified by the invite').waitFor();
  await write(bob, 'alice', 'Your code was legible');
  await openConversation(alice, 'bob');
  await ticked(bob, 'Your code was legible', 'Read');
});

test('a picture without a code is said to have none', async () => {
  const { page } = await openApp();
  const picture = join(temporaryFolder(), 'icon.png');
  copyFileSync(join(import.meta.dirname, '..', '..', 'build', 'icons', 'icon.png'), picture);
  await page.getByLabel('Read a QR code from a picture').setInputFiles(picture);
  await page.getByText('No QR code could be read in this picture.').waitFor();
  await page.getByLabel('Read a QR code from a picture').setInputFiles({
    name: 'not-a-picture.png',
    mimeType: 'image/png',
    buffer: Buffer.from('This is no picture.'),
  });
  await page.getByText('No QR code could be read in this picture.').waitFor();
});

test('a link that is opened fills in the invite; for somebody who has joined, it verifies the inviter', async () => {
  const relay = await openRelayProcess();
  const alice = await joinInApp('alice', relay.invite);
  const link = await inviteOf(alice);

  // Signet is started by the link.
  const bob = await openApp({ args: [link] });
  await expect.poll(() => bob.page.getByLabel('Invite', { exact: true }).inputValue()).toBe(link);
  // A second start hands the link over to the first.
  const carol = await openApp();
  await carol.page.getByLabel('Your name').waitFor();
  const second = await openApp({ profile: carol.profile, args: [link], window: false });
  expect(await second.exited).toBe(0);
  await expect.poll(() => carol.page.getByLabel('Invite', { exact: true }).inputValue()).toBe(link);

  // Dave has joined by the bare invite, and knows nobody; the link makes alice known to him, and verified.
  const dave = await joinInApp('dave', relay.invite);
  await dave.openUrl(link);
  await composer(dave.page, 'alice').waitFor();
  await dave.page.getByText('Verified by the invite').waitFor();
  // One to another relay is refused with a sentence, and nothing changes.
  const other = await openRelayProcess();
  await dave.openUrl(other.invite);
  await dave.page.getByText('The invite is for another relay than the one this profile uses.').waitFor();
  await addContact(alice, 'dave');
  await write(dave, 'alice', 'still on the same relay');
  await ticked(dave, 'still on the same relay', 'Delivered');
});

test('a link that is opened while one is joining fills in the invite if that fails', async () => {
  const relay = await openRelayProcess();
  const { page, openUrl } = await openApp();
  const gone = encodeInvite({ relays: [`127.0.0.1:${await freePort()}`], relayKey: randomBytes(32) });
  await page.getByLabel('Your name').fill('alice');
  await page.getByLabel('Invite', { exact: true }).fill(gone);
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('progressbar').waitFor();
  await openUrl(relay.invite);
  await page.getByRole('progressbar').waitFor({ state: 'hidden' });
  await expect.poll(() => page.getByLabel('Invite', { exact: true }).inputValue()).toBe(relay.invite);
  // What came of the other invite says nothing about this one.
  await page.getByText('is the right one.').waitFor();
  expect(await page.getByText("can't be reached").count()).toBe(0);
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByText('You are alice').waitFor();
});

test('a member whose relay has moved pastes an invite to where it is now', async () => {
  const relay = await openRelayProcess();
  const other = await openRelayProcess();
  const alice = await joinInApp('alice', relay.invite);
  const { page } = alice;
  await relay.kill();
  const cutOff = page.getByText('Not connected, trying again').or(page.getByText('Connecting to the relay'));
  await cutOff.waitFor();
  const moved = await relay.elsewhere();
  await page.getByRole('button', { name: 'New conversation' }).first().click();
  const field = page.getByLabel('Name', { exact: true });
  await field.fill(other.invite);
  await field.press('Enter');
  await page.getByText('The invite is for another relay than the one this profile uses.').waitFor();
  await field.fill(moved);
  await field.press('Enter');
  await field.waitFor({ state: 'hidden' });
  await page.getByText('Connected to the relay').waitFor();
});
