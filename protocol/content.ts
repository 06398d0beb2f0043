// What a message says: u8 kind | tlv*. Kinds 1 to 127 are shown, 128 to 255 are silent.
import { u8 } from './bytes.ts';
import { Malformed, Reader } from './reader.ts';
import { encodeTlvs, isCritical, readTlvs, type Tlv } from './tlv.ts';

/** Kinds of content, and the tags that each may have; `?` is optional. What the document reserves and this program doesn't
 * know is treated as unknown. */
export const kinds = { text: 1, delivered: 128, read: 129, retryRequest: 131, sync: 134, null: 135 } as const;
export const tags = { text: 1, ids: 6, wrapped: 12 } as const;

export const MAX_TEXT_BYTES = 32_768;
export const MAX_IDS = 256;
const ID_BYTES = 32;

/** A copy for the other devices of one's own account. */
export type Wrapped = {
  conversation: { pair: Buffer } | { group: Buffer };
  timestamp: number;
  salt: Buffer;
  content: Buffer;
};

export type Content =
  | { kind: 'text'; text: string }
  | { kind: 'delivered' | 'read'; ids: Buffer[] }
  /** The hashes of envelopes whose keys are gone. */
  | { kind: 'retryRequest'; envelopes: Buffer[] }
  | { kind: 'sync'; wrapped: Wrapped }
  | { kind: 'null' }
  /** Shown as "needs a newer Signet" and as nothing else; its bytes are kept and read again after an update. */
  | { kind: 'unknown' }
  /** Ignored, and answered by nothing. */
  | { kind: 'silent' };

const isShown = (kind: number): boolean => kind < 128;
const known: Record<number, readonly number[]> = {
  [kinds.text]: [tags.text],
  [kinds.delivered]: [tags.ids],
  [kinds.read]: [tags.ids],
  [kinds.retryRequest]: [tags.ids],
  [kinds.sync]: [tags.wrapped],
  [kinds.null]: [],
};

/** @throws Malformed if a known kind lacks a tag or has it malformed, or if the bytes are no content at all */
export function decodeContent(bytes: Buffer): Content {
  const reader = new Reader(bytes, 'content');
  const kind = reader.u8();
  const tlvs = readTlvs(reader);
  if (kind === 0) throw reader.malformed();
  const expected = known[kind];
  const isUnknown = !expected || tlvs.some(({ tag }) => isCritical(tag) && !expected.includes(tag));
  // A text without its timer or its group would mislead: all of it or nothing is understood.
  if (isUnknown) return isShown(kind) ? { kind: 'unknown' } : { kind: 'silent' };
  const values = new Map(tlvs.map(({ tag, value }) => [tag, value]));
  const value = (tag: number): Buffer => {
    const found = values.get(tag);
    if (found === undefined) throw reader.malformed();
    return found;
  };
  switch (kind) {
    case kinds.text:
      return { kind: 'text', text: readText(value(tags.text)) };
    case kinds.delivered:
      return { kind: 'delivered', ids: readIds(value(tags.ids)) };
    case kinds.read:
      return { kind: 'read', ids: readIds(value(tags.ids)) };
    case kinds.retryRequest:
      return { kind: 'retryRequest', envelopes: readIds(value(tags.ids)) };
    case kinds.sync:
      return { kind: 'sync', wrapped: readWrapped(value(tags.wrapped)) };
    default:
      return { kind: 'null' };
  }
}

function readText(bytes: Buffer): string {
  if (bytes.length === 0 || bytes.length > MAX_TEXT_BYTES) throw new Malformed('content');
  return new Reader(bytes, 'content').decodeText(bytes);
}

function readIds(bytes: Buffer): Buffer[] {
  const count = bytes.length / ID_BYTES;
  if (!Number.isInteger(count) || count < 1 || count > MAX_IDS) throw new Malformed('content');
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * ID_BYTES, (i + 1) * ID_BYTES));
}

function readWrapped(bytes: Buffer): Wrapped {
  const reader = new Reader(bytes, 'content');
  const form = reader.u8();
  if (form > 1) throw reader.malformed();
  const id = reader.bytes(32);
  const timestamp = reader.time();
  const salt = reader.bytes(16);
  const content = reader.bytes(reader.left);
  // A copy of a copy would have no end.
  if (content.length === 0 || content[0] === kinds.sync) throw reader.malformed();
  return { conversation: form === 0 ? { pair: id } : { group: id }, timestamp, salt, content };
}

/** @returns the content's bytes @throws Malformed if they couldn't be read again */
export function encodeContent(content: Exclude<Content, { kind: 'unknown' | 'silent' }>): Buffer {
  const bytes = Buffer.concat([u8(kinds[content.kind]), encodeTlvs(tlvsOf(content))]);
  decodeContent(bytes);
  return bytes;
}

function tlvsOf(content: Exclude<Content, { kind: 'unknown' | 'silent' }>): Tlv[] {
  switch (content.kind) {
    case 'text':
      return [{ tag: tags.text, value: Buffer.from(content.text.toWellFormed(), 'utf8') }];
    case 'delivered':
    case 'read':
      return [{ tag: tags.ids, value: Buffer.concat(content.ids) }];
    case 'retryRequest':
      return [{ tag: tags.ids, value: Buffer.concat(content.envelopes) }];
    case 'sync':
      return [{ tag: tags.wrapped, value: encodeWrapped(content.wrapped) }];
    case 'null':
      return [];
  }
}

function encodeWrapped({ conversation, timestamp, salt, content }: Wrapped): Buffer {
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(timestamp));
  const id = 'pair' in conversation ? [u8(0), conversation.pair] : [u8(1), conversation.group];
  return Buffer.concat([...id, time, salt, content]);
}
