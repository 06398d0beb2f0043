// The chains in which a device's envelopes follow each other: finds what is missing, forked, or a new session (PROTOCOL.md,
// "Chains"). All of it runs inside the transaction that takes an envelope in.
import type { Database } from './database.ts';
import type { MessageRow, Messages } from './messages.ts';

/** Whose chain, and the conversation that shows what is wrong with it. */
export type Link = { contact: number; device: number; conversation: number };
/** An envelope's place. chain has 8 bytes, previous 16, hash (SHA-256 of the envelope) 32. */
export type Place = { chain: Buffer; sequence: number; previous: Buffer; hash: Buffer };

export class Chains {
  readonly #database: Database;
  readonly #messages: Messages;
  readonly #now: () => number;

  constructor(database: Database, messages: Messages, now: () => number) {
    this.#database = database;
    this.#messages = messages;
    this.#now = now;
  }

  /** Whether this very envelope was taken in, refused, or found without its key before. @param hash 32 bytes */
  hasTaken(hash: Buffer): boolean {
    return this.#database.get`SELECT 1 FROM taken WHERE hash = ${hash}` !== undefined;
  }

  /** Takes an envelope's place. @returns the notices that this adds to the conversation or changes */
  take(link: Link, { chain, sequence, previous, hash }: Place): MessageRow[] {
    const { contact, device, conversation } = link;
    const notices: MessageRow[] = [];
    const note = (kind: 'newSession' | 'fork'): number =>
      notices.push(this.#messages.insertNotice(conversation, kind, this.#now()));
    let { last } = this.#database.get<{ last: number | null }>`
      SELECT max(sequence) AS last FROM taken
      WHERE contact = ${contact} AND device = ${device} AND chain = ${chain}`!;
    if (last === null) {
      // The first number that is ever seen of a device is the start; a chain that comes after another starts at 1.
      const hasHistory = this.#hasHistory(link);
      if (hasHistory) note('newSession');
      last = hasHistory || this.#unplaced(link) > 0 ? 0 : sequence - 1;
    }
    if (sequence > last + 1) notices.push(...this.#openGap(link, chain, last + 1, sequence - 1));
    else if (sequence <= last) notices.push(...this.#fill(link, chain, sequence));
    if (this.#forks(link, { chain, sequence, previous, hash })) note('fork');
    this.#database.run`
      INSERT INTO taken (hash, contact, device, chain, sequence, previous)
      VALUES (${hash}, ${contact}, ${device}, ${chain}, ${sequence}, ${previous})`;
    return notices;
  }

  /** Remembers an authentic envelope that couldn't be opened: its number, whichever it is, isn't missing. */
  takeUnplaced(link: Link, hash: Buffer): MessageRow[] {
    const next = this.#database.get<Place>`
      SELECT chain, sequence FROM taken
      WHERE contact = ${link.contact} AND device = ${link.device} AND previous = ${hash.subarray(0, 16)}`;
    this.refuse(link, hash, next !== undefined);
    return next ? this.#fill(link, next.chain, next.sequence - 1) : [];
  }

  /** Remembers an envelope that was not taken, so that it is dropped when it comes again.
   * @param counted false if it may explain a gap: it was authentic */
  refuse({ contact, device }: Pick<Link, 'contact' | 'device'>, hash: Buffer, counted = true): void {
    this.#database.run`
      INSERT OR IGNORE INTO taken (hash, contact, device, counted)
      VALUES (${hash}, ${contact}, ${device}, ${counted})`;
  }

  #hasHistory({ contact, device }: Link): boolean {
    const placed = this.#database.get`
      SELECT 1 FROM taken WHERE contact = ${contact} AND device = ${device} AND chain IS NOT NULL LIMIT 1`;
    return placed !== undefined;
  }

  /** How many authentic envelopes without a known place don't explain a gap yet. */
  #unplaced({ contact, device }: Link): number {
    return this.#database.get<{ count: number }>`
      SELECT count(*) AS count FROM taken
      WHERE contact = ${contact} AND device = ${device} AND chain IS NULL AND counted = 0`!.count;
  }

  #openGap(link: Link, chain: Buffer, first: number, last: number): MessageRow[] {
    const missing = last - first + 1 - this.#unplaced(link);
    this.#database.run`
      UPDATE taken SET counted = 1
      WHERE contact = ${link.contact} AND device = ${link.device} AND chain IS NULL`;
    if (missing <= 0) return [];
    const notice = this.#messages.insertNotice(link.conversation, 'gap', this.#now(), missing);
    this.#addGap(link, chain, first, last, notice.position);
    return [notice];
  }

  #addGap({ contact, device }: Link, chain: Buffer, first: number, last: number, notice: number): void {
    if (first > last) return;
    this.#database
      .run`INSERT INTO gaps VALUES (${contact}, ${device}, ${chain}, ${first}, ${last}, ${notice})`;
  }

  /** A late envelope: it was missing, and no longer is. */
  #fill(link: Link, chain: Buffer, sequence: number): MessageRow[] {
    const gap = this.#database.get<{ first: number; last: number; notice: number }>`
      DELETE FROM gaps
      WHERE contact = ${link.contact} AND device = ${link.device} AND chain = ${chain}
        AND first <= ${sequence} AND last >= ${sequence}
      RETURNING first, last, notice`;
    if (!gap) return [];
    const { first, last, notice } = gap;
    this.#addGap(link, chain, first, sequence - 1, notice);
    this.#addGap(link, chain, sequence + 1, last, notice);
    const count = this.#messages.count(notice);
    return count === undefined ? [] : [this.#messages.setCount(notice, Math.max(0, count - 1))];
  }

  /** Whether the sender has told two stories: this number is taken, or its neighbours' hashes don't fit. */
  #forks({ contact, device }: Link, { chain, sequence, hash, previous }: Place): boolean {
    if (sequence === 1 && previous.some((byte) => byte !== 0)) return true;
    const neighbours = this.#database.all<Place>`
      SELECT sequence, hash, previous FROM taken
      WHERE contact = ${contact} AND device = ${device} AND chain = ${chain}
        AND sequence BETWEEN ${sequence - 1} AND ${sequence + 1}`;
    const fits = (first: Buffer, named: Buffer): boolean => first.subarray(0, 16).equals(named);
    // With two stories under the number before, one of them has to fit.
    const before = neighbours.filter((other) => other.sequence === sequence - 1);
    if (before.length > 0 && !before.some((other) => fits(other.hash, previous))) return true;
    return neighbours.some((other) => {
      if (other.sequence === sequence) return true;
      return other.sequence === sequence + 1 && !fits(hash, other.previous);
    });
  }
}
