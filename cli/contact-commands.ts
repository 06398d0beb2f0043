// What a person decides about a contact at the console: verified or not, wanted or not, and which identity is the right one.
import { Failure } from '../protocol/failures.ts';
import { USER_NAME_PATTERN, USER_NAME_RULE } from '../protocol/user-name.ts';
import type { Contact } from '../main/messenger/contacts.ts';
import type { Messenger } from '../main/messenger/messenger.ts';
import { plainName } from './joining.ts';
import type { Command, Conversation } from './slash-commands.ts';

const verifiedBy = { invite: 'verified by an invite', compared: 'verified by comparing' };

export function describeContact({ name, status, verified, offered, held }: Contact): string {
  if (status === 'request')
    return `  ${name} (a message request: /accept ${name}, /decline ${name} or /block ${name})`;
  if (status === 'blocked') return `  ${name} (blocked: /unblock ${name} ends that)`;
  if (offered)
    return `  ${name} (a new identity: ask ${name} about it, then /accept ${name} or /refuse ${name})`;
  if (held) return `  ${name} (a device list that doesn't match: ask ${name} about it, then /accept ${name})`;
  return `  ${name} (${verified ? verifiedBy[verified] : 'not verified'})`;
}

/** The name that was given, or the one that is written to. @throws Failure `name-invalid`, `command-invalid` */
export function whom({ to }: Conversation, argument: string): string {
  const name = plainName(argument) || to;
  if (name === undefined) throw new Failure('command-invalid', 'Choose somebody first, with /to NAME.');
  if (!USER_NAME_PATTERN.test(name)) throw new Failure('name-invalid', USER_NAME_RULE);
  return name;
}

/** The new identity that the relay shows for a contact, 64 hex digits. One that was refused can still be accepted.
 * @throws Failure `command-invalid` */
export function offeredBy(messenger: Messenger, name: string, decision: 'accept' | 'refuse'): string {
  const { offered, refused } = messenger.trust.known(name);
  const identity = decision === 'accept' ? (offered ?? refused) : offered;
  if (identity) return identity.toString('hex');
  throw new Failure('command-invalid', `There is no new identity of ${name}'s to decide on.`);
}

/** The safety number of the identity that is pinned, and that identity. */
export async function safetyNumberOf(
  { trust }: Messenger,
  name: string,
): Promise<{ digits: string; fingerprint: string }> {
  const digits = await trust.safetyNumber(name);
  return { digits, fingerprint: trust.known(name).identity.toString('hex') };
}

/** What to do when the numbers differ, or were not compared. */
function notSame({ trust }: Messenger, name: string): string {
  const warning = `If the numbers differ, someone may be intercepting your messages: write nothing secret, and ask ${name} in person.`;
  const { verified } = trust.known(name);
  return verified
    ? `Nothing changed: ${name} stays ${verifiedBy[verified]}. ${warning}`
    : `${name} is not marked as verified. ${warning}`;
}

const isYes = (answer: string | undefined): boolean => /^y(es)?$/i.test(answer?.trim() ?? '');

async function acceptIdentity({ messenger, print, ask }: Conversation, name: string): Promise<void> {
  const offered = offeredBy(messenger, name, 'accept');
  print(`Someone else may be posing as ${name}. Ask ${name} by voice or in person first.`);
  if (!isYes(await ask(`Has ${name} told you about a new computer? [y/N] `)))
    return print('Nothing changed.');
  await messenger.trust.acceptIdentity(name, offered);
  print(`${name}'s new identity is accepted. It is not verified: compare it with /verify ${name}.`);
}

async function acceptDevices({ messenger, print, ask }: Conversation, name: string): Promise<void> {
  print(`The relay shows a device list of ${name} that doesn't match the one you know.`);
  print(`The relay may have been restored from a backup, or someone may be intercepting your messages.`);
  if (!isYes(await ask(`Has ${name} told you that the list is right? [y/N] `)))
    return print('Nothing changed.');
  await messenger.trust.acceptList(name);
  print(`${name}'s device list is accepted.`);
}

export const contactCommands: Record<string, Command> = {
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
      messenger.trust.markCompared(name, fingerprint);
      print(`${name} is verified.`);
    },
  },
  accept: {
    takes: '[NAME]',
    help: "accept NAME's message request, or NAME's new identity or device list (ask NAME first)",
    run: async (conversation, argument) => {
      const { messenger, print } = conversation;
      const name = whom(conversation, argument);
      const { status, offered, refused, held } = messenger.trust.known(name);
      if (offered) return acceptIdentity(conversation, name);
      if (held) return acceptDevices(conversation, name);
      if (status !== 'request' && refused) return acceptIdentity(conversation, name);
      if (status !== 'request')
        throw new Failure('command-invalid', `There is nothing of ${name}'s to accept.`);
      messenger.trust.accept(name);
      messenger.markRead(name);
      print(`Accepted. Write to ${name} with /to ${name}.`);
    },
  },
  refuse: {
    takes: '[NAME]',
    help: 'keep the identity of NAME that you know',
    run: (conversation, argument) => {
      const name = whom(conversation, argument);
      conversation.messenger.trust.refuseIdentity(name, offeredBy(conversation.messenger, name, 'refuse'));
      conversation.print(`Refused. Nothing is sent to ${name} while the relay shows another identity.`);
    },
  },
  decline: {
    takes: '[NAME]',
    help: "decline NAME's message request; its messages are deleted",
    run: (conversation, argument) => {
      const name = whom(conversation, argument);
      if (conversation.messenger.trust.known(name).status !== 'request')
        throw new Failure('command-invalid', `There is no message request from ${name}.`);
      conversation.messenger.trust.decline(name);
      conversation.print(`Declined. ${name} isn't told.`);
    },
  },
  block: {
    takes: '[NAME]',
    help: 'take no more messages from NAME',
    run: (conversation, argument) => {
      const name = whom(conversation, argument);
      conversation.messenger.trust.setBlocked(name, true);
      conversation.print(`${name} is blocked, and isn't told.`);
    },
  },
  unblock: {
    takes: '[NAME]',
    help: 'take messages from NAME again',
    run: (conversation, argument) => {
      const name = whom(conversation, argument);
      conversation.messenger.trust.setBlocked(name, false);
      conversation.print(`${name} is not blocked any more.`);
    },
  },
};
