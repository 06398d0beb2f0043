// What waits for its recipient. Sends share commits; a send is accepted when it is on a disk: this one's, or its
// recipient's, which an acknowledgement before the commit tells.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { Failure } from '../protocol/failures.ts';
import { MAILBOX_LIFETIME_MS } from '../protocol/statements.ts';
import type { Limits } from './limits.ts';

export type Letter = { recipient: string; sender: string; message: Buffer; envelope: Buffer };
type Outcome = { resolve: () => void; reject: (failure: Failure) => void };
/** `due`: when it is stored, on the clock of `performance.now()`. */
type Pending = { letter: Letter; due: number; outcomes: Outcome[] };
/** What waits of one sender for one recipient: bytes of envelopes, and how many of them are stored. */
type Usage = { bytes: number; stored: number };

/** How long a letter that was pushed to its recipient may wait for the acknowledgement before it is stored. A busy
 * recipient takes a while; storing what is acknowledged right after costs three times the work. */
const PATIENCE_MS = 50;
/** Commits that nobody asked for at once are at least this far apart. */
const COMMIT_PAUSE_MS = 10;
/** Deletions wait for each other: nobody waits for them, and what a crash leaves is delivered again and dropped. */
const DELETION_MS = 250;

/** A letter's identity: recipient, sender, message id. */
export const keyOf = (letter: Omit<Letter, 'envelope'>): string =>
  `${letter.recipient} ${letter.sender} ${letter.message.toString('hex')}`;

export class Mailbox {
  readonly #database: DatabaseSync;
  readonly #limits: Limits;
  readonly #now: () => number;
  readonly #statements: Record<
    'exists' | 'insert' | 'remove' | 'read' | 'usage' | 'waiting' | 'expire',
    StatementSync
  >;
  readonly #pending = new Map<string, Pending>();
  readonly #acknowledged = new Map<string, Omit<Letter, 'envelope'>>();
  /** recipient -> sender; read from the database when a recipient is first written to. */
  readonly #usage = new Map<string, Map<string, Usage>>();
  #timer: NodeJS.Timeout | undefined;
  #deletion: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  /** Called after each commit with those who have something new to read. */
  onCommit: (recipients: Set<string>) => void = () => {};
  /** Called with what the disk or the database had to say when a commit failed. */
  onFault: (error: unknown) => void = () => {};

