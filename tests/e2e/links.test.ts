// Links in messages: shown, reached by mouse and keyboard, asked about with the address that is really opened, and
// opened outside only then.
import { expect, test } from 'vitest';
import {
  joinInApp,
  bubble,
  type AppDriver,
  meet,
  openConversation,
  openRelayProcess,
  write,
} from './driver.ts';
import { soon } from './soon.ts';

type Question = { message: string; detail: string; buttons: string[]; defaultId: number; cancelId: number };

/** The questions that were asked, and what was opened. */
async function seen(driver: AppDriver): Promise<{ asked: Question[]; opened: string[] }> {
  const { dialogs, openedUrls } = await driver.recorded();
  expect(dialogs.filter(({ kind, modal }) => kind !== 'message' || !modal)).toEqual([]);
  return { asked: dialogs.map(({ options }) => options as Question), opened: openedUrls };
}
const open = (driver: AppDriver, url: string): Promise<unknown> =>
  driver.page.evaluate(`bridge.calls.openLink({ url: ${JSON.stringify(url)} })`);

async function twoWithLinks(text: string): Promise<{ alice: AppDriver; bob: AppDriver }> {
  const relay = await openRelayProcess();
  const [alice, bob] = await Promise.all([joinInApp('alice', relay.invite), joinInApp('bob', relay.invite)]);
  await meet(bob, 'alice');
  await write(bob, 'alice', text);
  await openConversation(alice, 'bob');
  await alice.page.getByRole('log').locator('.bubble').waitFor();
  return { alice, bob };
}

test('a click asks, naming the real address, and opens only what was agreed to', async () => {
  const text = 'See https://аррle.com/a?b=c (or write to bob@b.example), not http://b.example';
  const { alice, bob } = await twoWithLinks(text);
  const links = bubble(alice.page, text).locator('.text').getByRole('link');
  expect(await links.allTextContents()).toEqual(['https://аррle.com/a?b=c', 'bob@b.example']);
  // One's own links are links, too.
  expect(await bubble(bob.page, text).getByRole('link').count()).toBe(2);
  expect(await links.first().getAttribute('title')).toBe('https://xn--le-6kc8da.com/a?b=c');

  await links.first().click();
  await soon(async () => (await seen(alice)).asked.length).toBe(1);
  expect(await seen(alice)).toEqual({
    asked: [
      {
        type: 'question',
        title: 'Signet',
        message: 'Open a page of xn--le-6kc8da.com?',
        detail: 'https://xn--le-6kc8da.com/a?b=c',
        buttons: ['Open', 'Cancel'],
        ...{ defaultId: 1, cancelId: 1, noLink: true },
      },
    ],
    opened: [],
  });
  await alice.answerDialog({ response: 0 });
  await links.first().click();
  await soon(async () => (await seen(alice)).opened).toEqual(['https://xn--le-6kc8da.com/a?b=c']);

  await alice.answerDialog({ response: 0 });
  await links.last().click();
  await soon(async () => (await seen(alice)).opened.at(-1)).toBe('mailto:bob@b.example');
  expect((await seen(alice)).asked.at(-1)).toMatchObject({
    message: 'Write a mail to bob@b.example?',
    detail: 'mailto:bob@b.example',
  });
  // Other ways to click a link lead nowhere: neither to a window, nor away.
  for (const button of ['middle', 'right'] as const) await links.first().click({ button });
  await links.first().click({ modifiers: ['Shift'] });
  await soon(async () => (await seen(alice)).asked.length).toBe(4);
  const { windows, refusedRequests } = await alice.recorded();
  expect([windows.map(({ url }) => url), refusedRequests]).toEqual([['app://signet/index.html'], []]);
  expect((await seen(alice)).opened).toHaveLength(2);
  expect(alice.log()).not.toContain('opened by a page');
});

test('by keyboard: an arrow to the message, Tab to its links, Enter; no other message stops Tab', async () => {
  const { alice } = await twoWithLinks('https://first.example/ and https://second.example/');
  const { page } = alice;
  for (const text of ['https://third.example/', 'the end']) await write(alice, 'bob', text);
  await bubble(page, 'the end').waitFor();
  const focused = (): Promise<string> => page.evaluate('document.activeElement.textContent');
  const messages = page.getByRole('log');
  await messages.focus();
  await page.keyboard.press('Tab');
  await soon(() => page.evaluate('document.activeElement.ariaLabel')).toBe('Message to bob');

  await messages.focus();
  for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowUp');
  await soon(focused).toMatch(/^https:\/\/first.*second/);
  await page.keyboard.press('Tab');
  await soon(focused).toBe('https://first.example/');
  await page.keyboard.press('Tab');
  await soon(focused).toBe('https://second.example/');
  const outline = await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle');
  expect(outline).toBe('solid');
  await alice.answerDialog({ response: 0 });
  await page.keyboard.press('Enter');
  await soon(async () => (await seen(alice)).opened).toEqual(['https://second.example/']);
  // Enter on a link isn't Enter on its message; and the arrows go on from there.
  expect(await page.getByRole('complementary', { name: 'Message details' }).count()).toBe(0);
  await page.keyboard.press('ArrowDown');
  await soon(focused).toMatch(/third/);
  await page.keyboard.press('Tab');
  await soon(focused).toBe('https://third.example/');
  await page.keyboard.press('Tab');
  await soon(() => page.evaluate('document.activeElement.ariaLabel')).toBe('Message to bob');
});

