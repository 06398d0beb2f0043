// A town for the tests: a real relay over TLS, and people with real messengers whose keys are in the real keychain.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach } from 'vitest';
import { Messenger, type MessengerOptions } from '../main/messenger/messenger.ts';
import { encodeInvite } from '../protocol/invite.ts';
import { type Relay, type RelayOptions, startRelay } from '../relay/server.ts';

const cleanups: (() => unknown)[] = [];

/** What is to be done after the test, last first. */
export function afterwards(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A new empty folder, gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'signet-test-'));
  afterwards(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export type TestRelay = Relay & { invite: string; data: string };

/** A relay on loopback; closed after the test unless that was done before. */
export async function openRelay(options: Partial<RelayOptions> = {}): Promise<TestRelay> {
  const data = options.data ?? temporaryFolder();
  const relay = await startRelay({
    port: 0,
    host: '127.0.0.1',
    log: pino({ level: 'silent' }),
    ...options,
    data,
  });
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= relay.close());
  afterwards(close);
  const invite = encodeInvite({ relays: [`127.0.0.1:${relay.port}`], key: relay.key });
  return { ...relay, close, invite, data };
}

/** A messenger on a profile folder, not started yet; closed after the test. */
export async function openPerson(
  name: string,
  invite: string,
  options: Partial<MessengerOptions> = {},
): Promise<Messenger & { directory: string }> {
  const directory = options.directory ?? temporaryFolder();
  const messenger = await Messenger.open({ directory, joining: { name, invite }, ...options });
  afterwards(() => messenger.close());
  return Object.assign(messenger, { directory });
}

/** When a messenger is online the next time. */
export function nextOnline(messenger: Messenger): Promise<void> {
  return new Promise((resolve) => {
    messenger.on('connection', (state) => state === 'online' && resolve());
  });
}

/** Starts a messenger, and waits until it is online. */
export async function bringOnline(messenger: Messenger): Promise<void> {
  const online = nextOnline(messenger);
  messenger.start();
  await online;
}

/** Somebody new who is online. */
export async function arrive(
  name: string,
  relay: TestRelay,
  options: Partial<MessengerOptions> = {},
): Promise<Messenger & { directory: string }> {
  const person = await openPerson(name, relay.invite, options);
  await bringOnline(person);
  return person;
}

/** Within the guard of a whole test (vitest.config.ts), so that a failure says what was waited for. */
const UNTIL_MS = 8 * 60_000;

/** Waits until something holds. @throws Error that says what it waited for, after UNTIL_MS */
export async function until(holds: () => unknown): Promise<void> {
  const end = Date.now() + UNTIL_MS;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`Waited ${UNTIL_MS / 60_000} minutes for: ${String(holds)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
