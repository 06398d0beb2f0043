// The fields that frames, invites and commands are made of, as schemas, and their limits.
import * as z from 'zod/mini';

/** Bytes of UTF-8 in the text of one message. */
export const MAX_TEXT_BYTES = 32 * 1024;
/** Characters of one JSON text frame; the largest envelope needs 66,203 for its base64url. */
export const MAX_FRAME_BYTES = 96 * 1024;

export const USER_NAME_PATTERN = /^[a-z][a-z0-9._-]{1,31}$/;
export const USER_NAME_RULE =
  'A name has 2 to 32 characters: lowercase letters, digits, dot, hyphen and underscore. It starts with a letter.';

export const UserName = z.string().check(z.regex(USER_NAME_PATTERN, USER_NAME_RULE));

/** Milliseconds since 1970-01-01T00:00Z. */
export const Time = z.int().check(z.nonnegative());

/** Strict base64url: no padding, no other characters, no stray bits in the last one. */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

/** Bytes that travel as base64url text. @param min @param max lengths in bytes, inclusive */
export function bytes(min: number, max = min): z.ZodMiniCodec<z.ZodMiniString, z.ZodMiniType<Buffer>> {
  const length = (count: number) => Math.ceil((count * 4) / 3);
  return z.codec(
    z.string().check(z.minLength(length(min)), z.maxLength(length(max))),
    z.instanceof(Buffer).check(z.refine((value) => value.length >= min && value.length <= max)),
    {
      decode: (text, context) => {
        const decoded = decodeBase64url(text);
        if (decoded) return decoded;
        context.issues.push({ code: 'custom', input: text, message: 'not base64url without padding' });
        return z.NEVER;
      },
      encode: (value) => value.toString('base64url'),
    },
  );
}
