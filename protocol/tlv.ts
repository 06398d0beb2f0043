// Tagged values: u8 tag | u16 length | value. Tags ascend; 1 to 127 are critical, 128 to 255 may be ignored.
import type { Reader } from './reader.ts';

export type Tlv = { tag: number; value: Buffer };

export const isCritical = (tag: number): boolean => tag < 128;

/** Reads all that is left. @throws Malformed on tag 0, a tag that doesn't ascend, or a length that doesn't fit */
export function readTlvs(reader: Reader): Tlv[] {
  const tlvs: Tlv[] = [];
  let last = 0;
  while (reader.left > 0) {
    const tag = reader.u8();
    if (tag <= last) throw reader.malformed();
    tlvs.push({ tag, value: reader.field() });
    last = tag;
  }
  return tlvs;
}

/** @param tlvs in any order, each tag at most once; values of at most 65,535 bytes */
export function encodeTlvs(tlvs: readonly Tlv[]): Buffer {
  const sorted = [...tlvs].sort((a, b) => a.tag - b.tag);
  const parts = sorted.flatMap(({ tag, value }) => {
    const head = Buffer.alloc(3);
    head.writeUInt8(tag);
    head.writeUInt16BE(value.length, 1);
    return [head, value];
  });
  return Buffer.concat(parts);
}
