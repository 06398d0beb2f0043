// The window with a long life behind it: how soon it can be used, how fast conversations change, whether scrolling
// through ten thousand messages ever stalls. A trace of the scrolling is left in out/bench/ for Chromium's DevTools.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CDPSession, Page } from 'playwright-core';
import { forget } from '../main/messenger/keychain.ts';
import { Database } from '../main/messenger/database.ts';
import { launchApp } from '../tests/stand-in/app.ts';
import { fillProfile, type Line, sampleText } from '../tests/fill.ts';
import { type Figure, median, percentile } from './figures.ts';
import { outFolder, withFolder } from './folder.ts';
import { startRelayProgram } from './start.ts';

const LONG = 10_000;
const CONVERSATIONS = 200;
const LAUNCHES = 5;
const SWITCHES = 40;
const SCROLL_STEPS = 240;
const main = join(import.meta.dirname, '..', 'out', 'main', 'index.js');

const lines = (count: number): Line[] =>
  Array.from({ length: count }, (_, i) => ({
    mine: i % 3 === 0,
    text: sampleText(i),
    timestamp: 1_700_000_000_000 + i * 600_000,
  }));

export async function measureWindow(): Promise<Figure[]> {
  return withFolder(async (folder) => {
    const relay = await startRelayProgram(join(folder, 'relay'));
    const profile = join(folder, 'alice');
    const pasts = Array.from({ length: CONVERSATIONS }, (_, i) => ({
      contact: `friend-${String(i).padStart(3, '0')}`,
      verified: i % 2 === 0,
      lines: lines(i === CONVERSATIONS - 1 ? LONG : 20),
    }));
    await fillProfile(profile, 'alice', relay.invite, pasts);
    try {
      const launches: number[] = [];
      for (let i = 0; i < LAUNCHES - 1; i++) {
        const { app, milliseconds } = await launch(profile);
        launches.push(milliseconds);
        await app.quit();
        await app.exited;
      }
      const { app, milliseconds } = await launch(profile);
      launches.push(milliseconds);
      const switches = await switchAround(app.page);
      const scrolling = await scrollThrough(app.page);
      await app.quit();
      await app.exited;
      return [
        {
          name: `window, launch to usable, ${CONVERSATIONS} conversations`,
          value: median(launches),
          unit: 'ms',
          target: { below: 2000 },
          detail: `median of ${LAUNCHES}; in the stand-in, Chromium's own start included`,
        },
        {
          name: 'window, changing the conversation, p95',
          value: percentile(switches, 0.95),
          unit: 'ms',
          target: { below: 100 },
          detail: `${SWITCHES} changes, from the click to the drawn frame; median ${Math.round(percentile(switches, 0.5))}`,
        },
        {
          name: `window, longest task while scrolling ${LONG.toLocaleString('en')} messages`,
          value: scrolling.longest,
          unit: 'ms',
          target: { below: 50 },
          detail: `${scrolling.shown} messages shown on the way; out/bench/scroll-trace.json`,
        },
      ];
    } finally {
      await relay.stop();
      const database = new Database(profile);
      const item = String(database.get('SELECT profile FROM account')!['profile']);
      database.close();
      await forget(item);
    }
  });
}

type Launched = { app: Awaited<ReturnType<typeof launchApp>>; milliseconds: number };

/** Usable: the list is there with its last words, and the long conversation opens at a click. */
async function launch(profile: string): Promise<Launched> {
  const start = performance.now();
  const app = await launchApp({ main, args: ['--profile', profile], size: { width: 1280, height: 800 } });
  await app.page.locator('.row .preview', { hasText: /\w/ }).first().waitFor();
  return { app, milliseconds: performance.now() - start };
}

/** Milliseconds from the click until the conversation's last message is drawn, ascending. */
async function switchAround(page: Page): Promise<number[]> {
  const times: number[] = await page.evaluate(`(async () => {
    const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    const times = [];
    for (let i = 0; i < ${SWITCHES}; i++) {
      const rows = document.querySelectorAll('.sidebar .row');
      const row = rows[i % Math.min(rows.length, 10)];
      const name = row.querySelector('.name').innerText;
      const start = performance.now();
      row.click();
      while (document.querySelector('.who h2')?.innerText.trim() !== name || !document.querySelector('.bubble')) {
        await new Promise((done) => setTimeout(done, 1));
      }
      await frame();
      times.push(performance.now() - start);
      await new Promise((done) => setTimeout(done, 60));
    }
    return times;
  })()`);
  return times.sort((a, b) => a - b);
}

/** Turns the wheel from the newest message upwards, and jumps about; the main thread's tasks are traced. */
async function scrollThrough(page: Page): Promise<{ longest: number; shown: number }> {
  await page.locator('.sidebar .row').first().click();
  await page.locator('.bubble').first().waitFor();
  const log = page.getByRole('log');
  const box = (await log.boundingBox())!;
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const session = await page.context().newCDPSession(page);
  const trace = await record(session, async () => {
    for (let i = 0; i < SCROLL_STEPS; i++) {
      await page.mouse.wheel(0, i % 60 === 59 ? -60_000 : -400);
      await page.evaluate('new Promise((done) => requestAnimationFrame(() => done()))');
    }
  });
  writeFileSync(join(outFolder, 'scroll-trace.json'), JSON.stringify({ traceEvents: trace }));
  const renderer = trace.find(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain');
  const tasks = trace.filter(
    ({ name, ph, pid, tid }) =>
      name === 'RunTask' && ph === 'X' && pid === renderer?.pid && tid === renderer.tid,
  );
  const shown: number = await page.evaluate(`Number(document.querySelector('.item')?.dataset.index)`);
  return { longest: Math.max(...tasks.map(({ dur = 0 }) => dur / 1000)), shown: LONG - shown };
}

type TraceEvent = {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  dur?: number;
  args?: { name?: string };
};

async function record(session: CDPSession, work: () => Promise<void>): Promise<TraceEvent[]> {
  const events: TraceEvent[] = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...(value as unknown as TraceEvent[])));
  const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: {
      includedCategories: ['toplevel', 'devtools.timeline', 'disabled-by-default-devtools.timeline'],
    },
  });
  await work();
  await session.send('Tracing.end');
  await complete;
  return events;
}
