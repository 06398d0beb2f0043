// A relay hosted by the app itself, from the first start to moving it elsewhere; with the bundled program as its own
// process, as the packages hold it.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { decodeInvite } from '../../protocol/links.ts';
import { temporaryFolder } from '../harness.ts';
import {
  addContact,
  bubble,
  builtMain,
  type AppDriver,
  freePort,
  host,
  joinAs,
  meet,
  openConversation,
  openApp,
  rowOf,
  ticked,
  write,
} from './driver.ts';

const dialogOf = ({ page }: AppDriver) => page.getByRole('dialog', { name: 'Host a relay on this computer' });

async function openHosting({ page }: AppDriver): Promise<void> {
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByRole('button', { name: /^(Host a relay|Show)$/ }).click();
}

/** Somebody who hosts a relay and has joined it. */
async function openHost(
  name: string,
  options: Parameters<typeof openApp>[0] = {},
): Promise<AppDriver & { port: number }> {
  const port = await freePort();
  const driver = await openApp(options);
  await host(driver, port);
  await driver.page.keyboard.press('Escape');
  await driver.page.getByLabel('Your name').fill(name);
  await driver.page.getByText('is the right one').waitFor();
  await driver.page.getByRole('button', { name: 'Join', exact: true }).click();
  await driver.page.getByText(`You are ${name}`).waitFor();
  return Object.assign(driver, { port });
}

/** The invite that the hosting dialog makes. */
async function inviteOf(driver: AppDriver): Promise<string> {
  await openHosting(driver);
  await dialogOf(driver).getByRole('button', { name: 'Invite somebody' }).click();
  const link = await driver.page.getByLabel('The invite as a link').innerText();
  await driver.page.keyboard.press('Escape');
  return link;
}

const relaysOf = async (driver: AppDriver): Promise<number[]> => (await driver.recorded()).utilities;

const warnings = async (driver: AppDriver): Promise<string[]> =>
  (await driver.recorded()).dialogs
    .filter(({ kind }) => kind === 'message')
    .map(({ options }) => (options as { message: string }).message);

test('from the first start to a conversation: host, invite by picture and by link, chat, quit, start again, a crash', async () => {
  const alice = await openHost('alice');
  const picture = join(temporaryFolder(), 'invite.png');
  await alice.answerDialog({ filePath: picture });
  await openHosting(alice);
  await dialogOf(alice).getByText('Nobody else', { exact: true }).waitFor();
  await dialogOf(alice).getByRole('button', { name: 'Invite somebody' }).click();
  const link = await alice.page.getByLabel('The invite as a link').innerText();
  await alice.page.getByRole('button', { name: 'Save as an image' }).click();
  await expect.poll(() => existsSync(picture)).toBe(true);
  await alice.page.keyboard.press('Escape');
  const { relays, inviter } = decodeInvite(link);
  expect(inviter?.user).toBe('alice');
  for (const relay of relays) expect(relay).toMatch(new RegExp(`:${alice.port}$`));

  // One joins by the picture, one by the link; both know the inviter as verified.
  const bob = await openApp();
  await bob.page.getByLabel('Read a QR code from a picture').setInputFiles(picture);
  await expect.poll(() => bob.page.getByLabel('Invite', { exact: true }).inputValue()).toBe(link);
  await bob.page.getByLabel('Your name').fill('bob');
  await bob.page.getByRole('button', { name: 'Join', exact: true }).click();
  await rowOf(bob.page, 'alice').getByRole('img', { name: 'Verified' }).waitFor();
  const carol = await openApp({ args: [link] });
  await carol.page.getByLabel('Your name').fill('carol');
  await carol.page.getByRole('button', { name: 'Join', exact: true }).click();
  await rowOf(carol.page, 'alice').getByRole('img', { name: 'Verified' }).waitFor();
  await openConversation(bob, 'alice');
  await write(bob, 'alice', 'Your relay works');
  await openConversation(alice, 'bob');
  await ticked(bob, 'Your relay works', 'Read');
  await openHosting(alice);
  await dialogOf(alice).getByText('2 others').waitFor();
  await alice.page.keyboard.press('Escape');

  // The window may be closed; the tray says what goes on. Quitting is warned about, and can be thought better of.
  await alice.closeWindow();
  await expect.poll(async () => (await alice.recorded()).windows[0]?.visible).toBe(false);
  await expect
    .poll(async () => (await alice.recorded()).tray?.toolTip)
    .toBe('Signet: Hosting a relay: 2 others connected');
  expect((await alice.recorded()).tray?.menu[0]).toMatchObject({
    label: 'Hosting a relay: 2 others connected',
    enabled: false,
  });
  await addContact(carol, 'bob');
  await meet(bob, 'carol');
  await write(bob, 'carol', 'through a closed window');
  await ticked(bob, 'through a closed window', 'Delivered');
  await alice.answerDialog({ response: 1 });
  await alice.clickTrayItem('Quit Signet');
  await expect.poll(() => warnings(alice)).toEqual(['2 others are connected to your relay']);
  await write(bob, 'carol', 'still here');
  await ticked(bob, 'still here', 'Delivered');

  // A crash of the relay is survived.
  const [crashed] = await relaysOf(alice);
  process.kill(crashed!, 'SIGKILL');
  await expect.poll(async () => (await relaysOf(alice)).filter((pid) => pid !== crashed)).toHaveLength(1);
  await write(bob, 'carol', 'after the crash');
  await ticked(bob, 'after the crash', 'Delivered');

  // She quits all the same; what is written meanwhile waits with its writer.
  await alice.answerDialog({ response: 0 });
  await alice.quit();
  expect(await alice.exited).toBe(0);
  await write(bob, 'carol', 'written while there was no relay');
  await bubble(bob.page, 'written while there was no relay').waitFor();

  // Started again, as the system does it: without a window, and everybody is back.
  const again = await openApp({ profile: alice.profile, args: ['--hidden'], window: false });
  await ticked(bob, 'written while there was no relay', 'Delivered');
  await write(bob, 'carol', 'and all is as before');
  await ticked(bob, 'and all is as before', 'Delivered');
  expect((await again.recorded()).windows[0]?.visible).toBe(false);
});

