// The byte fields that every signed or hashed structure is made of (PROTOCOL.md, "Notation").

/** @returns 1 byte. */
export const u8 = (value: number): Buffer => Buffer.of(value);

/** @returns 2 bytes, big-endian. */
export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

/** @returns 4 bytes, big-endian. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** @returns 8 bytes, big-endian. A time is milliseconds since 1970-01-01T00:00Z. */
export function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** A field of variable length: u16 length, then the bytes (a string's are its UTF-8). At most 65,535 bytes. */
export function field(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u16(bytes.length), bytes]);
}
