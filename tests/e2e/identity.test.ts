// Somebody else's keys under a known name, as the window shows it: nothing goes to them before the user has decided.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { expect, test } from 'vitest';
import { spawnChat, spawnRelay } from '../processes.ts';
import { temporaryFolder } from '../harness.ts';
import { joinInApp, composer, meet, ticked, write } from './driver.ts';

const root = join(import.meta.dirname, '..', '..');

test('new keys under a known name are told, and taken only after a second, deliberate click', async () => {
  const data = temporaryFolder();
  const relay = spawnRelay(data, 0);
  const told = await relay.wait(({ event }) => event === 'listening');
  const [invite, port] = [String(told['invite']), Number(told['port'])];
  const arrive = async (): Promise<ReturnType<typeof spawnChat>> => {
    const bob = spawnChat(temporaryFolder(), 'bob', invite);
    await bob.wait(({ event }) => event === 'ready');
    return bob;
  };
  const [alice, first] = await Promise.all([joinInApp('alice', invite), arrive()]);
  const { page } = alice;
  await meet(alice, 'bob');
  await write(alice, 'bob', 'to the one I know');
  await ticked(alice, 'to the one I know', 'Delivered');
  await first.kill();
  await relay.kill('SIGTERM');
  execFileSync(process.execPath, [
    join(root, 'relay/index.ts'),
    'remove-user',
    'bob',
    '--yes',
    '--data',
    data,
  ]);
  await spawnRelay(data, port).wait(({ event }) => event === 'listening');
  const second = await arrive();
  await page.getByText('Connected to the relay').waitFor();

  await write(alice, 'bob', 'who are you?');
  const banner = page.getByRole('alert').filter({ hasText: "bob's safety number has changed" });
  await banner.waitFor();
  // What was written is still there, and went to nobody.
  expect(await composer(page, 'bob').inputValue()).toBe('who are you?');
  await page.getByText('New safety number, not accepted').waitFor();

  // A double click does not decide; nothing moves under it.
  const accept = banner.getByRole('button', { name: 'Accept the new safety number' });
  const sure = banner.getByRole('button', { name: 'Yes, I asked bob. Accept' });
  const focused = (button: Locator): Locator => button.and(page.locator(':focus'));
  const box = await accept.boundingBox();
  await page.mouse.dblclick(box!.x + box!.width / 2, box!.y + box!.height / 2, { delay: 20 });
  await sure.waitFor();
  expect(await accept.boundingBox()).toEqual(box);
  expect(await accept.isDisabled()).toBe(true);
  await banner.getByRole('button', { name: 'Not yet' }).click();
  await sure.waitFor({ state: 'hidden' });
  // By the keyboard: the safe answer has the focus, then what led here.
  await focused(accept).waitFor();
  await page.keyboard.press('Enter');
  await sure.waitFor();
  await page.keyboard.press('Enter');
  await sure.waitFor({ state: 'hidden' });
  await focused(accept).waitFor();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Shift+Tab');
  await focused(sure).waitFor();
  expect(second.events.filter(({ event }) => event === 'message')).toEqual([]);
  await page.keyboard.press('Enter');
  await banner.waitFor({ state: 'hidden' });
  await page.getByText('Not verified').waitFor();
  await composer(page, 'bob').press('Enter');
  await second.wait(({ event, text }) => event === 'message' && text === 'who are you?');
  await ticked(alice, 'who are you?', 'Delivered');
  // The first one's, which never came again, is not among them.
  expect(second.events.filter(({ event }) => event === 'message')).toHaveLength(1);
});
