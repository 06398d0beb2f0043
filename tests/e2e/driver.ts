// Drives the built app in its window, as its own process, beside a real relay and a real keychain: what a user does there.
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { spawnRelay } from '../processes.ts';
import { type App, launchApp, type LaunchOptions } from '../stand-in/app.ts';
import { afterwards, temporaryFolder } from '../harness.ts';
import { PATIENCE_MS } from './soon.ts';

const root = join(import.meta.dirname, '..', '..');
/** What `npm run build` has left, and electron-builder packs. */
export const builtMain = join(root, 'out', 'main', 'index.js');

export type AppDriver = App & { profile: string };

/** Opens the app on a profile; it is killed after the test, if it still runs. */
export async function openApp(
  options: Partial<LaunchOptions> & { profile?: string } = {},
): Promise<AppDriver> {
  const { profile = temporaryFolder(), args = [], ...rest } = options;
  const app = await launchApp({
    main: builtMain,
    size: { width: 1100, height: 760 },
    ...rest,
    args: ['--profile', profile, ...args],
  });
  afterwards(() => app.kill());
  if (options.window !== false) app.page.setDefaultTimeout(PATIENCE_MS);
  return new Proxy(app as AppDriver, {
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
export async function joinAs({ page }: AppDriver, name: string, invite: string): Promise<void> {
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
export async function host({ page }: AppDriver, port: number): Promise<void> {
  await page.getByRole('button', { name: 'Host one on this computer' }).click();
  await page.getByText('Port and outside address').click();
  await page.getByLabel('Port', { exact: true }).fill(String(port));
  await page.getByRole('button', { name: 'Start the relay' }).click();
  await page.getByText('Running since').waitFor();
}

/** Somebody new who joins in an app of their own. */
export async function joinInApp(
  name: string,
  invite: string,
  options: Partial<LaunchOptions> = {},
): Promise<AppDriver> {
  const driver = await openApp(options);
  await joinAs(driver, name, invite);
  return driver;
}

/** Begins a conversation with somebody who was never written with. */
export async function meet({ page }: AppDriver, contact: string): Promise<void> {
  await page.getByRole('button', { name: 'New conversation' }).first().click();
  await page.getByLabel('Name', { exact: true }).fill(contact);
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await composer(page, contact).waitFor();
}

/** Adds a contact without opening the conversation: what they write is no message request then. */
export const addContact = ({ page }: AppDriver, contact: string): Promise<unknown> =>
  page.evaluate(`window.bridge.calls.startConversation({ name: '${contact}' })`);

export const composer = (page: Page, contact: string): Locator =>
  page.getByLabel(`Message to ${contact}`, { exact: true });
export const rowOf = (page: Page, contact: string): Locator =>
  page.getByRole('navigation').getByRole('button', { name: contact });

/** Opens a conversation by a click on its row, and accepts it if it is a message request. */
export async function openConversation({ page }: AppDriver, contact: string): Promise<void> {
  await rowOf(page, contact).click();
  const accept = page.getByRole('button', { name: 'Accept', exact: true });
  await composer(page, contact).or(accept).waitFor();
  if (await accept.isVisible()) await accept.click();
  await composer(page, contact).waitFor();
}

/** Writes into the open conversation. */
export async function write({ page }: AppDriver, contact: string, text: string): Promise<void> {
  await composer(page, contact).fill(text);
  await composer(page, contact).press('Enter');
}

/** The bubbles of the open conversation that hold exactly this text. */
export const bubble = (page: Page, text: string): Locator =>
  page.getByRole('log').locator('.bubble', { has: page.locator('.text').getByText(text, { exact: true }) });

/** Waits until the tick beside one's own message says so. */
export async function ticked(
  { page }: AppDriver,
  text: string,
  label: 'Read' | 'Delivered' | RegExp,
): Promise<void> {
  await bubble(page, text).last().getByRole('img', { name: label }).waitFor();
}