test('hosting is begun from the settings, on a port that is free, and ended there', async () => {
  const alice = await openHost('alice');
  const bob = await openApp();
  await joinAs(bob, 'bob', await inviteOf(alice));
  const { page } = bob;
  await openHosting(bob);
  await page.getByText('Port and outside address').click();
  const port = page.getByLabel('Port', { exact: true });
  await port.fill('70000');
  await page.getByText('A port is a number from 1 to 65535.').waitFor();
  expect(await page.getByRole('button', { name: 'Start the relay' }).isDisabled()).toBe(true);
  await port.fill(String(alice.port));
  await page.getByRole('button', { name: 'Start the relay' }).click();
  await page.getByText(`port ${alice.port}: another program uses it.`).waitFor();
  await port.fill(String(await freePort()));
  await page.getByLabel('Outside address').fill('not a name');
  await page.getByRole('button', { name: 'Start the relay' }).click();
  await page.getByText('"not a name" is no address.').waitFor();
  await page.getByLabel('Outside address').fill('home.example.org');
  await page.getByRole('button', { name: 'Start the relay' }).click();
  await dialogOf(bob).getByText('Running since').waitFor();
  await dialogOf(bob).getByText('home.example.org:').waitFor();
  await page.getByText('Log', { exact: true }).click();
  await page.getByLabel("The relay's log").getByText('listening').waitFor();
  // Bob is on alice's relay: an invite to his own says nothing of him.
  await dialogOf(bob).getByRole('button', { name: 'Invite somebody' }).click();
  const { relays, inviter } = decodeInvite(await page.getByLabel('The invite as a link').innerText());
  expect(relays[0]).toMatch(/^home\.example\.org:/);
  expect(inviter).toBeUndefined();
  await page.keyboard.press('Escape');

  await openHosting(bob);
  await page.getByRole('button', { name: 'Stop hosting' }).click();
  await page.getByRole('button', { name: 'Start the relay' }).waitFor();
  await expect.poll(() => relaysOf(bob)).toEqual([]);
  // Nobody was connected to it: nobody had to be asked.
  expect(await warnings(bob)).toEqual([]);
  expect(await bob.recorded().then(({ tray }) => tray?.toolTip)).toBe('Signet');
  // Stopping one that others are on is asked about.
  await openHosting(alice);
  await dialogOf(alice).getByText('1 other', { exact: true }).waitFor();
  await alice.answerDialog({ response: 1 });
  await alice.page.getByRole('button', { name: 'Stop hosting' }).click();
  await expect.poll(() => warnings(alice)).toEqual(['Somebody is connected to your relay']);
  await dialogOf(alice).getByText('Running since').waitFor();
});

