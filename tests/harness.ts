// What tests run on: a real relay over TLS, and people with real messengers whose keys are in the real keychain.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach } from 'vitest';
import type { OpenedMessage } from '../main/messenger/messages.ts';
import { Messenger, type MessengerOptions } from '../main/messenger/messenger.ts';
import type { IncomingText } from '../main/messenger/receiving.ts';
import { encodeInvite } from '../protocol/links.ts';
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
  const invite = encodeInvite({ relays: [`127.0.0.1:${relay.port}`], relayKey: relay.key });
  return { ...relay, close, invite, data };
}

export type Person = Messenger & {
  directory: string;
  /** What has come in, in its order. */
  heard: IncomingText[];
  /** Codes of what went wrong. */
  failures: string[];
};

/** Opens a messenger, which is closed after the test. */
async function opened(options: MessengerOptions): Promise<Person> {
  const messenger = await Messenger.open(options);
  afterwards(() => messenger.close());
  const heard: IncomingText[] = [];
  const failures: string[] = [];
  messenger.on('message', (text) => heard.push(text));
  messenger.on('failure', ({ code }) => failures.push(code));
  return Object.assign(messenger, { directory: options.directory, heard, failures });
}

/** A messenger on a profile folder, not started yet. */
export const openPerson = (
  name: string,
  invite: string,
  options: Partial<MessengerOptions> = {},
): Promise<Person> => opened({ directory: temporaryFolder(), joining: { name, invite }, ...options });

/** The same profile in another run of Signet. */
export async function reopen(person: Person, options: Partial<MessengerOptions> = {}): Promise<Person> {
  await person.close();
  return opened({ directory: person.directory, ...options });
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
  relay: { invite: string },
  options: Partial<MessengerOptions> = {},
): Promise<Person> {
  const person = await openPerson(name, relay.invite, options);
  await bringOnline(person);
  return person;
}

export const texts = ({ heard }: Person): string[] => heard.map(({ text }) => text);

/** What a person's disk holds of a conversation; nothing if there is none yet. */
export const stored = async (person: Messenger, contact: string): Promise<OpenedMessage[]> =>
  person.overview.get(contact) ? person.history(contact, 1000) : [];

/** The state of one's own message, by its text. */
export async function stateOf(person: Messenger, contact: string, text: string): Promise<string | undefined> {
  const rows = await person.history(contact, 1000);
  return rows.find((row) => row.mine && row.text === text)?.state;
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
