// People with real messengers at a real relay of the new protocol, their keys in the real keychain.
import { Messenger, type MessengerOptions } from '../../../../main/messenger/v1/messenger.ts';
import type { IncomingText } from '../../../../main/messenger/v1/receiving.ts';
import { encodeInvite } from '../../../../protocol/v1/links.ts';
import { openRelay as openRawRelay } from '../../../relay/v1/raw-client.ts';
import { afterwards, temporaryFolder, until } from '../../../town.ts';

export type TestRelay = Awaited<ReturnType<typeof openRawRelay>> & { invite: string };
export type Person = Messenger & {
  directory: string;
  /** What has come in, in its order. */
  heard: IncomingText[];
  /** Codes of what went wrong. */
  failures: string[];
};

/** A relay on loopback, with the bare invite to it. */
export async function openRelay(options: Parameters<typeof openRawRelay>[0] = {}): Promise<TestRelay> {
  const relay = await openRawRelay(options);
  const invite = encodeInvite({ relays: [`127.0.0.1:${relay.port}`], relayKey: relay.key });
  return { ...relay, invite };
}

/** A messenger on a profile folder, not started yet; closed after the test. */
export async function openPerson(
  name: string,
  invite: string,
  options: Partial<MessengerOptions> = {},
): Promise<Person> {
  const directory = options.directory ?? temporaryFolder();
  const messenger = await Messenger.open({ directory, joining: { name, invite }, ...options });
  afterwards(() => messenger.close());
  const heard: IncomingText[] = [];
  const failures: string[] = [];
  messenger.on('message', (text) => heard.push(text));
  messenger.on('failure', ({ code }) => failures.push(code));
  return Object.assign(messenger, { directory, heard, failures });
}

/** Starts a messenger, and waits until it is online. */
export async function bringOnline(messenger: Messenger): Promise<void> {
  messenger.start();
  await until(() => messenger.state === 'online');
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

/** The same profile in another run of Signet. */
export async function reopen(person: Person, options: Partial<MessengerOptions> = {}): Promise<Person> {
  await person.close();
  const messenger = await Messenger.open({ directory: person.directory, ...options });
  afterwards(() => messenger.close());
  const heard: IncomingText[] = [];
  const failures: string[] = [];
  messenger.on('message', (text) => heard.push(text));
  messenger.on('failure', ({ code }) => failures.push(code));
  return Object.assign(messenger, { directory: person.directory, heard, failures });
}

export const texts = ({ heard }: Person): string[] => heard.map(({ text }) => text);

/** The state of one's own message, by its text. */
export async function stateOf(person: Messenger, contact: string, text: string): Promise<string | undefined> {
  const rows = await person.history(contact, 1000);
  return rows.find((row) => row.mine && row.text === text)?.state;
}
