// Tells contacts' devices what they are owed: receipts and retry requests, several ids in one envelope.
import { encodeContent } from '../../protocol/content.ts';
import { type Contacts, mayBeTold } from './contacts.ts';
import { SELF } from './devices.ts';
import type { Directory } from './directory.ts';
import { type Owed, type OwedKind, owedKinds } from './owed.ts';
import type { Sealer, Target } from './sealer.ts';
import type { Sending } from './sending.ts';

/** Receipts wait this long for others that can go in the same envelope. */
const GATHER_MS = 150;

type Parts = {
  contacts: Contacts;
  directory: Directory;
  owed: Owed;
  sealer: Sealer;
  sending: Sending;
  now: () => number;
};

export class Telling {
  readonly #parts: Parts;
  readonly #gathering = new Map<number, NodeJS.Timeout>();
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Sends soon what a contact's devices are owed. */
  gather(contact: number): void {
    if (this.#closed || this.#gathering.has(contact)) return;
    this.#gathering.set(
      contact,
      setTimeout(() => {
        this.#gathering.delete(contact);
        this.#parts.sending.inBackground(() => this.#tell(contact));
      }, GATHER_MS),
    );
  }

  /** Sends all that is owed to anybody, on a new connection. */
  gatherAll(): void {
    for (const contact of this.#parts.owed.contacts()) this.gather(contact);
  }

  /** Whether nobody who may be told anything is owed something. */
  get isIdle(): boolean {
    const { contacts, owed } = this.#parts;
    return (
      this.#gathering.size === 0 &&
      owed.contacts().every((contact) => contact !== SELF && !mayBeTold(contacts.get(contact)))
    );
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#gathering.values()) clearTimeout(timer);
    this.#gathering.clear();
  }

  async #tell(contact: number): Promise<void> {
    const { contacts, directory, owed, sealer } = this.#parts;
    // Before it is accepted, a request gets nothing back.
    if (contact !== SELF && !mayBeTold(contacts.get(contact))) return;
    await sealer.inTurn(contact, async () => {
      if (owed.needsLookUp(contact) || (contact !== SELF && !directory.isFresh(contact)))
        await (contact === SELF ? directory.refreshSelf() : directory.refresh(contacts.get(contact)));
      const { ready, waiting } = sealer.targets(contact);
      for (const device of owed.devices(contact)) {
        const target = ready.find((one) => one.device === device);
        if (target) for (const kind of owedKinds) await this.#tellAll(target, kind);
        else if (!waiting.some((one) => one.device === device)) owed.remove({ contact, device });
      }
    });
  }

  async #tellAll(target: Target, kind: OwedKind): Promise<void> {
    const { owed, sealer, now } = this.#parts;
    for (let ids = owed.next(target, kind); ids.length > 0; ids = owed.next(target, kind)) {
      const content = encodeContent(kind === 'retryRequest' ? { kind, envelopes: ids } : { kind, ids });
      const envelope = await sealer.seal(target, sealer.sealable(content));
      sealer.post([envelope], () => {
        owed.settle(target, kind, ids, envelope.hash, now());
        return { message: null, result: undefined };
      });
    }
  }
}