test('a folded message never has half a link; unfolded, it has the whole one', async () => {
  const link = `https://b.example/${'x'.repeat(120)}`;
  const text = `${'word '.repeat(290)}${link} ${'word '.repeat(200)}`.trim();
  const { alice } = await twoWithLinks(text);
  const { page } = alice;
  await page.getByRole('button', { name: 'Show all of it' }).waitFor();
  expect(await page.getByRole('log').locator('.text').textContent()).toBe(text.slice(0, 1500));
  expect(await page.getByRole('log').getByRole('link').count()).toBe(0);
  await page.getByRole('button', { name: 'Show all of it' }).click();
  await soon(() => page.getByRole('log').getByRole('link').allTextContents()).toEqual([link]);
});

test('main opens nothing but https and mail addresses, whatever the page asks for', async () => {
  const relay = await openRelayProcess();
  const driver = await joinInApp('alice', relay.invite);
  const refused = [
    ...[
      'http://b.example/',
      'file:///etc/passwd',
      'javascript:alert(1)',
      'data:text/html,x',
      'ftp://b.example/',
    ],
    ...[
      'signet://join?v=1',
      'ms-msdt:/id',
      'smb://b.example/x',
      '\\\\b.example\\x',
      '/etc/passwd',
      'b.example',
      '',
    ],
    ...['https://', 'https://user@b.example/', 'https://:pass@b.example/', 'mailto:', 'mailto:b.example'],
    ...['mailto:a@b.example?attach=/etc/passwd', 'mailto:a@b.example#x', 'mailto:a@b.example,c@d.example'],
    ...['mailto:a%0Acc:c@d.example', `https://b.example/${'x'.repeat(1007)}`, 'mailto://a@b.example'],
    ...['blob:https://b.example/1', 'view-source:https://b.example/', 'https:b.example@c.example'],
  ];
  for (const url of refused) {
    expect(await open(driver, url), url).toEqual({
      ok: false,
      failure: {
        code: 'link-unusable',
        message: 'Signet opens https:// addresses and mail addresses, and no others.',
      },
    });
  }
  expect(await seen(driver)).toEqual({ asked: [], opened: [] });

  // What is opened is what was shown, to the last character; also if that takes several lines.
  const long = `https://b.example/${'0123456789'.repeat(100)}`;
  await driver.answerDialog({ response: 0 });
  expect(await open(driver, ` ${long}\n`)).toMatchObject({ ok: true });
  const { asked, opened } = await seen(driver);
  expect(asked[0]!.detail.split('\n').every((line) => line.length <= 50)).toBe(true);
  expect(asked[0]!.detail.replaceAll('\n', '')).toBe(long);
  expect(opened).toEqual([long]);
});

test('one question at a time; what the system refuses is said in a sentence', async () => {
  const text = 'https://b.example/';
  const { alice } = await twoWithLinks(text);
  const { page } = alice;
  await alice.holdDialogs(true);
  await alice.answerDialog({ response: 1 });
  const first = open(alice, text);
  await soon(async () => (await seen(alice)).asked.length).toBe(1);
  const others = [1, 2, 3].map(() => open(alice, text));
  // Calls come in the order in which they are made: once this one is answered, those have been heard.
  expect(await page.evaluate('bridge.calls.snapshot().then(({ ok }) => ok)')).toBe(true);
  expect((await seen(alice)).asked).toHaveLength(1);
  await alice.holdDialogs(false);
  for (const other of others) expect(await other).toMatchObject({ ok: true });
  expect(await first).toMatchObject({ ok: true });
  expect((await seen(alice)).opened).toEqual([]);

  await alice.refuseOpening('Failed to open: no application is registered');
  await alice.answerDialog({ response: 0 });
  await bubble(page, text).getByRole('link').click();
  await page.getByText("The address can't be opened: this computer's browser does not take it.").waitFor();
  expect((await seen(alice)).opened).toEqual([]);
  expect(await page.content()).not.toContain('Failed to open');
  // After a failure the next question is asked as ever.
  await alice.refuseOpening();
  await alice.answerDialog({ response: 0 });
  expect(await open(alice, text)).toMatchObject({ ok: true });
  expect((await seen(alice)).opened).toEqual([text]);
});
