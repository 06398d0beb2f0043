// What impatient and unlucky users do: twice, too early, in between, all at once.
import { expect, test } from 'vitest';
import { bringOnline, openPerson, until } from '../harness.ts';
import {
  addContact,
  joinInApp,
  bubble,
  composer,
  joinAs,
  meet,
  openConversation,
  openApp,
  openRelayProcess,
  ticked,
} from './driver.ts';
import { soon } from './soon.ts';

// Without a session, which is Linux's way of having no keychain.
test.runIf(process.platform === 'linux')(
  'from the screen that blocks everything one retries, twice at once if need be, and quits',
  async () => {
    const relay = await openRelayProcess();
    const first = await joinInApp('alice', relay.invite);
    await first.quit();
    expect(await first.exited).toBe(0);
    const driver = await openApp({
      profile: first.profile,
      env: { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent' },
    });
    const { page } = driver;
    const blocked = page.getByRole('heading', { name: 'There is no session to keep keys in' });
    await blocked.waitFor();
    await page.getByRole('button', { name: 'Retry' }).dblclick();
    await page.evaluate('Promise.all([bridge.calls.retry(), bridge.calls.retry(), bridge.calls.retry()])');
    await blocked.waitFor();
    // The window may be gone before the click has been confirmed.
    await page
      .getByRole('button', { name: 'Quit' })
      .click()
      .catch(() => {});
    expect(await driver.exited).toBe(0);
    // The profile is as it was.
    const again = await openApp({ profile: first.profile });
    await again.page.getByText('You are alice').waitFor();
  },
);

test('joining: a double click joins once, the end may come at any moment, and the next start goes on', async () => {
  const relay = await openRelayProcess();
  const driver = await openApp();
  const { page } = driver;
  await page.getByLabel('Your name').fill('alice');
  await page.getByLabel('Invite').fill(relay.invite);
  await page.getByRole('button', { name: 'Join' }).dblclick();
  await page.getByText('You are alice').waitFor();
  expect(await page.getByRole('alert').count()).toBe(0);

  // Quit while the keys are being made; and closed in the same moment.
  const second = await openApp();
  await second.page.getByLabel('Your name').fill('bob');
  await second.page.getByLabel('Invite').fill(relay.invite);
  await second.page.getByRole('button', { name: 'Join' }).click();
  await second.page.getByRole('progressbar').waitFor();
  await second.closeWindow();
  await second.quit();
  expect(await second.exited).toBe(0);
  expect(second.log()).not.toMatch(/nobody expected|failed:/);
  const again = await openApp({ profile: second.profile });
  const name = again.page.getByLabel('Your name');
  await name.or(again.page.getByText('You are bob')).first().waitFor();
  if (await name.isVisible()) await joinAs(again, 'bob', relay.invite);
});

test('nobody writes to oneself', async () => {
  const relay = await openRelayProcess();
  const { page } = await joinInApp('alice', relay.invite);
  await page.getByRole('button', { name: 'New conversation' }).first().click();
  await page.getByLabel('Name', { exact: true }).fill('alice');
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await page.getByText('That is your own name.').waitFor();
});

test('300 messages that come while one reads further up move nothing; switching in a hurry mixes nothing', async () => {
  const relay = await openRelayProcess();
  const alice = await joinInApp('alice', relay.invite);
  const { page } = alice;
  const others = await Promise.all(['bob', 'carol', 'dave'].map((name) => openPerson(name, relay.invite)));
  await Promise.all(others.map(bringOnline));
  // Of a request only the first messages would be kept.
  await Promise.all(others.map(({ name }) => addContact(alice, name)));
  const [bob] = others;
  const total = (): Promise<number> =>
    page.evaluate(
      'bridge.calls.snapshot().then(({ value }) => value.conversations.reduce((sum, { count }) => sum + count, 0))',
    );
  for (const person of others) {
    for (let i = 0; i < 40; i++) await person.send('alice', `${person.name} ${i}`);
  }
  await until(async () => (await total()) === 120);
  await openConversation(alice, 'bob');
  await bubble(page, 'bob 0').waitFor();
  await page.evaluate(`void (document.querySelector('[role=log]').scrollTop = 100)`);
  const anchor = bubble(page, 'bob 5');
  const before = await anchor.boundingBox();
  for (let i = 40; i < 340; i++) await bob!.send('alice', `bob ${i}`);
  await until(async () => (await total()) === 420);
  await page.getByRole('button', { name: 'Jump to the newest message' }).getByText('99+').waitFor();
  expect(await anchor.boundingBox()).toEqual(before);
  await page.getByRole('button', { name: 'Jump to the newest message' }).click();
  await bubble(page, 'bob 339').waitFor();
  await soon(async () => (await alice.recorded()).badge).toBe(80);

  // Alt with the arrows, faster than anything loads.
  for (let i = 0; i < 12; i++) await page.keyboard.press(i % 5 < 3 ? 'Alt+ArrowDown' : 'Alt+ArrowUp');
  // And clicks that come before any of the conversations could have been fetched: the last one counts.
  await page.evaluate(`for (const name of ['carol', 'dave', 'bob', 'carol', 'dave']) {
    [...document.querySelectorAll('.sidebar li button')].find((row) => row.querySelector('.name').textContent === name).click();
  }`);
  await composer(page, 'dave').waitFor();
  await page.locator('.bubble .text').getByText(/^dave/).first().waitFor();
  const shown = await page.locator('.bubble .text').allTextContents();
  expect(shown.filter((text) => !text.startsWith('dave '))).toEqual([]);
});

test('what is typed while a text is on its way stays in the field', async () => {
  const relay = await openRelayProcess();
  const alice = await joinInApp('alice', relay.invite);
  const bob = await openPerson('bob', relay.invite);
  await bringOnline(bob);
  await bob.startConversation('alice');
  await meet(alice, 'bob');
  const field = composer(alice.page, 'bob');
  for (let i = 0; i < 5; i++) {
    await field.pressSequentially(`text ${i}`);
    await field.press('Enter');
  }
  await field.pressSequentially('more');
  await ticked(alice, 'text 4', 'Delivered');
  expect(await alice.page.locator('.bubble .text').allTextContents()).toEqual(
    [0, 1, 2, 3, 4].map((i) => `text ${i}`),
  );
  expect(await field.inputValue()).toBe('more');
});
