// What a device signs besides envelopes: field(label) | fields | tlv*, carried as field(statement) | signature.
import { field } from './bytes.ts';
import { Malformed, Reader } from './reader.ts';
import { encodeTlvs, isCritical, readTlvs, type Tlv } from './tlv.ts';

export const SIGNATURE_BYTES = 384;

/** Every label there is, so that a signature for one purpose never serves for another. */
export const labels = {
  message: 'signet/v1/message',
  pair: 'signet/v1/pair',
  block: 'signet/v1/block',
  envelope: 'signet/v1/envelope',
  device: 'signet/v1/device',
  prekey: 'signet/v1/prekey',
  login: 'signet/v1/login',
  register: 'signet/v1/register',
  safetyNumber: 'signet/v1/safety-number',
  storage: 'signet/v1/storage',
} as const;
export type Label = (typeof labels)[keyof typeof labels];

/** A statement as it travels. Hashes cover `bytes` as they were received. */
export type Signed = { bytes: Buffer; signature: Buffer };

/** @returns what is signed */
export const encodeStatement = (label: Label, fields: readonly Buffer[], tlvs: readonly Tlv[] = []): Buffer =>
  Buffer.concat([field(label), ...fields, encodeTlvs(tlvs)]);

/** @returns field(statement) | signature */
export const encodeSigned = ({ bytes, signature }: Signed): Buffer =>
  Buffer.concat([field(bytes), signature]);

export const readSigned = (reader: Reader): Signed => ({
  bytes: Buffer.from(reader.field()),
  signature: Buffer.from(reader.bytes(SIGNATURE_BYTES)),
});

/** Reads a statement of one kind. @param readFields reads what stands between the label and the tagged values
 * @param known the tags that this program knows in it
 * @throws Malformed on another label, wrong fields, or an unknown critical tag */
export function decodeStatement<Fields>(
  bytes: Buffer,
  label: Label,
  readFields: (reader: Reader) => Fields,
  known: readonly number[] = [],
): { fields: Fields; tlvs: Tlv[] } {
  const reader = new Reader(bytes, label);
  if (!reader.field().equals(Buffer.from(label))) throw new Malformed(label);
  const fields = readFields(reader);
  const tlvs = readTlvs(reader);
  if (tlvs.some(({ tag }) => isCritical(tag) && !known.includes(tag))) throw new Malformed(label);
  return { fields, tlvs: tlvs.filter(({ tag }) => known.includes(tag)) };
}

/** The label that a statement starts with, known or not; undefined if there is none. */
export function readLabel(bytes: Buffer): string | undefined {
  try {
    return new Reader(bytes, 'statement').text(64);
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}
