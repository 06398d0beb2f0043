// The chain in which a contact's envelopes follow each other: finds what is missing, forked, or started anew
// (PROTOCOL.md, "Chain"). All of it runs inside the transaction that takes an envelope in.
import type { Database } from './database.ts';
import type { MessageRow, Messages } from './messages.ts';

/** An envelope's place. hash is SHA-256 of the envelope; chain has 8 bytes, hash and previous 32. */
export type Place = { id: Buffer; chain: Buffer; sequence: number; hash: Buffer; previous: Buffer };

export class Chain {
  readonly #database: Database;
  readonly #messages: Messages;
  readonly #now: () => number;

  constructor(database: Database, messages: Messages, now: () => number) {
    this.#database = database;
    this.#messages = messages;
    this.#now = now;
  }

  /** Whether this very envelope was taken in, or found unopenable, before. @param hash SHA-256 of it, 32 bytes */
  hasSeen(contact: string, hash: Buffer): boolean {
    return (
      this.#database.get('SELECT 1 FROM seen WHERE contact = ? AND hash = ?', contact, hash) !== undefined ||
      this.#database.get('SELECT 1 FROM unplaced WHERE contact = ? AND hash = ?', contact, hash) !== undefined
    );
  }

  /** Whether a message of this id was taken in before, in this envelope or another that it was sealed in. */
  hasTaken(contact: string, id: Buffer): boolean {
    return this.#database.get('SELECT 1 FROM seen WHERE contact = ? AND id = ?', contact, id) !== undefined;
  }

  /** Takes an envelope's place in the chain. @returns the notices that this adds to the conversation or changes */
  take(contact: string, place: Place): MessageRow[] {
    const { chain, sequence, previous, hash } = place;
    const end = this.#database.get(
      'SELECT max(sequence) AS last FROM seen WHERE contact = ? AND chain = ?',
      contact,
      chain,
    )!['last'] as number | null;
    const notices: MessageRow[] = [];
    let last = end;
    if (last === null) {
      // Without any history the first place that is seen is the start; a chain begun later starts at 1.
      const hasHistory =
        this.#database.get('SELECT 1 FROM seen WHERE contact = ? LIMIT 1', contact) !== undefined;
      if (hasHistory) notices.push(this.#messages.insertNotice(contact, 'restarted', this.#now()));
      last = hasHistory || this.#hasUnplaced(contact) ? 0 : sequence - 1;
    }
    if (sequence > last + 1) notices.push(...this.#openGap(contact, chain, last + 1, sequence - 1));
    else if (sequence <= last) notices.push(...this.#fill(contact, chain, sequence));
    if (this.#forks(contact, place))
      notices.push(this.#messages.insertNotice(contact, 'forked', this.#now()));
    this.#database.run(
      'INSERT INTO seen (contact, id, chain, sequence, hash, previous) VALUES (?, ?, ?, ?, ?, ?)',
      contact,
      place.id,
      chain,
      sequence,
      hash,
      previous,
    );
    return notices;
  }

  /** Remembers an authentic envelope that can't be opened: its place, whichever it is, isn't missing. */
  takeUnplaced(contact: string, hash: Buffer): MessageRow[] {
    const next = this.#database.get(
      'SELECT chain, sequence FROM seen WHERE contact = ? AND previous = ?',
      contact,
      hash,
    );
    this.#database.run(
      'INSERT OR IGNORE INTO unplaced (contact, hash, counted) VALUES (?, ?, ?)',
      contact,
      hash,
      next ? 1 : 0,
    );
    return next ? this.#fill(contact, next['chain'] as Buffer, (next['sequence'] as number) - 1) : [];
  }

  #hasUnplaced(contact: string): boolean {
    return this.#database.get('SELECT 1 FROM unplaced WHERE contact = ? LIMIT 1', contact) !== undefined;
  }

  #openGap(contact: string, chain: Buffer, first: number, last: number): MessageRow[] {
    const unplaced = this.#database.get(
      'SELECT count(*) AS count FROM unplaced WHERE contact = ? AND counted = 0',
      contact,
    )!['count'] as number;
    this.#database.run('UPDATE unplaced SET counted = 1 WHERE contact = ?', contact);
    const missing = last - first + 1 - unplaced;
    if (missing <= 0) return [];
    const notice = this.#messages.insertNotice(contact, 'missing', this.#now(), missing);
    this.#addGap(contact, chain, first, last, notice.position);
    return [notice];
  }

  #addGap(contact: string, chain: Buffer, first: number, last: number, notice: number): void {
    if (first > last) return;
    this.#database.run(
      'INSERT INTO gaps (contact, chain, first, last, notice) VALUES (?, ?, ?, ?, ?)',
      contact,
      chain,
      first,
      last,
      notice,
    );
  }

  /** A late envelope: it was missing, and no longer is. */
  #fill(contact: string, chain: Buffer, sequence: number): MessageRow[] {
    const gap = this.#database.get(
      'SELECT rowid, first, last, notice FROM gaps WHERE contact = ? AND chain = ? AND first <= ? AND last >= ?',
      contact,
      chain,
      sequence,
      sequence,
    );
    if (!gap) return [];
    const { rowid, first, last, notice } = gap as Record<string, number>;
    this.#database.run('DELETE FROM gaps WHERE rowid = ?', rowid!);
    this.#addGap(contact, chain, first!, sequence - 1, notice!);
    this.#addGap(contact, chain, sequence + 1, last!, notice!);
    return [this.#messages.setMissing(notice!, Math.max(0, this.#messages.missing(notice!) - 1))];
  }

  /** Whether the sender has told two stories: this place is taken, or its neighbours' hashes don't fit. */
  #forks(contact: string, { chain, sequence, hash, previous }: Place): boolean {
    if (sequence === 1 && previous.some((byte) => byte !== 0)) return true;
    const neighbours = this.#database.all(
      `SELECT sequence, hash, previous FROM seen
       WHERE contact = ? AND chain = ? AND sequence BETWEEN ? AND ?`,
      contact,
      chain,
      sequence - 1,
      sequence + 1,
    );
    return neighbours.some((other) => {
      if (other['sequence'] === sequence) return true;
      if (other['sequence'] === sequence - 1) return !(other['hash'] as Buffer).equals(previous);
      return !(other['previous'] as Buffer).equals(hash);
    });
  }
}
