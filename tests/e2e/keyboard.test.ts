// Everything with the keyboard alone, once through: first start, a conversation, its details, the way back.
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { joinInApp, bubble, openConversation, openApp, openRelayProcess, write } from './driver.ts';

/** What has the focus, by its role and name as assistive technology has them. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(`(() => {
    const { activeElement: element } = document;
    return element.getAttribute('aria-label') ?? element.labels?.[0]?.innerText ?? element.innerText ?? '';
  })()`);

/** Presses Tab until something has the focus. */
async function tabTo(page: Page, name: string | RegExp, key = 'Tab'): Promise<void> {
  const isThere = (found: string): boolean => (typeof name === 'string' ? found === name : name.test(found));
  for (let i = 0; i < 30; i++) {
    if (isThere((await focused(page)).trim())) return;
    await page.keyboard.press(key);
  }
  throw new Error(`Tab never reaches ${String(name)}; it is at "${await focused(page)}".`);
}

/** Whether the element with the focus shows that it has it. */
const showsFocus = (page: Page): Promise<boolean> =>
  page.evaluate(`(() => {
    const drawn = (element) => {
      const { outlineStyle, boxShadow } = getComputedStyle(element);
      return outlineStyle !== 'none' || boxShadow !== 'none';
    };
    const { activeElement } = document;
    return drawn(activeElement) || drawn(activeElement.parentElement);
  })()`);

test('a person with a keyboard and no mouse', async () => {
  const relay = await openRelayProcess();
  const bob = await joinInApp('bob', relay.invite);
  const alice = await openApp();
  const { page } = alice;
  const { keyboard } = page;

  await page.getByLabel('Your name').waitFor();
  await tabTo(page, 'Your name');
  await keyboard.type('alice');
  await tabTo(page, 'Invite');
  await keyboard.insertText(relay.invite);
  await tabTo(page, 'Join');
  expect(await showsFocus(page)).toBe(true);
  await keyboard.press('Enter');
  await page.getByText('You are alice').waitFor();

  await tabTo(page, 'New conversation');
  expect(await showsFocus(page)).toBe(true);
  await keyboard.press('Enter');
  await tabTo(page, 'Name');
  await keyboard.type('bob');
  await keyboard.press('Enter');
  await page.getByLabel('Message to bob').waitFor();
  await expect.poll(() => focused(page)).toBe('Message to bob');
  for (const text of ['one', 'two', 'three']) {
    await keyboard.type(text);
    await keyboard.press('Enter');
  }
  await bubble(page, 'three').waitFor();
  await openConversation(bob, 'alice');
  await write(bob, 'alice', 'four');
  await bubble(page, 'four').waitFor();

  // Into the messages, up to the second, and into its details.
  await tabTo(page, /^Messages with bob/, 'Shift+Tab');
  for (let i = 0; i < 3; i++) await keyboard.press('ArrowUp');
  await expect
    .poll(() => page.evaluate('document.activeElement.querySelector(".text")?.textContent'))
    .toBe('two');
  expect(await showsFocus(page)).toBe(true);
  await keyboard.press('Enter');
  await page
    .getByRole('complementary', { name: 'Message details' })
    .getByText('two', { exact: true })
    .waitFor();
  await page.getByText('What the relay saw').waitFor();
  await tabTo(page, 'They are the same');
  await keyboard.press('Enter');
  await page.getByText('Verified in person').waitFor();
  await keyboard.press('Escape');
  await page.getByText('What the relay saw').waitFor({ state: 'hidden' });
  await expect.poll(() => focused(page)).toBe('Message to bob');

  // The list, by its arrow keys; search and settings by their shortcuts.
  await keyboard.press('Control+n');
  await keyboard.type('nobody');
  await keyboard.press('Enter');
  await page.getByText('Nobody has this name on the relay.').waitFor();
  await keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await keyboard.press('Control+k');
  expect(await focused(page)).toBe('Search conversations by name');
  await keyboard.type('bo');
  await keyboard.press('Enter');
  await expect.poll(() => focused(page)).toBe('Message to bob');
  await keyboard.press('Control+,');
  await tabTo(page, /^Notify me of new messages/);
  await keyboard.press('Space');
  const notify = page.getByRole('switch', { name: /^Notify me/ });
  await expect.poll(() => notify.getAttribute('aria-checked')).toBe('false');
  await keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
});