test('a relay moves to another computer by a backup, and those who have joined it find it again', async () => {
  const alice = await openHost('alice');
  const bob = await openApp();
  await joinAs(bob, 'bob', await inviteOf(alice));
  const file = join(temporaryFolder(), 'ours.signet-relay');
  await openHosting(alice);
  await alice.answerDialog({ filePath: file });
  await alice.page.getByRole('button', { name: 'Back up' }).click();
  await dialogOf(alice).getByText('The backup is written.').waitFor();
  expect(statSync(file).mode & 0o077).toBe(0);
  await alice.answerDialog({ response: 0 });
  await alice.page.getByRole('button', { name: 'Stop hosting' }).click();
  await alice.page.getByRole('button', { name: 'Start the relay' }).waitFor();

  // The new computer: another profile, where nobody has joined yet.
  const dave = await openApp();
  await dave.page.getByRole('button', { name: 'Host one on this computer' }).click();
  const other = join(temporaryFolder(), 'letter.txt');
  writeFileSync(other, 'Dear Dave,');
  await dave.answerDialog({ filePaths: [other] });
  await dave.page.getByRole('button', { name: 'Restore a backup' }).click();
  await dave.page.getByText(`${other} isn't a backup of a relay, or it is damaged.`).waitFor();
  await dave.answerDialog({ filePaths: [file] });
  await dave.page.getByRole('button', { name: 'Restore a backup' }).click();
  await dialogOf(dave).getByText('The relay is restored from the backup.').waitFor();
  await dave.page.getByText('Port and outside address').click();
  await dave.page.getByLabel('Port', { exact: true }).fill(String(alice.port));
  await dave.page.getByRole('button', { name: 'Start the relay' }).click();
  await dialogOf(dave).getByText('Running since').waitFor();
  // The same key at the same address: both are back without doing anything.
  await dialogOf(dave).getByText('2 others').waitFor();
  await addContact(alice, 'bob');
  await meet(bob, 'alice');
  await write(bob, 'alice', 'moved');
  await ticked(bob, 'moved', 'Delivered');
  // Over a relay that is there, a backup is put only when the user says so.
  await dave.answerDialog({ filePaths: [file] });
  await dave.answerDialog({ response: 1 });
  await dave.page.getByRole('button', { name: 'Restore', exact: true }).click();
  await expect.poll(() => warnings(dave)).toEqual(['Replace the relay on this computer?']);
  await dialogOf(dave).getByText('Running since').waitFor();
});

test('Signet starts with the computer if that was chosen: by a file that names it, and no longer', async () => {
  const config = temporaryFolder();
  // What is special in such a file is in the folder's name.
  const profile = join(temporaryFolder(), 'my "own" $HOME, 100% \\ `safe`');
  const alice = await openHost('alice', { profile, env: { XDG_CONFIG_HOME: config } });
  const digest = createHash('sha256').update(profile).digest('hex').slice(0, 12);
  const entry = join(config, 'autostart', `chat.signet.${digest}.desktop`);
  await openHosting(alice);
  const choice = alice.page.getByRole('switch', { name: 'Start Signet with the computer' });
  await choice.click();
  await expect.poll(() => existsSync(entry)).toBe(true);
  const lines = readFileSync(entry, 'utf8').split('\n');
  expect(lines[0]).toBe('[Desktop Entry]');
  const quoted = 'my \\\\"own\\\\" \\\\$HOME, 100%% \\\\\\\\ \\\\`safe\\\\`';
  expect(lines).toContain(
    `Exec="${process.execPath}" "${builtMain}" "--profile" "${profile.slice(0, profile.indexOf('my '))}${quoted}" "--hidden"`,
  );
  await choice.click();
  await expect.poll(() => existsSync(entry)).toBe(false);
});

test('what goes wrong is told, and gets right by itself: killed, the port taken meanwhile, a damaged database', async () => {
  const alice = await openHost('alice');
  const { profile, port } = alice;
  await alice.kill();
  const again = await openApp({ profile });
  await again.page.getByText('You are alice').waitFor();
  await again.page.getByText('Connected to the relay').waitFor();
  await again.kill();

  const other = createServer((socket) => socket.destroy());
  await expect.poll(() => listens(other, port)).toBe(true);
  const third = await openApp({ profile });
  await openHosting(third);
  await dialogOf(third).getByRole('status').getByText(`port ${port}: another program uses it.`).waitFor();
  await dialogOf(third).getByText('Not running').waitFor();
  expect((await third.recorded()).tray?.toolTip).toBe('Signet');
  await new Promise((resolve) => other.close(resolve));
  await dialogOf(third).getByText('Running since').waitFor();
  await third.kill();

  const database = join(profile, 'relay', 'relay.sqlite');
  const whole = readFileSync(database);
  writeFileSync(database, Buffer.concat([Buffer.alloc(4096, 7), whole.subarray(4096)]));
  const fourth = await openApp({ profile });
  await openHosting(fourth);
  await dialogOf(fourth)
    .getByRole('status')
    .getByText(/relay\.sqlite.*damaged/)
    .waitFor();
  // Nothing was changed in it.
  expect(readFileSync(database).subarray(0, 4096)).toEqual(Buffer.alloc(4096, 7));
  await fourth.page.getByRole('button', { name: 'Stop hosting' }).click();
  await fourth.page.getByRole('button', { name: 'Start the relay' }).click();
  await dialogOf(fourth)
    .getByRole('alert')
    .getByText(/relay\.sqlite.*damaged/)
    .waitFor();
});

const listens = (server: ReturnType<typeof createServer>, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    server.once('error', () => resolve(false)).listen(port, '0.0.0.0', () => resolve(true));
  });
