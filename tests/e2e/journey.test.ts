// Two people at two apps, from the first start on: a real relay process, a real keychain, the built app.
import { expect, test } from 'vitest';
import {
  joinInApp,
  bubble,
  composer,
  joinAs,
  meet,
  openConversation,
  openApp,
  openRelayProcess,
  rowOf,
  ticked,
  write,
} from './driver.ts';

test('they join, chat both ways until everything is read, and find it all again after a restart', async () => {
  const relay = await openRelayProcess();
  const [alice, bob] = await Promise.all([joinInApp('alice', relay.invite), joinInApp('bob', relay.invite)]);
  await meet(alice, 'bob');
  const texts = [
    'Hello Bob',
    'Ünïcödé: 日本語, العربية, עברית, Ελληνικά, e\u0301',
    '👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇪🇺',
    'a list:\n  - one\n\n  - two\n\ttabbed',
  ];
  for (const text of texts) await write(alice, 'bob', text);
  await rowOf(bob.page, 'alice').waitFor();
  await expect.poll(async () => (await bob.recorded()).badge).toBe(texts.length);

  await openConversation(bob, 'alice');
  for (const text of texts) await ticked(alice, text, 'Read');
  const shown = await bob.page.locator('.bubble .text').allTextContents();
  expect(shown).toEqual(texts);
  await expect.poll(async () => (await bob.recorded()).badge).toBe(0);

  const long = `${'A long one. '.repeat(2730)}End`.padEnd(32 * 1024, '!');
  await composer(bob.page, 'alice').fill(long);
  await composer(bob.page, 'alice').press('Enter');
  await alice.page.getByRole('button', { name: 'Show all of it' }).click();
  await expect.poll(() => bubble(alice.page, long).count()).toBe(1);

  // Shift+Enter breaks the line.
  await composer(bob.page, 'alice').pressSequentially('first');
  await composer(bob.page, 'alice').press('Shift+Enter');
  await composer(bob.page, 'alice').pressSequentially('second');
  await composer(bob.page, 'alice').press('Enter');
  await bubble(alice.page, 'first\nsecond').waitFor();
  await ticked(bob, 'first\nsecond', 'Read');

  await Promise.all([alice.quit(), bob.quit()]);
  expect(await Promise.all([alice.exited, bob.exited])).toEqual([0, 0]);
  const [again, bobAgain] = await Promise.all([
    openApp({ profile: alice.profile }),
    openApp({ profile: bob.profile }),
  ]);
  await openConversation(again, 'bob');
  for (const text of [...texts, 'first\nsecond']) await bubble(again.page, text).waitFor();
  await openConversation(bobAgain, 'alice');
  await write(again, 'bob', 'still here');
  await ticked(again, 'still here', 'Read');
});

test('a relay that is killed in mid-conversation loses nothing, and the banner says what is true', async () => {
  const relay = await openRelayProcess();
  const [alice, bob] = await Promise.all([joinInApp('alice', relay.invite), joinInApp('bob', relay.invite)]);
  await meet(alice, 'bob');
  await write(alice, 'bob', 'before');
  await openConversation(bob, 'alice');
  await ticked(alice, 'before', 'Read');

  await relay.kill();
  for (let i = 1; i <= 5; i++) {
    await write(alice, 'bob', `while it is gone ${i}`);
    await write(bob, 'alice', `me too ${i}`);
  }
  await ticked(alice, 'while it is gone 5', /Waiting/);
  await alice.page.getByText(/can't be reached: nothing listens there/).waitFor();
  await alice.page
    .getByText('Not connected, trying again')
    .or(alice.page.getByText('Connecting to the relay'))
    .waitFor();

  // While there is no relay: later it might connect by itself before the click.
  await alice.page.getByRole('button', { name: 'Try now' }).click();
  await relay.again();
  for (let i = 1; i <= 5; i++) {
    await ticked(alice, `while it is gone ${i}`, 'Read');
    await ticked(bob, `me too ${i}`, 'Read');
  }
  await alice.page.getByText('Connected to the relay').waitFor();
  await alice.page.getByText(/can't be reached/).waitFor({ state: 'hidden' });
  // Each once, and in the order in which it was written.
  const theirs = await alice.page.locator('.line:not(.mine) .text').allTextContents();
  expect(theirs).toEqual([1, 2, 3, 4, 5].map((i) => `me too ${i}`));
});

test('an app that is killed has lost nothing that it had taken', async () => {
  const relay = await openRelayProcess();
  const [alice, bob] = await Promise.all([joinInApp('alice', relay.invite), joinInApp('bob', relay.invite)]);
  await meet(alice, 'bob');
  await relay.kill();
  await write(alice, 'bob', 'taken');
  await ticked(alice, 'taken', /Waiting/);
  await composer(alice.page, 'bob').fill('a draft');
  await rowOf(alice.page, 'bob').focus();
  await expect
    .poll(() => alice.page.evaluate('window.bridge.calls.draft({ contact: "bob" })'))
    .toEqual({
      ok: true,
      value: 'a draft',
    });
  await alice.kill();
  await relay.again();

  const again = await openApp({ profile: alice.profile });
  await openConversation(again, 'bob');
  expect(await composer(again.page, 'bob').inputValue()).toBe('a draft');
  await openConversation(bob, 'alice');
  await ticked(again, 'taken', 'Read');
});

test('a name that is taken, a wrong invite, a relay that is gone: a sentence at the field, and the input is kept', async () => {
  const relay = await openRelayProcess();
  await joinInApp('alice', relay.invite);
  const driver = await openApp();
  const { page } = driver;
  const name = page.getByLabel('Your name');
  const invite = page.getByLabel('Invite');
  const join = page.getByRole('button', { name: 'Join' });

  await invite.fill('signet://join?v=1');
  await page.getByText(/This is not a usable invite/).waitFor();
  await invite.fill(relay.invite);
  // Whoever is about to click hits the button: what the relay answers moves nothing.
  const place = await join.boundingBox();
  await page.getByText('is the right one').waitFor();
  expect(await join.boundingBox()).toEqual(place);
  expect(await page.getByText(/not a usable invite/).count()).toBe(0);

  await name.fill('No Such Name');
  await join.click();
  await page.getByText(/A name has 2 to 32 characters/).waitFor();
  await name.fill('alice');
  await join.click();
  await page.getByText('Somebody else has this name on the relay.').waitFor();
  expect([await name.inputValue(), await invite.inputValue()]).toEqual(['alice', relay.invite]);

  await relay.kill();
  await name.fill('bob');
  await join.click();
  await page.getByText(/can't be reached: nothing listens there/).waitFor();
  await relay.again();
  await joinAs(driver, 'bob', relay.invite);

  // Unknown people are said to be unknown where their name was typed.
  await page.getByRole('button', { name: 'New conversation' }).first().click();
  await page.getByLabel('Name', { exact: true }).fill('nobody');
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await page.getByText('Nobody has this name on the relay.').waitFor();
  expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('nobody');
});

test('a text that is too long is refused with its size, and stays', async () => {
  const relay = await openRelayProcess();
  const alice = await joinInApp('alice', relay.invite);
  await joinInApp('bob', relay.invite);
  await meet(alice, 'bob');
  const field = composer(alice.page, 'bob');
  await field.fill('é'.repeat(16 * 1024 + 1));
  await alice.page.getByText('The text has 32,770 bytes; at most 32,768 fit in a message.').waitFor();
  await field.press('Enter');
  expect(await alice.page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true);
  expect((await field.inputValue()).length).toBe(16 * 1024 + 1);
  expect(await alice.page.locator('.bubble').count()).toBe(0);
});
