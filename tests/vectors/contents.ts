// Contents: what they say, and what a client must refuse or leave alone.
import { u16, u64, u8 } from '../../protocol/bytes.ts';
import { encodeContent } from '../../protocol/content.ts';

const tlv = (tag: number, value: Buffer): Buffer => Buffer.concat([u8(tag), u16(value.length), value]);
const bytes = (kind: number, ...tlvs: Buffer[]): Buffer => Buffer.concat([u8(kind), ...tlvs]);
const text = (value: string): Buffer => tlv(1, Buffer.from(value));
const ids = (count: number): Buffer => tlv(6, Buffer.alloc(32 * count, 0x11));
const wrapped = (form: number, content: Buffer): Buffer =>
  tlv(
    12,
    Buffer.concat([
      u8(form),
      Buffer.alloc(32, 0x22),
      u64(1_794_925_987_000),
      Buffer.alloc(16, 0x33),
      content,
    ]),
  );

/** Bytes, and what they decode to, with bytes as hex. */
export const goodContents: [name: string, bytes: Buffer][] = [
  ['text', encodeContent({ kind: 'text', text: 'Hello, Bob!' })],
  [
    'a text of other scripts, with a NUL, a BOM and CRLF',
    bytes(1, text('Grüße aus 東京 👩🏽‍🚀\r\n\u0000\ufeff')),
  ],
  ['a text of 32,768 bytes', bytes(1, text('z'.repeat(32_768)))],
  ['a text with an unknown ignorable tag', bytes(1, text('Hello'), tlv(200, Buffer.from('some day')))],
  ['a text with a reply, which is ignorable', bytes(1, text('Yes'), tlv(128, Buffer.alloc(32, 7)))],
  ['delivered', bytes(128, ids(2))],
  ['read', bytes(129, ids(1))],
  ['256 ids', bytes(129, ids(256))],
  ['retry request', bytes(131, ids(1))],
  ['sync of a text to a contact', bytes(134, wrapped(0, bytes(1, text('Hello'))))],
  ['sync of a text to a group', bytes(134, wrapped(1, bytes(1, text('Hello'))))],
  ['null', bytes(135)],
];

/** Shown as "needs a newer Signet", and as nothing else. */
export const unknownContents: [name: string, bytes: Buffer][] = [
  ['a shown kind of the future', bytes(77, text('Do not show this'))],
  ['a file, which this version reserves', bytes(2, tlv(5, Buffer.alloc(10)))],
  ['a text that expires', bytes(1, text('Gone in an hour'), tlv(4, Buffer.of(0, 0, 14, 16)))],
  ['a text to a group', bytes(1, text('To all'), tlv(3, Buffer.alloc(32, 5)))],
  ['a text with an unknown critical tag', bytes(1, text('Hello'), tlv(99, Buffer.of(1)))],
  ['a text with a critical tag of another kind', bytes(1, text('Hello'), ids(1))],
  [
    'an unknown critical tag beside a text that is too long',
    bytes(1, text('z'.repeat(32_769)), tlv(99, Buffer.of(1))),
  ],
  ['a text without text, with an unknown critical tag', bytes(1, tlv(99, Buffer.of(1)))],
];

/** Ignored, and answered by nothing. */
export const silentContents: [name: string, bytes: Buffer][] = [
  ['a silent kind of the future', bytes(200, text('?'))],
  ['a reaction, which this version reserves', bytes(130, text('👍'), tlv(2, Buffer.alloc(32, 1)))],
  ['delivered with an unknown critical tag', bytes(128, ids(1), tlv(99, Buffer.of(1)))],
];

/** No content at all: refused like an envelope that is not authentic. */
export const badContents: [name: string, bytes: Buffer][] = [
  ['no bytes', Buffer.alloc(0)],
  ['kind 0', bytes(0, text('Hello'))],
  ['a text without its tag', bytes(1)],
  ['a text of 0 bytes', bytes(1, text(''))],
  ['a text of 32,769 bytes', bytes(1, text('z'.repeat(32_769)))],
  ['a text that is not UTF-8', bytes(1, tlv(1, Buffer.from('c328', 'hex')))],
  ['a surrogate in UTF-8', bytes(1, tlv(1, Buffer.from('eda080', 'hex')))],
  ['an overlong UTF-8 sequence', bytes(1, tlv(1, Buffer.from('c080', 'hex')))],
  ['a tag twice', bytes(1, text('Hello'), text('Hello'))],
  ['tags that descend', bytes(1, tlv(200, Buffer.alloc(1)), text('Hello'))],
  ['tag 0', bytes(1, tlv(0, Buffer.alloc(1)), text('Hello'))],
  ['a value that is longer than what is left', bytes(1, Buffer.of(1, 0, 6), Buffer.from('Hello'))],
  ['a tag without a length', bytes(1, text('Hello'), Buffer.of(200))],
  ['a tag with half a length', bytes(1, text('Hello'), Buffer.of(200, 0))],
  ['an unknown kind with tags that descend', bytes(77, tlv(2, Buffer.alloc(0)), tlv(1, Buffer.alloc(0)))],
  ['delivered without ids', bytes(128)],
  ['delivered with no id in its tag', bytes(128, ids(0))],
  ['delivered with half an id', bytes(128, tlv(6, Buffer.alloc(48)))],
  ['257 ids', bytes(129, ids(257))],
  ['a retry request without hashes', bytes(131)],
  ['a sync of form 2', bytes(134, wrapped(2, bytes(1, text('Hello'))))],
  ['a sync without content', bytes(134, wrapped(0, Buffer.alloc(0)))],
  ['a sync of a sync', bytes(134, wrapped(0, bytes(134, wrapped(0, bytes(1, text('Hello'))))))],
  ['a sync that is cut', bytes(134, tlv(12, Buffer.alloc(40)))],
];
