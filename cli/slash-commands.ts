// What a person can tell the console client besides messages: lines that begin with a slash.
import { Failure } from '../protocol/failures.ts';
import { USER_NAME_PATTERN, USER_NAME_RULE } from '../protocol/fields.ts';
import type { ContactSummary } from '../main/messenger/contacts.ts';
import type { Messenger } from '../main/messenger/messenger.ts';
import type { OpenedMessage } from '../main/messenger/messages.ts';
import { plainName } from './joining.ts';

export type Conversation = {
  messenger: Messenger;
  print(text: string): void;
  /** Waits for an answer; undefined if the input ends before. */
  ask(question: string): Promise<string | undefined>;
  describe(message: OpenedMessage): string;
  /** Whom one writes to. */
  to: string | undefined;
};
type Command = {
  /** What stands behind the name in the help. */
  takes?: string;
  help: string;
  run(conversation: Conversation, argument: string): void | Promise<void>;
};

const HISTORY_COUNT = 20;
const verifiedBy = { invite: 'verified by an invite', compared: 'verified by comparing' };

export function describeContact({ name, verified, offered }: ContactSummary): string {
  if (offered)
    return `  ${name} (a new identity: ask ${name} about it, then /accept ${name} or /refuse ${name})`;
  return `  ${name} (${verified ? verifiedBy[verified] : 'not verified'})`;
}

/** The name that was given, or the one that is written to. @throws Failure `name-invalid`, `command-invalid` */
function whom({ to }: Conversation, argument: string): string {
  const name = plainName(argument) || to;
  if (name === undefined) throw new Failure('command-invalid', 'Choose somebody first, with /to NAME.');
  if (!USER_NAME_PATTERN.test(name)) throw new Failure('name-invalid', USER_NAME_RULE);
  return name;
}

/** The new identity that the relay names for a contact, 64 hex digits. @throws Failure `command-invalid` */
export function offeredBy(messenger: Messenger, name: string): string {
  const offered = messenger.contacts().find((contact) => contact.name === name)?.offered;
  if (offered) return offered;
  throw new Failure('command-invalid', `There is no new identity of ${name}'s to decide on.`);
}

/** The safety number of the identity that is pinned, and that identity. */
export async function safetyNumberOf(
  messenger: Messenger,
  name: string,
): Promise<{ digits: string; fingerprint: string }> {
  const digits = await messenger.safetyNumber(name);
  const { fingerprint } = messenger.contacts().find((contact) => contact.name === name)!;
  return { digits, fingerprint };
}

/** What to do when the numbers differ, or were not compared. */
function notSame(messenger: Messenger, name: string): string {
  const warning = `If the numbers differ, somebody may stand between you and ${name}: write nothing secret, and ask ${name} in person.`;
  const verified = messenger.contacts().find((contact) => contact.name === name)?.verified;
  return verified
    ? `Nothing changed: ${name} stays ${verifiedBy[verified]}. ${warning}`
    : `${name} is not marked as verified. ${warning}`;
}

const isYes = (answer: string | undefined): boolean => /^y(es)?$/i.test(answer?.trim() ?? '');

export const slashCommands: Record<string, Command> = {
  to: {
    takes: 'NAME',
    help: 'whom to write to',
    run: (conversation, argument) => {
      conversation.to = undefined;
      const name = whom(conversation, argument);
      if (name === conversation.messenger.name)
        throw new Failure('name-invalid', 'That is your own name. Name somebody else.');
      conversation.to = name;
    },
  },
  contacts: {
    help: 'whom you know, and who is verified',
    run: ({ messenger, print }) =>
      print(messenger.contacts().map(describeContact).join('\n') || 'Nobody yet.'),
  },
  history: {
    takes: '[N]',
    help: `the last N messages with the one you write to (${HISTORY_COUNT})`,
    run: async ({ messenger, print, describe, to }, argument) => {
      if (!to) throw new Failure('command-invalid', 'Choose with /to NAME whose history to show.');
      const count = argument === '' ? HISTORY_COUNT : Number(argument);
      if (!Number.isSafeInteger(count) || count < 1) {
        throw new Failure('command-invalid', `Write it as /history ${HISTORY_COUNT}.`);
      }
      const messages = await messenger.history(to, count);
      print(messages.map(describe).join('\n') || 'Nothing yet.');
    },
  },
  verify: {
    takes: '[NAME]',
    help: 'compare the safety number by voice or in person, and mark NAME as verified',
    run: async (conversation, argument) => {
      const { messenger, print, ask } = conversation;
      const name = whom(conversation, argument);
      const { digits, fingerprint } = await safetyNumberOf(messenger, name);
      print(`Safety number with ${name}:\n${(digits.match(/.{5}/g) ?? []).join(' ')}`);
      if (!isYes(await ask(`Does ${name} see the same number? [y/N] `)))
        return print(notSame(messenger, name));
      messenger.markCompared(name, fingerprint);
      print(`${name} is verified.`);
    },
  },
  accept: {
    takes: '[NAME]',
    help: "accept NAME's new identity (ask NAME first)",
    run: async (conversation, argument) => {
      const { messenger, print, ask } = conversation;
      const name = whom(conversation, argument);
      const offered = offeredBy(messenger, name);
      print(`Somebody else may be posing as ${name}. Ask ${name} by voice or in person first.`);
      if (!isYes(await ask(`Has ${name} told you about a new computer? [y/N] `)))
        return print('Nothing changed.');
      messenger.acceptIdentity(name, offered);
      print(`${name}'s new identity is accepted. It is not verified: compare it with /verify ${name}.`);
    },
  },
  refuse: {
    takes: '[NAME]',
    help: 'keep the identity of NAME that you know',
    run: (conversation, argument) => {
      const name = whom(conversation, argument);
      conversation.messenger.refuseIdentity(name, offeredBy(conversation.messenger, name));
      conversation.print(`Refused. Nothing is sent to ${name} while the relay names another identity.`);
    },
  },
  invite: {
    help: 'an invite to this relay; anyone who joins with it sees you as verified',
    run: ({ messenger, print }) => print(messenger.invite()),
  },
};

const usage = Object.entries({
  ...slashCommands,
  quit: { help: 'leave; what is not sent yet is sent at the next start' } as Command,
}).map(([name, { takes, help }]) => `  ${`/${name} ${takes ?? ''}`.padEnd(16)} ${help}`);

export const HELP = `Type a message and press Enter to send it.
${usage.join('\n')}
A message that begins with a slash is written with two. Several lines that are pasted at once are one message.`;