  constructor(database: DatabaseSync, limits: Limits, now: () => number) {
    this.#database = database;
    this.#limits = limits;
    this.#now = now;
    this.#statements = {
      exists: database.prepare(
        'SELECT envelope FROM mailbox WHERE recipient = ? AND sender = ? AND message = ?',
      ),
      insert: database.prepare(
        'INSERT OR IGNORE INTO mailbox (recipient, sender, message, received, envelope) VALUES (?, ?, ?, ?, ?)',
      ),
      remove: database.prepare(
        `DELETE FROM mailbox WHERE recipient = ? AND sender = ? AND message = ?
         RETURNING length(envelope) AS bytes`,
      ),
      read: database.prepare(
        `SELECT sequence, recipient, sender, message, envelope FROM mailbox
         WHERE recipient = ? AND sequence > ? ORDER BY sequence LIMIT ?`,
      ),
      usage: database.prepare(
        `SELECT sender, sum(length(envelope)) AS bytes, count(*) AS stored FROM mailbox
         WHERE recipient = ? GROUP BY sender`,
      ),
      waiting: database.prepare(
        'SELECT count(*) AS messages, coalesce(sum(length(envelope)), 0) AS bytes FROM mailbox',
      ),
      expire: database.prepare('DELETE FROM mailbox WHERE received < ?'),
    };
  }

  /** Takes a letter. @param push tries to hand it to its recipient at once, and tells whether it did
   * @returns when the letter is on a disk; a letter that is here already is accepted as it is
   * @throws Failure `mailbox-full`, `relay-full`, `envelope-waiting` */
  put(letter: Letter, push: () => boolean): Promise<void> {
    const key = keyOf(letter);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const pending = this.#pending.get(key);
    if (pending) {
      assertSame(letter, pending.letter.envelope);
      pending.outcomes.push({ resolve, reject });
      return promise;
    }
    const stored = this.#storedEnvelope(letter);
    if (stored) {
      // Acknowledged, but its deletion isn't committed yet: this is a new letter under the id of an old one.
      if (!this.#acknowledged.has(key)) {
        assertSame(letter, stored);
        return Promise.resolve();
      }
      this.#removeAcknowledged();
      if (this.#acknowledged.has(key)) throw Failure.fromRelay('relay-full');
    }
    this.#reserve(letter);
    const pushed = push();
    const due = pushed ? performance.now() + PATIENCE_MS : 0;
    this.#pending.set(key, { letter, due, outcomes: [{ resolve, reject }] });
    this.#schedule(pushed ? PATIENCE_MS : 0);
    return promise;
  }

  #storedEnvelope({ recipient, sender, message }: Letter): Uint8Array | undefined {
    // Most messages go between two who are connected, and nothing of the sender is stored: no need to ask.
    if (!this.#usageOf(recipient).get(sender)?.stored) return undefined;
    return this.#statements.exists.get(recipient, sender, message)?.['envelope'] as Uint8Array | undefined;
  }

  /** The recipient has the letter on its disk: forget it. */
  acknowledge(letter: Omit<Letter, 'envelope'>): void {
    const key = keyOf(letter);
    const pending = this.#pending.get(key);
    if (pending) {
      this.#pending.delete(key);
      this.#release(letter.recipient, letter.sender, pending.letter.envelope.length);
      for (const outcome of pending.outcomes) outcome.resolve();
    } else {
      this.#acknowledged.set(key, letter);
      this.#deletion ??= setTimeout(() => this.#removeAcknowledged(), DELETION_MS);
    }
  }

  /** Stored letters for a recipient, oldest first, without those acknowledged by now.
   * @param after the last sequence that was read @returns the letters, and the sequence to go on after */
  read(
    recipient: string,
    after: number,
    most: number,
  ): { letters: Letter[]; last: number; complete: boolean } {
    const rows = this.#statements.read.all(recipient, after, most) as unknown as (Letter & {
      sequence: number;
    })[];
    const letters = rows
      .map((row) => ({ ...row, message: Buffer.from(row.message), envelope: Buffer.from(row.envelope) }))
      .filter((row) => !this.#acknowledged.has(keyOf(row)));
    return { letters, last: rows.at(-1)?.sequence ?? after, complete: rows.length < most };
  }

  /** Whether a letter for this recipient is not stored yet, other than those under way on its connection. */
  holdsBack(recipient: string, underWay: ReadonlySet<string>): boolean {
    for (const [key, { letter }] of this.#pending) {
      if (letter.recipient === recipient && !underWay.has(key)) return true;
    }
    return false;
  }

  /** What is stored for all recipients: how many messages, and the bytes of their envelopes. Reads the whole table. */
  waiting(): { messages: number; bytes: number } {
    const { messages, bytes } = this.#statements.waiting.get() as { messages: number; bytes: number };
    return { messages, bytes };
  }

  /** Deletes what nobody fetched within the mailbox's lifetime. */
  expire(): void {
    try {
      this.#statements.expire.run(this.#now() - MAILBOX_LIFETIME_MS);
    } catch (error) {
      this.onFault(error);
    }
    this.#usage.clear();
  }

  /** Commits what is pending. The mailbox is not to be used after. */
  close(): void {
    this.#commit(Infinity);
    this.#removeAcknowledged();
  }

  #schedule(delay: number): void {
    if (this.#immediate) return;
    if (delay > 0) {
      this.#timer ??= setTimeout(() => this.#commit(), delay);
    } else {
      this.#immediate = setImmediate(() => this.#commit());
    }
  }

  /** Commits the letters that are due by `now`, and whatever came before one of them for the same recipient: a mailbox
   * is read in the order in which it was stored. */
  #commit(now = performance.now()): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = this.#immediate = undefined;
    const recipients = new Set<string>();
    const pending: Pending[] = [];
    let next = Infinity;
    for (const [key, one] of [...this.#pending].reverse()) {
      if (one.due <= now) recipients.add(one.letter.recipient);
      if (recipients.has(one.letter.recipient)) {
        this.#pending.delete(key);
        pending.push(one);
      } else {
        next = one.due;
      }
    }
    pending.reverse();
    if (next < Infinity) this.#schedule(Math.max(next - now, COMMIT_PAUSE_MS));
    if (pending.length > 0) this.#store(pending);
  }

  #store(pending: Pending[]): void {
    try {
      this.#transaction(() => {
        const received = this.#now();
        for (const { letter } of pending) {
          this.#statements.insert.run(
            letter.recipient,
            letter.sender,
            letter.message,
            received,
            letter.envelope,
          );
        }
      });
      for (const { letter, outcomes } of pending) {
        const usage = this.#usage.get(letter.recipient)?.get(letter.sender);
        if (usage) usage.stored++;
        for (const outcome of outcomes) outcome.resolve();
      }
    } catch (error) {
      // Whatever the disk's reason: nothing of this batch is stored, and every sender is told so.
      this.onFault(error);
      const failure = Failure.fromRelay('relay-full');
      for (const { letter, outcomes } of pending) {
        this.#release(letter.recipient, letter.sender, letter.envelope.length);
        for (const outcome of outcomes) outcome.reject(failure);
      }
      this.#makeRoom();
    }
    try {
      this.onCommit(new Set(pending.map(({ letter }) => letter.recipient)));
    } catch (error) {
      this.onFault(error);
    }
  }

  #removeAcknowledged(): void {
    clearTimeout(this.#deletion);
    this.#deletion = undefined;
    if (this.#acknowledged.size === 0) return;
    try {
      this.#transaction(() => {
        for (const { recipient, sender, message } of this.#acknowledged.values()) {
          const bytes = this.#statements.remove.get(recipient, sender, message)?.['bytes'];
          if (bytes !== undefined) this.#release(recipient, sender, Number(bytes), 1);
        }
      });
      this.#acknowledged.clear();
    } catch (error) {
      // They stay in the list and are tried again with the next acknowledgement.
      this.onFault(error);
      this.#makeRoom();
      this.#usage.clear();
    }
  }

  /** On a full disk even deletions need room, which they take from the write-ahead log. */
  #makeRoom(): void {
    try {
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch (error) {
      this.onFault(error);
    }
  }

  #transaction(work: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  #usageOf(recipient: string): Map<string, Usage> {
    const known = this.#usage.get(recipient);
    if (known) return known;
    const rows = this.#statements.usage.all(recipient) as ({ sender: string } & Usage)[];
    const usage = new Map(rows.map(({ sender, bytes, stored }) => [sender, { bytes, stored }]));
    for (const { letter } of this.#pending.values()) {
      if (letter.recipient !== recipient) continue;
      const { bytes = 0, stored = 0 } = usage.get(letter.sender) ?? {};
      usage.set(letter.sender, { bytes: bytes + letter.envelope.length, stored });
    }
    this.#usage.set(recipient, usage);
    return usage;
  }

  #reserve({ recipient, sender, envelope }: Letter): void {
    const usage = this.#usageOf(recipient);
    const own = usage.get(sender) ?? { bytes: 0, stored: 0 };
    let total = envelope.length;
    for (const { bytes } of usage.values()) total += bytes;
    if (
      own.bytes + envelope.length > this.#limits.mailboxBytesPerSender ||
      total > this.#limits.mailboxBytes
    ) {
      throw Failure.fromRelay('mailbox-full');
    }
    own.bytes += envelope.length;
    usage.set(sender, own);
  }

  /** @param stored how many of the letters that go were stored */
  #release(recipient: string, sender: string, bytes: number, stored = 0): void {
    const usage = this.#usage.get(recipient);
    const own = usage?.get(sender);
    if (!usage || !own) return;
    own.bytes -= bytes;
    own.stored -= stored;
    if (own.bytes <= 0) usage.delete(sender);
  }
}

/** A message that was sealed again has its old id and other bytes. To accept it while the old ones wait would lose
 * it; to replace them, too, since an acknowledgement names the id alone. */
function assertSame(letter: Letter, waiting: Uint8Array): void {
  if (!letter.envelope.equals(waiting)) throw Failure.fromRelay('envelope-waiting');
}
