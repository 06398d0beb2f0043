// What a person can tell the console client besides messages: lines that begin with a slash.
import { Failure } from '../protocol/failures.ts';
import type { Messenger } from '../main/messenger/messenger.ts';
import type { OpenedMessage } from '../main/messenger/messages.ts';
import { contactCommands, describeContact, whom } from './contact-commands.ts';

export type Conversation = {
  messenger: Messenger;
  print(text: string): void;
  /** Waits for an answer; undefined if the input ends before. */
  ask(question: string): Promise<string | undefined>;
  describe(contact: string, message: OpenedMessage): string;
  /** Whom one writes to. */
  to: string | undefined;
};
export type Command = {
  /** What stands behind the name in the help. */
  takes?: string;
  help: string;
  run(conversation: Conversation, argument: string): void | Promise<void>;
};

const HISTORY_COUNT = 20;
export const slashCommands: Record<string, Command> = {
  to: {
    takes: 'NAME',
    help: 'whom to write to',
    run: (conversation, argument) => {
      conversation.to = undefined;
      const name = whom(conversation, argument);
      if (name === conversation.messenger.name)
        throw new Failure('name-invalid', 'That is your own name. Enter somebody else.');
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
      print(messages.map((message) => describe(to, message)).join('\n') || 'Nothing yet.');
    },
  },
  ...contactCommands,
  continue: {
    help: 'go on with this copy of the profile, if Signet says that it was used elsewhere',
    run: ({ messenger }) => messenger.continueHere(),
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
