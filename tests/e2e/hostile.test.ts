// Hostile texts, sent for real and shown by the app: they stay texts, arrive as they were sent, and break no layout.
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { bringOnline, openPerson, until } from '../harness.ts';
import { addContact, joinInApp, openConversation, openRelayProcess, rowOf } from './driver.ts';
import { asReceived, hostileTexts, oneOfEach } from './hostile-texts.ts';
import { soon } from './soon.ts';

type Row = { index: number; text: string; problems: string[] };
type Screen = { rows: Row[]; problems: string[]; atEnd: boolean };

/** Runs in the page: looks at every row that is there, unfolds what is folded, and measures. */
const eyes = `window.eyes = (() => {
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const $ = (selector, within = document) => within.querySelector(selector);
  const scroller = () => $('.frame .scroller');
  const items = () => [...document.querySelectorAll('.frame .item')];
  const picture = () => scroller().scrollTop + items().map((item) => item.dataset.index + item.style.transform + item.offsetHeight).join();
  /** Until all texts are there, and two frames in a row look the same. */
  const settle = async () => {
    for (let last = '', now; ; last = now) {
      await frame();
      now = picture();
      if (now === last && !$('.frame .waiting')) return;
    }
  };
  const inside = (inner, outer, slack = 1) => inner.left >= outer.left - slack && inner.right <= outer.right + slack
    && inner.top >= outer.top - slack && inner.bottom <= outer.bottom + slack;
  const wide = (element) => element.scrollWidth > element.clientWidth;
  const look = (item) => {
    const [line, bubble, text, meta, time] = ['.line', '.bubble', '.text', '.meta', '.meta time'].map((one) => $(one, item));
    const [itemBox, box, metaBox] = [item, bubble, meta].map((element) => element.getBoundingClientRect());
    const problems = [];
    const check = (holds, words) => holds || problems.push(words);
    const isLink = (node) => node.matches('a[href^="https://"], a[href^="mailto:"]') && node.childElementCount === 0;
    check([...text.childNodes].every((node) => node.nodeType === Node.TEXT_NODE || isLink(node)), 'the text holds elements');
    check(!$(':not(.text, .text > a, .meta, .meta *, .unfold)', bubble), 'the bubble holds something else');
    check(inside(box, itemBox), 'the bubble leaves its row');
    check(inside(metaBox, box) && inside(time.getBoundingClientRect(), metaBox), 'the time leaves the bubble');
    check(box.width <= Math.min(560, line.clientWidth * 0.76) + 1, 'the bubble is too wide: ' + box.width);
    check(getComputedStyle(bubble).overflow === 'clip', 'the bubble does not clip');
    check(box.width >= 40 && box.height >= 20, 'the bubble has collapsed');
    check(!wide(item), 'the row overflows');
    return problems;
  };
  const page = () => {
    const problems = [];
    const check = (holds, words) => holds || problems.push(words);
    for (const element of [document.documentElement, document.body, scroller(), $('.sidebar'), $('.sidebar .scroller')])
      check(!wide(element), element.className + ' overflows');
    for (const row of document.querySelectorAll('.sidebar li')) {
      check(row.getBoundingClientRect().height === 66, 'a row of the list has another height');
      check([...row.querySelectorAll('*')].every((part) => inside(part.getBoundingClientRect(), row.getBoundingClientRect())), 'something leaves its row of the list');
      check(!$('.preview *:not(.draft)', row), 'a preview holds elements');
    }
    const boxes = items().sort((a, b) => a.dataset.index - b.dataset.index).map((item) => item.getBoundingClientRect());
    boxes.forEach((box, i) => check(i === 0 || boxes[i - 1].bottom <= box.top + 1, 'rows overlap'));
    return problems;
  };
  const seen = new Set();
  /** What is wider than its place beside the conversation, and neither cut off nor scrolled. */
  const panel = () => [$('.panel'), ...document.querySelectorAll('.panel *')].filter((part) => {
    const { overflowX, display } = getComputedStyle(part);
    return overflowX === 'visible' && !/inline|contents/.test(display) && part.clientWidth > 0 && part.scrollWidth > part.clientWidth + 1;
  }).map(({ className }) => String(className) + ' overflows');
  return {
    settle, page, panel,
    async screen(unfolding) {
      await settle();
      const problems = page();
      const rows = [];
      for (const index of items().map(({ dataset }) => Number(dataset.index))) {
        // A long one, unfolded, may push others out of the page.
        const item = $('.frame .item[data-index="' + index + '"]');
        if (!item || !$('.bubble', item) || seen.has(index)) continue;
        const found = look(item);
        const button = unfolding && $('.unfold', item);
        if (button) {
          button.click();
          await settle();
          found.push(...look(item));
        }
        rows.push({ index, text: $('.text', item).textContent, problems: found });
        seen.add(index);
        if (button) {
          button.click();
          await settle();
        }
      }
      const { scrollTop, clientHeight, scrollHeight } = scroller();
      return { rows, problems, atEnd: scrollTop + clientHeight >= scrollHeight - 1 };
    },
    async toTop() {
      seen.clear();
      do { scroller().scrollTop = 0; await settle(); } while (scroller().scrollTop > 0 || !$('.frame .item[data-index="0"]'));
    },
    async on() {
      scroller().scrollTop += scroller().clientHeight * 0.8;
      await settle();
    },
  };
})();`;

