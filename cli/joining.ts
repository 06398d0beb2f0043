// What a new profile needs, a name and an invite: out of the options, the environment, or asked for at the terminal.
import { readFileSync } from 'node:fs';
import { Failure } from '../protocol/failures.ts';
import { USER_NAME_PATTERN, USER_NAME_RULE } from '../protocol/user-name.ts';
import { decodeInvite } from '../protocol/links.ts';
import type { Joining } from '../main/messenger/account.ts';
import type { Lines } from './lines.ts';

export type JoiningOptions = { name?: string; invite?: string; inviteFile?: string };

/** As people write a name: "Bob", " bob", "@bob". */
export const plainName = (text: string): string => text.trim().replace(/^@/, '').toLowerCase();

/** What the command line says. @throws Failure `command-invalid` if the file can't be read */
export function givenJoining({ name, invite, inviteFile }: JoiningOptions): Joining {
  name = name === undefined ? undefined : plainName(name);
  if (inviteFile === undefined) return { name, invite };
  try {
    return { name, invite: readFileSync(inviteFile, 'utf8') };
  } catch (cause) {
    const { code = String(cause) } = cause as NodeJS.ErrnoException;
    throw new Failure('command-invalid', `The invite's file ${inviteFile} cannot be read (${code}).`, {
      cause,
    });
  }
}

/** Fills in what a new profile lacks. @param environment has the invite in SIGNET_INVITE, if nothing else has
 * @param lines to ask at; undefined if nobody is there @returns undefined if the input ends before
 * @throws Failure `profile-new` that names the missing options */
export async function completeJoining(
  { name, invite }: Joining,
  environment: NodeJS.ProcessEnv,
  lines: Lines | undefined,
): Promise<Joining | undefined> {
  invite ??= environment['SIGNET_INVITE'] || undefined;
  if (!lines) {
    const missing = [
      ...(name === undefined ? ['--name NAME'] : []),
      ...(invite === undefined ? ['the invite (--invite LINK, --invite-file FILE, or SIGNET_INVITE)'] : []),
    ];
    if (missing.length === 0) return { name, invite };
    throw new Failure('profile-new', `This profile is new. Add ${missing.join(' and ')}.`);
  }
  if (invite === undefined) {
    lines.print(
      'This profile is new. It joins a relay with an invite. Ask the person who invited you for it.',
    );
    invite = await ask(lines, 'Invite (signet://join?...): ', (text) => (decodeInvite(text), text));
    if (invite === undefined) return undefined;
  }
  name ??= await askForName(lines, 'Your name: ');
  return name === undefined ? undefined : { name, invite };
}

/** @returns undefined if the input ends before */
export const askForName = (lines: Lines, question: string): Promise<string | undefined> =>
  ask(lines, question, (text) => {
    const name = plainName(text);
    if (!USER_NAME_PATTERN.test(name)) throw new Failure('name-invalid', USER_NAME_RULE);
    return name;
  });

/** Asks until the answer will do. */
async function ask(
  lines: Lines,
  question: string,
  check: (text: string) => string,
): Promise<string | undefined> {
  for (;;) {
    const answer = await lines.next(question);
    if (answer === undefined) return undefined;
    if (answer.trim() === '') continue;
    try {
      return check(answer);
    } catch (error) {
      lines.print(Failure.from(error).message);
    }
  }
}
