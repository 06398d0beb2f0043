// What a message says: the types of an envelope's body and their bytes (PROTOCOL.md, "Message types").
import { Failure } from './failures.ts';
import { MAX_TEXT_BYTES } from './fields.ts';

export const messageTypes = { text: 1, receipt: 2, unopenable: 3 } as const;
/** Ids in one receipt or unopenable notice. */
export const MAX_IDS = 256;
const ID_BYTES = 16;

export type Body =
  | { type: 'text'; text: string }
  | { type: 'receipt'; kind: 'delivered' | 'read'; ids: Buffer[] }
  | { type: 'unopenable'; ids: Buffer[] }
  /** A type of a newer version: kept, and shown as such. */
  | { type: 'unknown'; code: number };

const receiptKinds = { delivered: 1, read: 2 } as const;
const refuse = (why: string): Failure => new Failure('message-refused', `The message was refused: ${why}.`);

/** @returns the text's UTF-8, 1 to 32,768 bytes; a lone surrogate becomes U+FFFD
 * @throws Failure `text-empty`, `text-too-long` */
export function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text.toWellFormed(), 'utf8');
  if (bytes.length === 0) throw new Failure('text-empty', 'There is nothing to send: the text is empty.');
  if (bytes.length <= MAX_TEXT_BYTES) return bytes;
  throw new Failure(
    'text-too-long',
    `The text has ${bytes.length.toLocaleString('en')} bytes; at most ` +
      `${MAX_TEXT_BYTES.toLocaleString('en')} fit in a message. Shorten it or send it in parts.`,
  );
}

/** @returns the type's code and the body's bytes */
export function encodeBody(body: Exclude<Body, { type: 'unknown' }>): { type: number; body: Buffer } {
  const type = messageTypes[body.type];
  if (body.type === 'text') return { type, body: encodeText(body.text) };
  if (body.type === 'unopenable') return { type, body: Buffer.concat(body.ids) };
  return { type, body: Buffer.concat([Buffer.of(receiptKinds[body.kind]), ...body.ids]) };
}

function decodeIds(bytes: Buffer): Buffer[] {
  const count = bytes.length / ID_BYTES;
  if (!Number.isInteger(count) || count < 1 || count > MAX_IDS) throw refuse('its list of ids is wrong');
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * ID_BYTES, (i + 1) * ID_BYTES));
}

/** @throws Failure `message-refused` if a known type's body is wrong */
export function decodeBody(type: number, body: Buffer): Body {
  if (type === messageTypes.text) {
    if (body.length === 0) throw refuse('its text is empty');
    try {
      return { type: 'text', text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body) };
    } catch (cause) {
      throw new Failure('message-refused', 'The message was refused: its text is not UTF-8.', { cause });
    }
  }
  if (type === messageTypes.receipt) {
    const kind = body[0] === 1 ? 'delivered' : body[0] === 2 ? 'read' : undefined;
    if (!kind) throw refuse('its receipt is of no known kind');
    return { type: 'receipt', kind, ids: decodeIds(body.subarray(1)) };
  }
  if (type === messageTypes.unopenable) return { type: 'unopenable', ids: decodeIds(body) };
  return { type: 'unknown', code: type };
}
