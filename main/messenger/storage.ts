// Seals rows for one's own disk (PROTOCOL.md, "Storage"). Values in, values out.
import { field, u16, u32 } from '../../protocol/bytes.ts';
import { BLOCK_BYTES } from '../../protocol/envelope.ts';
import { Failure } from '../../protocol/failures.ts';
import { PIECE_BYTES } from '../../protocol/payload.ts';
import type { PublicKey } from '../../protocol/public-key.ts';
import { decrypt, encrypt, type OpeningKey } from './rsa.ts';

/** The label binds a stored block to its row and place, so that rows can't be swapped. */
const storageLabel = (row: string, index: number, count: number): Buffer =>
  Buffer.concat([field('signet/v1/storage'), field(row), u16(index), u16(count)]);

/** Seals something for one's own disk: u32 length | content | zeros, in blocks of 318 bytes.
 * @param row names the row for good @returns 384 bytes a block */
export async function sealRow(storage: PublicKey, row: string, content: Buffer): Promise<Buffer> {
  const count = Math.ceil((4 + content.length) / PIECE_BYTES);
  const padded = Buffer.alloc(count * PIECE_BYTES);
  Buffer.concat([u32(content.length), content]).copy(padded);
  const blocks = Array.from({ length: count }, (_, i) =>
    encrypt(storage, storageLabel(row, i, count), padded.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES)),
  );
  return Buffer.concat(await Promise.all(blocks));
}

/** @throws Failure `database-damaged` if the bytes were not sealed for this row by this storage key */
export async function openRow(storage: OpeningKey, row: string, sealed: Buffer): Promise<Buffer> {
  const damaged = new Failure('database-damaged', 'A stored entry is damaged and cannot be opened.');
  const count = sealed.length / BLOCK_BYTES;
  if (!Number.isInteger(count) || count === 0) throw damaged;
  const blocks = Array.from({ length: count }, (_, i) =>
    decrypt(storage, storageLabel(row, i, count), sealed.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)),
  );
  const bytes = Buffer.concat(
    await Promise.all(blocks).catch(() => {
      throw damaged;
    }),
  );
  const length = bytes.readUInt32BE();
  if (length > bytes.length - 4) throw damaged;
  return bytes.subarray(4, 4 + length);
}
