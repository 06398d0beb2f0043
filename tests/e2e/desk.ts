// A desk: the built app in its window, as its own process, beside a real relay and a real keychain; and what a user
// does there.
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { spawnRelay } from '../processes.ts';
import { type App, launchApp, type LaunchOptions } from '../stand-in/app.ts';
import { afterwards, temporaryFolder } from '../town.ts';
import { PATIENCE_MS } from './soon.ts';

const root = join(import.meta.dirname, '..', '..');
/** What `npm run build` has left, and electron-builder packs. */
export const builtMain = join(root, 'out', 'main', 'index.js');

export type Desk = App & { profile: string };

/** Opens the app on a profile; it is killed after the test, if it still runs. */
export async function openDesk(options: Partial<LaunchOptions> & { profile?: string } = {}): Promise<Desk> {
  const { profile = temporaryFolder(), args = [], ...rest } = options;
  const app = await launchApp({
    main: builtMain,
    size: { width: 1100, height: 760 },
    ...rest,
    args: ['--profile', profile, ...args],
  });
  afterwards(() => app.kill());
  if (options.window !== false) app.page.setDefaultTimeout(PATIENCE_MS);
  return new Proxy(app as Desk, {
    get: (target, key) => (key === 'profile' ? profile : (Reflect.get(target, key) as unknown)),
  });
}

/** A relay as a process of its own. @returns it, with its invite and what starts it again at the same place */
export async function openRelayProcess(): Promise<{
  invite: string;
  kill(): Promise<unknown>;
  again(): Promise<void>;
  /** Starts it at another port. @returns the invite to there */
  elsewhere(): Promise<string>;
}> {
  const data = temporaryFolder();
  let relay = spawnRelay(data, 0);
  const { port, invite } = (await relay.wait(({ event }) => event === 'listening')) as unknown as {
    port: number;
    invite: string;
  };
  return {
    invite,
    kill: () => relay.kill(),
    again: async () => {
      relay = spawnRelay(data, port);
      await relay.wait(({ event }) => event === 'listening');
    },
    elsewhere: async () => {
      relay = spawnRelay(data, 0);
      const told = await relay.wait(({ event }) => event === 'listening');
      return String(told['invite']);
    },
  };
}

/** Fills in the first start's form and joins, until the conversations are there. */
export async function joinAs({ page }: Desk, name: string, invite: string): Promise<void> {
  await page.getByLabel('Your name').fill(name);
  await page.getByLabel('Invite').fill(invite);
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByText(`You are ${name}`).waitFor();
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** From the first start's screen, until it runs. */
export async function host({ page }: Desk, port: number): Promise<void> {
  await page.getByRole('button', { name: 'Host one on this computer' }).click();
  await page.getByText('Port and outside address').click();
  await page.getByLabel('Port', { exact: true }).fill(String(port));
  await page.getByRole('button', { name: 'Start the relay' }).click();
  await page.getByText('Running since').waitFor();
}

/** Somebody new at a desk of their own. */
export async function arriveAtDesk(
  name: string,
  invite: string,
  options: Partial<LaunchOptions> = {},
): Promise<Desk> {
  const desk = await openDesk(options);
  await joinAs(desk, name, invite);
  return desk;
}

/** Begins a conversation with somebody who was never written with. */
export async function meet({ page }: Desk, contact: string): Promise<void> {
  await page.getByRole('button', { name: 'New conversation' }).first().click();
  await page.getByLabel('Name', { exact: true }).fill(contact);
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await composer(page, contact).waitFor();
}

export const composer = (page: Page, contact: string): Locator =>
  page.getByLabel(`Message to ${contact}`, { exact: true });
export const rowOf = (page: Page, contact: string): Locator =>
  page.getByRole('navigation').getByRole('button', { name: contact });

/** Opens a conversation by a click on its row. */
export async function openConversation({ page }: Desk, contact: string): Promise<void> {
  await rowOf(page, contact).click();
  await composer(page, contact).waitFor();
}

/** Writes into the open conversation. */
export async function write({ page }: Desk, contact: string, text: string): Promise<void> {
  await composer(page, contact).fill(text);
  await composer(page, contact).press('Enter');
}

/** The bubbles of the open conversation that hold exactly this text. */
export const bubble = (page: Page, text: string): Locator =>
  page.getByRole('log').locator('.bubble', { has: page.locator('.text').getByText(text, { exact: true }) });

/** Waits until the tick beside one's own message says so. */
export async function ticked(
  { page }: Desk,
  text: string,
  label: 'Read' | 'Delivered' | RegExp,
): Promise<void> {
  await bubble(page, text).last().getByRole('img', { name: label }).waitFor();
}
