// The configuration file: JSON whose keys are called like the options.
import { readFileSync } from 'node:fs';
import * as z from 'zod/mini';
import { Failure } from '../../protocol/failures.ts';

const text = z.optional(z.string('has to be text'));
const Configuration = z.strictObject(
  {
    data: text,
    port: z.optional(z.number('has to be a number')),
    host: text,
    address: z.optional(z.array(z.string('has to be a list of texts'), 'has to be a list of texts')),
    certificate: text,
    key: text,
    registration: text,
    'log-level': text,
  },
  'has to be one JSON object',
);
export type Configuration = z.infer<typeof Configuration>;

/** @returns what is set in the file; of each value only its type is checked
 * @throws Failure `command-invalid` */
export function readConfiguration(file: string): Configuration {
  const refuse = (why: string, cause?: unknown): Failure =>
    new Failure('command-invalid', `The configuration ${file} ${why}`, { cause });
  let content: unknown;
  try {
    // Some editors begin a text with a mark of its byte order, which is none of JSON's.
    content = JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw refuse(code ? `cannot be read (${code}).` : `is not JSON: ${message}.`, cause);
  }
  const { data, error } = Configuration.safeParse(content);
  if (data) return data;
  const issue = error.issues[0]!;
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(Configuration.shape).join(', ');
    throw refuse(`sets the unknown key "${issue.keys[0]}". Known keys: ${known}.`);
  }
  const [key] = issue.path;
  throw refuse(key === undefined ? `${issue.message}.` : `is wrong: "${String(key)}" ${issue.message}.`);
}
