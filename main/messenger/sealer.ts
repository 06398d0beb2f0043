// Seals what goes out: one envelope for each device, each with the next number in its chain, and puts all of them into the
// outbox in one transaction. Whatever is sealed for a contact waits its turn, since each envelope names the one before.
import { randomBytes } from 'node:crypto';
import pLimit, { type LimitFunction } from 'p-limit';
import { Failure } from '../../protocol/failures.ts';
import { versionOf } from '../../protocol/devices.ts';
import { envelopeHash } from '../../protocol/envelope.ts';
import type { Database } from './database.ts';
import { seal } from './seal.ts';
import type { Account } from './account.ts';
import type { Contacts } from './contacts.ts';
import { type Devices, SELF } from './devices.ts';
import type { Directory } from './directory.ts';
import type { Envelopes, Outgoing } from './envelopes.ts';
import type { PublicKeys } from './public-keys.ts';

/** What is sealed, the same in every copy. salt has 16 bytes. */
export type Sealable = { timestamp: number; salt: Buffer; content: Buffer };
export type Target = { contact: number; identity: Buffer; device: number };
export type Targets = { ready: Target[]; waiting: Target[] };

type Parts = {
  database: Database;
  account: Account;
  contacts: Contacts;
  devices: Devices;
  directory: Directory;
  envelopes: Envelopes;
  keys: PublicKeys;
  now: () => number;
  /** Something is in the outbox. */
  onPosted: () => void;
};

export class Sealer {
  readonly #parts: Parts;
  readonly #turns = new Map<number, LimitFunction>();
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** A content of its own: now, with a fresh salt. */
  sealable(content: Buffer): Sealable {
    return { timestamp: this.#parts.now(), salt: randomBytes(16), content };
  }

  /** The devices of a contact, or one's own other ones (SELF). ready: with a prekey that hasn't expired, so that they can be
   * sealed to. Empty as long as the relay hasn't shown the contact's identity key. */
  targets(contact: number): Targets {
    const { account, contacts, devices, now } = this.#parts;
    const { identity, identityKey } = contact === SELF ? account : contacts.get(contact);
    const targets: Targets = { ready: [], waiting: [] };
    if (!identityKey) return targets;
    for (const device of devices.list(contact, identityKey).devices.keys()) {
      if (contact === SELF && device === account.device) continue;
      const isReady = (devices.prekey(contact, device)?.expires ?? 0) > now();
      (isReady ? targets.ready : targets.waiting).push({ contact, identity, device });
    }
    return targets;
  }

  /** Waits until it is this contact's turn. @throws Failure `offline` once it is closed */
  inTurn<T>(contact: number, work: () => Promise<T>): Promise<T> {
    let turn = this.#turns.get(contact);
    if (!turn) this.#turns.set(contact, (turn = pLimit(1)));
    return turn(() => {
      if (this.#closed)
        throw new Failure('offline', 'Signet is closing. Send it again after the next start.');
      return work();
    });
  }

  /** Seals one envelope with the next number in its chain; in the contact's turn. */
  async seal(
    { contact, identity, device }: Target,
    { timestamp, salt, content }: Sealable,
  ): Promise<Outgoing> {
    const { account, devices, directory, keys } = this.#parts;
    const { chain, sequence, previous } = devices.chainEnd(contact, device);
    const bytes = await seal({
      sender: { identity: account.identity, device: account.device },
      listVersion: versionOf(directory.ownList()),
      signer: account.signer,
      recipient: { identity, device },
      encryptionKey: await keys.of(devices.prekey(contact, device)!.modulus),
      payload: { chain, sequence: sequence + 1, previous, timestamp, salt, content },
    });
    return { hash: envelopeHash(bytes), contact, device, message: null, bytes };
  }

  /** Envelopes, their numbers, and whatever `also` writes: all of it on the disk, or nothing. One envelope at most to a
   * device. @param also is given the envelopes before they are put into the outbox, to name their message */
  post<T>(envelopes: readonly Outgoing[], also: () => { message: number | null; result: T }): T {
    const { database, devices, envelopes: store, now, onPosted } = this.#parts;
    const result = database.transaction(() => {
      const { message, result } = also();
      for (const envelope of envelopes) {
        devices.advanceChain(envelope.contact, envelope.device, envelope.hash);
        store.put({ ...envelope, message }, now());
      }
      return result;
    });
    onPosted();
    return result;
  }

  /** An envelope that has its number already, and that the relay has refused. */
  postAgain(envelope: Outgoing): void {
    this.#parts.envelopes.putAgain(envelope);
    this.#parts.onPosted();
  }

  /** Whether nothing is being sealed. */
  get isIdle(): boolean {
    return [...this.#turns.values()].every(
      ({ activeCount, pendingCount }) => activeCount + pendingCount === 0,
    );
  }

  /** Waits for what is being sealed, and takes nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#turns.values()].map((turn) => turn(() => {})));
  }
}