/** From the first message to the last. @param unfolding whether folded texts are shown whole, too */
async function walk(
  page: Page,
  unfolding: boolean,
): Promise<{ rows: Map<number, Row>; problems: Set<string> }> {
  const rows = new Map<number, Row>();
  const problems = new Set<string>();
  await page.evaluate('eyes.toTop()');
  for (;;) {
    const screen = await page.evaluate<Screen>(`eyes.screen(${unfolding})`);
    for (const row of screen.rows) rows.set(row.index, row);
    for (const problem of screen.problems) problems.add(problem);
    if (screen.atEnd) return { rows, problems };
    await page.evaluate('eyes.on()');
  }
}

test('hostile texts stay texts, arrive as they were sent, and break nothing', async () => {
  const relay = await openRelayProcess();
  const driver = await joinInApp('alice', relay.invite, { size: { width: 900, height: 700 } });
  const mallory = await openPerson('mallory', relay.invite);
  await bringOnline(mallory);
  // Of a request only the first messages would be kept.
  await addContact(driver, 'mallory');
  const { page } = driver;
  const dialogs: string[] = [];
  page.on('dialog', (dialog) => (dialogs.push(dialog.message()), void dialog.dismiss()));
  await page.evaluate(
    `void (window.mark = document.querySelectorAll('script, style, iframe, img, link').length)`,
  );
  const count = (): Promise<number> =>
    page.evaluate('bridge.calls.snapshot().then(({ value }) => value.conversations[0]?.count ?? 0)');

  expect(hostileTexts.length).toBeGreaterThanOrEqual(200);
  for (const text of hostileTexts) await mallory.send('alice', text);
  await until(async () => (await count()) === hostileTexts.length);
  await openConversation(driver, 'mallory');
  await page.evaluate(eyes);

  const widths = [900, 1400];
  for (const width of widths) {
    await page.setViewportSize({ width, height: 700 });
    // Long ones are unfolded once: their whole texts are the same at any width.
    const unfolding = width === widths[0];
    const { rows, problems } = await walk(page, unfolding);
    expect([...problems]).toEqual([]);
    expect(rows.size).toBe(hostileTexts.length);
    for (const [i, text] of hostileTexts.entries()) {
      const what = `${width} px, ${i}: ${JSON.stringify(text.slice(0, 60))}`;
      const { text: shown } = rows.get(i)!;
      const received = asReceived(text);
      expect(unfolding ? shown === received : received.startsWith(shown), what).toBe(true);
      expect(rows.get(i)!.problems, what).toEqual([]);
    }
    await page.getByRole('button', { name: 'Jump to the newest message' }).waitFor({ state: 'hidden' });
  }

  // One of each kind as the last words in the list, and beside the conversation.
  for (const [i, sent] of oneOfEach.entries()) {
    await mallory.send('alice', sent);
    await until(async () => (await count()) === hostileTexts.length + i + 1);
    const what = JSON.stringify(sent.slice(0, 60));
    const preview = asReceived(sent).slice(0, 200).replace(/\s+/g, ' ');
    const words = rowOf(page, 'mallory').locator('.preview');
    await soon(async () => (await words.textContent())!.trim(), what).toBe(preview.trim());
    await page.evaluate('eyes.settle()');
    await page.locator('.frame .item').last().getByLabel('Message details').click();
    const text = page.getByRole('complementary').locator('.text');
    await soon(() => text.textContent(), what).toBe(asReceived(sent));
    for (const width of widths) {
      await page.setViewportSize({ width, height: 700 });
      await page.evaluate('eyes.settle()');
      expect(await page.evaluate('eyes.page()'), what).toEqual([]);
      expect(await page.evaluate('eyes.panel()'), what).toEqual([]);
    }
  }

  expect(dialogs).toEqual([]);
  expect(
    await page.evaluate(
      `[window.pwned, ({}).polluted, document.querySelectorAll('script, style, iframe, img, link').length - window.mark]`,
    ),
  ).toEqual([undefined, undefined, 0]);
  const { refusedRequests, windows } = await driver.recorded();
  expect([refusedRequests, windows.length]).toEqual([[], 1]);
  expect(JSON.stringify((await driver.recorded()).notifications)).not.toMatch(/script|zalgo/);
});
