// What waits for each device. Sends share commits; a send is accepted when it is on a disk: this one's, or its recipient's,
// which an acknowledgement before the commit tells.
import { sha256 } from '../protocol/key.ts';
import type { MailboxName, MessageStore, Waiting } from './stores.ts';

export type MailboxLimits = {
  /** Bytes of envelopes that wait in one mailbox, from everybody and from one sender. */
  mailboxBytes: number;
  mailboxBytesPerSender: number;
};
type Outcome = { resolve: () => void; reject: (error: unknown) => void };
/** `due`: when it is stored, on the clock of `performance.now()`. */
type Pending = { waiting: Waiting; due: number; outcomes: Outcome[] };
/** What waits of one sender in one mailbox: bytes, and how many of them are stored. */
type Usage = { bytes: number; stored: number };

/** Why an envelope was not taken. */
export class NotTaken extends Error {
  readonly code: 'mailbox-full' | 'relay-full';

  constructor(code: 'mailbox-full' | 'relay-full', options?: ErrorOptions) {
    super(code, options);
    this.name = 'NotTaken';
    this.code = code;
  }
}

/** How long an envelope that was pushed to its recipient may wait for the acknowledgement before it is stored. A busy
 * recipient takes a while; storing what is acknowledged right after costs three times the work. */
const PATIENCE_MS = 50;
/** Commits that nobody asked for at once are at least this far apart. */
const COMMIT_PAUSE_MS = 10;
/** Deletions wait for each other: nobody waits for them, and what a crash leaves is delivered again and dropped. */
const DELETION_MS = 250;
/** Deleted at a time, so that others get a turn. */
const EXPIRY_SLICE = 1_000;
/** Positions that are fetched from the store at a time. */
const POSITIONS = 10_000;

export class Mailboxes {
  readonly #store: MessageStore;
  readonly #limits: MailboxLimits;
  readonly #now: () => number;
  readonly #pending = new Map<number, Pending>();
  /** mailbox and hash -> position, of what is pending */
  readonly #positions = new Map<string, number>();
  readonly #storing = new Map<number, Pending>();
  readonly #acknowledged = new Map<number, Waiting>();
  readonly #usage = new Map<MailboxName, Promise<Map<string, Usage>>>();
  #block: { next: number; end: number } = { next: 0, end: 0 };
  #reserving: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #deletion: NodeJS.Timeout | undefined;
  /** The commit, or the deletion, that is under way: one at a time. */
  #work: Promise<void> = Promise.resolve();
  /** Called after each commit with what was stored. */
  onStored: (stored: readonly Waiting[]) => void = () => {};
  /** Called with what the store had to say when it failed. */
  onFault: (error: unknown) => void = () => {};

  /** @param now milliseconds since 1970 */
  constructor(store: MessageStore, limits: MailboxLimits, now: () => number) {
    this.#store = store;
    this.#limits = limits;
    this.#now = now;
  }

