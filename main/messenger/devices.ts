// The computers of each person and of oneself: their signed list, their newest prekeys, and one's own chain to each.
import { randomBytes } from 'node:crypto';
import { type DeviceList, extend, firstList } from '../../protocol/devices.ts';
import { fingerprintOf } from '../../protocol/key.ts';
import type { Prekey } from '../../protocol/prekey.ts';
import type { Signed } from '../../protocol/statement.ts';
import type { Database } from './database.ts';

/** Whose devices they are, where contacts have their keys. */
export const SELF = 0;

/** What to seal to. */
export type KnownPrekey = { modulus: Buffer; created: number; expires: number };
/** The last number that was used in one's own chain to a device. chain has 8 bytes, previous 16. */
export type ChainEnd = { chain: Buffer; sequence: number; previous: Buffer };

export class Devices {
  readonly #database: Database;
  readonly #lists = new Map<number, DeviceList>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** The newest list that is known. @param identityKey the modulus of device 1, 384 bytes */
  list(contact: number, identityKey: Buffer): DeviceList {
    const known = this.#lists.get(contact);
    if (known?.identity.equals(fingerprintOf(identityKey))) return known;
    const list = this.statements(contact).reduce(extend, firstList(identityKey));
    this.#lists.set(contact, list);
    return list;
  }

  /** All changes of the list, in their order. */
  statements(contact: number): Signed[] {
    return this.#database.all<Signed>`
      SELECT bytes, signature FROM device_statements WHERE contact = ${contact} ORDER BY version`;
  }

  /** Takes a longer list, or after a fork another. @param statements all of them, from version 1 */
  setList(contact: number, list: DeviceList, statements: readonly Signed[]): void {
    this.#database.run`DELETE FROM device_statements WHERE contact = ${contact}`;
    for (const [i, { bytes, signature }] of statements.entries()) {
      this.#database.run`INSERT INTO device_statements VALUES (${contact}, ${i + 1}, ${bytes}, ${signature})`;
    }
    this.#lists.set(contact, list);
  }

  /** Takes a device's newest prekey. @returns false if a newer one is known, or this one */
  takePrekey(contact: number, { device, created, expires, key, knownKinds }: Prekey): boolean {
    this.#ensure(contact, device);
    const { changes } = this.#database.run`
      UPDATE devices
      SET prekey = ${key}, created = ${created}, expires = ${expires}, knownKinds = ${Buffer.from(knownKinds)}
      WHERE contact = ${contact} AND device = ${device} AND coalesce(created, -1) < ${created}`;
    return changes > 0;
  }

  /** @returns undefined if none is known */
  prekey(contact: number, device: number): KnownPrekey | undefined {
    return this.#database.get<KnownPrekey>`
      SELECT prekey AS modulus, created, expires FROM devices
      WHERE contact = ${contact} AND device = ${device} AND prekey IS NOT NULL`;
  }

  /** Where one's own chain to a device is; a new one begins with the first envelope. */
  chainEnd(contact: number, device: number): ChainEnd {
    this.#ensure(contact, device);
    return this.#database.get<ChainEnd>`
      SELECT chain, sequence, previous FROM devices WHERE contact = ${contact} AND device = ${device}`!;
  }

  /** An envelope has taken the next number. @param hash SHA-256 of it, 32 bytes */
  advanceChain(contact: number, device: number, hash: Buffer): void {
    this.#database.run`
      UPDATE devices SET sequence = sequence + 1, previous = ${hash.subarray(0, 16)}
      WHERE contact = ${contact} AND device = ${device}`;
  }

  /** Begins new chains to everybody: this profile goes on from an older copy, whose numbers were used by now. */
  restartChains(): void {
    // Each row draws its own.
    this.#database.run`UPDATE devices SET chain = randomblob(8), sequence = 0, previous = zeroblob(16)`;
  }

  /** Forgets everything about a contact's devices: its identity is another from now on. */
  forget(contact: number): void {
    this.#database.run`DELETE FROM device_statements WHERE contact = ${contact}`;
    this.#database.run`DELETE FROM devices WHERE contact = ${contact}`;
    this.#lists.delete(contact);
  }

  #ensure(contact: number, device: number): void {
    this.#database.run`
      INSERT OR IGNORE INTO devices (contact, device, chain, previous)
      VALUES (${contact}, ${device}, ${randomBytes(8)}, ${Buffer.alloc(16)})`;
  }
}
