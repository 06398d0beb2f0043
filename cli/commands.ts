// The JSON lines that the console client reads with --json, as schemas.
import * as z from 'zod/mini';
import { Failure } from '../protocol/failures.ts';
import { USER_NAME_PATTERN, USER_NAME_RULE } from '../protocol/user-name.ts';

const MAX_LINE_CHARACTERS = 1024 * 1024;

const UserName = z.string().check(z.regex(USER_NAME_PATTERN, USER_NAME_RULE));
/** Comes back with the answer, to tell which command it belongs to. */
const ref = z.optional(z.union([z.string(), z.number()]));
/** SHA-256 of an identity key. */
const identity = z.string().check(z.regex(/^[0-9a-f]{64}$/, 'The identity is 64 hexadecimal digits'));

/** With spaces, as people see it, or without. */
const isSafetyNumber = (text: string): boolean => /^\d{60}$/.test(text.replaceAll(' ', ''));

const Command = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('send'), to: UserName, text: z.string(), ref }),
  z.strictObject({ do: z.literal('read'), with: UserName, ref }),
  z.strictObject({
    do: z.literal('verify'),
    with: UserName,
    /** The number that the contact sees: if it is the same, the contact is verified. */
    compared: z.optional(z.string().check(z.refine(isSafetyNumber, 'The number has 60 digits'))),
    ref,
  }),
  z.strictObject({ do: z.literal('accept'), with: UserName, identity, ref }),
  z.strictObject({ do: z.literal('refuse'), with: UserName, identity, ref }),
  z.strictObject({
    do: z.enum(['acceptRequest', 'decline', 'block', 'unblock', 'acceptDevices']),
    with: UserName,
    ref,
  }),
  z.strictObject({ do: z.literal('continueHere'), ref }),
  z.strictObject({ do: z.literal('invite'), ref }),
  z.strictObject({
    do: z.literal('history'),
    with: UserName,
    limit: z._default(z.int().check(z.minimum(1), z.maximum(10_000)), 50),
    ref,
  }),
  z.strictObject({ do: z.literal('contacts'), ref }),
  z.strictObject({ do: z.literal('quit'), ref }),
]);
export type Command = z.output<typeof Command>;

const EXPECTED =
  '{"do":"send"|"read"|"verify"|"accept"|"refuse"|"acceptRequest"|"decline"|"block"|"unblock"|"acceptDevices"|"continueHere"|"invite"|"history"|"contacts"|"quit",...}';

/** @throws Failure `command-invalid`, which says what is wrong and what would be right */
export function parseCommand(line: string): Command {
  if (line.length > MAX_LINE_CHARACTERS) {
    throw new Failure('command-invalid', `The line has over ${MAX_LINE_CHARACTERS} characters.`);
  }
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new Failure('command-invalid', `The line is not JSON. A line is one object: ${EXPECTED}.`, {
      cause,
    });
  }
  const result = z.safeParse(Command, value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.code === 'unrecognized_keys' ? issue.keys.join(', ') : issue?.path.join('.') || 'do';
  throw new Failure(
    'command-invalid',
    `${where}: ${issue?.message ?? 'not as expected'}. Expected ${EXPECTED}.`,
  );
}