  /** Takes an envelope. @param sender the sender's identity in hex
   * @param offer tries to hand it to its recipient at once, and tells whether it did
   * @returns when it has its place; `stored` then tells when it is on a disk. One that waits already is as good
   * @throws NotTaken, `stored` too */
  async put(
    mailbox: MailboxName,
    sender: string,
    envelope: Buffer,
    offer: (waiting: Waiting) => boolean,
  ): Promise<{ stored: Promise<void> }> {
    const hash = sha256(envelope);
    const usage = await this.#usageOf(mailbox);
    if (this.#block.next === this.#block.end) await this.#fetchPositions();
    const known = this.#positions.get(keyOf(mailbox, hash));
    const same = known === undefined ? undefined : (this.#pending.get(known) ?? this.#storing.get(known));
    if (same) return { stored: new Promise((resolve, reject) => same.outcomes.push({ resolve, reject })) };
    // Most messages go between two who are connected, and nothing of the sender is stored: no need to ask.
    if (usage.get(sender)?.stored && (await this.#store.has(mailbox, hash))) {
      return { stored: Promise.resolve() };
    }
    this.#reserve(usage, sender, envelope.length);
    const waiting = { position: this.#block.next++, mailbox, sender, hash, envelope };
    const pushed = offer(waiting);
    const due = pushed ? performance.now() + PATIENCE_MS : 0;
    this.#positions.set(keyOf(mailbox, hash), waiting.position);
    const stored = new Promise<void>((resolve, reject) => {
      this.#pending.set(waiting.position, { waiting, due, outcomes: [{ resolve, reject }] });
    });
    this.#schedule(pushed ? PATIENCE_MS : 0);
    return { stored };
  }

  /** The recipient has it on its disk: forget it. */
  acknowledge(waiting: Waiting): void {
    const { position } = waiting;
    const pending = this.#pending.get(position);
    if (pending) {
      this.#forget(pending);
      this.#release(waiting.mailbox, waiting.sender, waiting.envelope.length, 0);
    } else {
      // What is being stored is removed after.
      this.#acknowledged.set(position, waiting);
      this.#removeLater();
    }
    for (const { resolve } of (pending ?? this.#storing.get(position))?.outcomes ?? []) resolve();
  }

  /** Stored envelopes of one sender, oldest first, without those acknowledged by now.
   * @returns and whether more may be stored behind them */
  async read(
    mailbox: MailboxName,
    sender: string,
    after: number,
    most: number,
  ): Promise<{ envelopes: Waiting[]; isAll: boolean }> {
    const rows = await this.#store.read(mailbox, sender, after, most);
    return {
      envelopes: rows.filter(({ position }) => !this.#acknowledged.has(position)),
      isAll: rows.length < most,
    };
  }

  /** Identities, in hex, of whom something waits: whose oldest stored one is oldest first, then of whom nothing is stored
   * yet. */
  async senders(mailbox: MailboxName): Promise<string[]> {
    // Before the store is asked: what is stored meanwhile would be found in neither.
    const unstored = [...this.#storing.values(), ...this.#pending.values()]
      .map(({ waiting }) => waiting)
      .filter((waiting) => waiting.mailbox === mailbox)
      .map(({ sender }) => sender);
    const stored = (await this.#store.usage(mailbox)).map(({ sender }) => sender);
    return [...new Set([...stored, ...unstored])];
  }

  /** What of this sender is not stored yet, oldest first. @param after a position */
  unstored(mailbox: MailboxName, sender: string, after: number): Waiting[] {
    return [...this.#storing.values(), ...this.#pending.values()]
      .map(({ waiting }) => waiting)
      .filter((one) => one.position > after && one.mailbox === mailbox && one.sender === sender)
      .sort((one, other) => one.position - other.position);
  }

  /** Removes what nobody fetched. @param lifetime milliseconds @throws what the store throws */
  async expire(lifetime: number): Promise<void> {
    const before = this.#now() - lifetime;
    for (;;) {
      const gone = await this.#store.expire(before, EXPIRY_SLICE);
      for (const { mailbox, sender, bytes } of gone) this.#release(mailbox, sender, bytes, 1);
      if (gone.length < EXPIRY_SLICE) return;
    }
  }

  totals(): Promise<{ messages: number; bytes: number }> {
    return this.#store.totals();
  }

  /** Stores what is pending. Not to be used after. */
  async close(): Promise<void> {
    this.#commit(Infinity);
    this.#removeAcknowledged();
    await this.#work;
  }

  #schedule(delay: number): void {
    if (this.#immediate) return;
    if (delay > 0) this.#timer ??= setTimeout(() => this.#commit(), delay);
    else this.#immediate = setImmediate(() => this.#commit());
  }

  /** Takes what is due, and whatever came before it in the same mailbox: that is read in the order of positions. */
  #commit(now = performance.now()): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = this.#immediate = undefined;
    const mailboxes = new Set<MailboxName>();
    const batch: Pending[] = [];
    let next = Infinity;
    for (const [position, one] of [...this.#pending].reverse()) {
      if (one.due <= now) mailboxes.add(one.waiting.mailbox);
      if (mailboxes.has(one.waiting.mailbox)) {
        this.#pending.delete(position);
        this.#storing.set(position, one);
        batch.push(one);
      } else {
        next = one.due;
      }
    }
    if (next < Infinity) this.#schedule(Math.max(next - now, COMMIT_PAUSE_MS));
    if (batch.length > 0) this.#work = this.#work.then(() => this.#storeBatch(batch.reverse()));
  }

  async #storeBatch(batch: readonly Pending[]): Promise<void> {
    const all = batch.map(({ waiting }) => waiting);
    try {
      await this.#store.add(all, this.#now());
      for (const { mailbox, sender } of all) {
        const usage = (await this.#usage.get(mailbox))?.get(sender);
        if (usage) usage.stored++;
      }
      for (const one of batch) this.#settle(one, ({ resolve }) => resolve());
      this.onStored(all);
    } catch (cause) {
      // Whatever the reason: nothing of this batch is stored, and every sender is told so.
      this.onFault(cause);
      for (const one of batch) {
        this.#settle(one, ({ reject }) => reject(new NotTaken('relay-full', { cause })));
        this.#acknowledged.delete(one.waiting.position);
        const { mailbox, sender, envelope } = one.waiting;
        this.#release(mailbox, sender, envelope.length, 0);
      }
    }
  }

  #settle(one: Pending, tell: (outcome: Outcome) => void): void {
    this.#forget(one);
    one.outcomes.forEach(tell);
  }

  #forget({ waiting: { position, mailbox, hash } }: Pending): void {
    this.#pending.delete(position);
    this.#storing.delete(position);
    this.#positions.delete(keyOf(mailbox, hash));
  }

  #removeLater(): void {
    this.#deletion ??= setTimeout(() => this.#removeAcknowledged(), DELETION_MS);
  }

  #removeAcknowledged(): void {
    clearTimeout(this.#deletion);
    this.#deletion = undefined;
    this.#work = this.#work.then(async () => {
      const gone = [...this.#acknowledged.values()].filter(({ position }) => !this.#storing.has(position));
      if (gone.length < this.#acknowledged.size) this.#removeLater();
      if (gone.length === 0) return;
      try {
        await this.#store.remove(gone.map(({ position }) => position));
        for (const waiting of gone) {
          this.#acknowledged.delete(waiting.position);
          this.#release(waiting.mailbox, waiting.sender, waiting.envelope.length, 1);
        }
      } catch (error) {
        // They stay in the list and are tried again with the next acknowledgement.
        this.onFault(error);
      }
    });
  }

  async #usageOf(mailbox: MailboxName): Promise<Map<string, Usage>> {
    let usage = this.#usage.get(mailbox);
    if (!usage) {
      usage = this.#store
        .usage(mailbox)
        .then(
          (rows) => new Map(rows.map(({ sender, messages, bytes }) => [sender, { bytes, stored: messages }])),
        );
      this.#usage.set(mailbox, usage);
      usage.catch(() => this.#usage.delete(mailbox));
    }
    return usage;
  }

  #reserve(usage: Map<string, Usage>, sender: string, bytes: number): void {
    const own = usage.get(sender) ?? { bytes: 0, stored: 0 };
    let total = bytes;
    for (const one of usage.values()) total += one.bytes;
    if (own.bytes + bytes > this.#limits.mailboxBytesPerSender || total > this.#limits.mailboxBytes) {
      throw new NotTaken('mailbox-full');
    }
    own.bytes += bytes;
    usage.set(sender, own);
  }

  /** @param stored 1 if it was stored */
  #release(mailbox: MailboxName, sender: string, bytes: number, stored: 0 | 1): void {
    void this.#usage.get(mailbox)?.then((usage) => {
      const own = usage.get(sender);
      if (!own) return;
      own.bytes -= bytes;
      own.stored -= stored;
      if (own.bytes <= 0) usage.delete(sender);
    });
  }

  #fetchPositions(): Promise<void> {
    this.#reserving ??= this.#store
      .reserve(POSITIONS)
      .then((first) => void (this.#block = { next: first, end: first + POSITIONS }))
      .finally(() => (this.#reserving = undefined));
    return this.#reserving;
  }
}

const keyOf = (mailbox: MailboxName, hash: Buffer): string => `${mailbox} ${hash.toString('latin1')}`;
