// The people one writes with: their pinned identities, their reception keys, and one's own chain to each.
import { randomBytes } from 'node:crypto';
import { sha256 } from '../../protocol/envelope.ts';
import { Failure } from '../../protocol/failures.ts';
import type { RelayFrame } from '../../protocol/frames.ts';
import type { Invite } from '../../protocol/invite.ts';
import { importPublicKey, type PublicKey } from '../../protocol/public-key.ts';
import type { Database, Row } from './database.ts';
import { checkIntroduction, type Introduction } from './introduction.ts';

export type ContactSummary = {
  name: string;
  /** Identity fingerprint, 64 hex digits. */
  fingerprint: string;
  /** How it was verified: by an invite, by comparing; or not yet (trust on first use). */
  verified: 'invite' | 'compared' | null;
  /** When, in milliseconds since 1970. */
  verifiedAt: number | null;
  /** Another identity that the relay names, 64 hex digits; nothing is sealed to anybody for this contact. */
  offered: string | null;
};

/** Whom an envelope is sealed for. */
export type Recipient = { name: string; fingerprint: Buffer; receptionKey: PublicKey };
/** The last place that was used in one's own chain to a contact. */
export type ChainEnd = { chain: Buffer; sequence: number; previous: Buffer };

type Lookup = (name: string) => Promise<Extract<RelayFrame, { type: 'user' }>>;

/** Pins the identity of whoever an invite is from, as verified; that needs no keys of one's own.
 * @returns the name, unless that is oneself @throws Failure `identity-changed` */
export function pinInviter(
  database: Database,
  inviter: Invite['inviter'],
  now: () => number,
): string | undefined {
  if (!inviter) return undefined;
  const { name, identity } = inviter;
  if (database.get('SELECT name FROM account WHERE name = ?', name)) return undefined;
  const existing = database.get('SELECT fingerprint, verified FROM contacts WHERE name = ?', name);
  if (!existing) insert(database, { name, fingerprint: identity, identityKey: null, verifiedAt: now() });
  else if (!(existing['fingerprint'] as Buffer).equals(identity)) throw changed(name);
  else if (!existing['verified']) {
    database.run(`UPDATE contacts SET verified = 'invite', verified_at = ? WHERE name = ?`, now(), name);
  }
  return name;
}

type NewContact = {
  name: string;
  fingerprint: Buffer;
  identityKey: Buffer | null;
  /** When an invite has verified it, if one has. */
  verifiedAt: number | null;
};

function insert(database: Database, { name, fingerprint, identityKey, verifiedAt }: NewContact): void {
  database.run(
    `INSERT INTO contacts (name, fingerprint, identity_key, verified, verified_at, chain, previous)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
    name,
    fingerprint,
    identityKey,
    verifiedAt === null ? null : 'invite',
    verifiedAt,
    randomBytes(8),
    Buffer.alloc(32),
  );
}

export class Contacts {
  readonly #database: Database;
  readonly #lookup: Lookup;
  readonly #isOnline: () => boolean;
  readonly #now: () => number;
  readonly #onChanged: (name: string) => void;
  /** Looked up on this connection. */
  readonly #fresh = new Set<string>();
  readonly #introductions = new Map<string, Promise<Introduction>>();
  readonly #keys = new Map<string, Promise<PublicKey>>();

  /** @param onChanged is told of a contact that is new, or of whom another identity is named, or no longer */
  constructor(
    database: Database,
    lookup: Lookup,
    isOnline: () => boolean,
    now: () => number,
    onChanged: (name: string) => void,
  ) {
    this.#onChanged = onChanged;
    this.#database = database;
    this.#lookup = lookup;
    this.#isOnline = isOnline;
    this.#now = now;
  }

  list(): ContactSummary[] {
    return this.#database.all('SELECT * FROM contacts ORDER BY name').map(toSummary);
  }

  get(name: string): ContactSummary | undefined {
    const row = this.#row(name);
    return row && toSummary(row);
  }

  /** The user has compared the safety number. @param fingerprint of the identity that was compared, 32 bytes
   * @throws Failure `identity-changed` if the contact's is another by now */
  markCompared(name: string, fingerprint: Buffer): void {
    const { changes } = this.#database.run(
      `UPDATE contacts SET verified = 'compared', verified_at = ? WHERE name = ? AND fingerprint = ?`,
      this.#now(),
      name,
      fingerprint,
    );
    if (changes === 0) throw changed(name);
  }

  /** The user takes the identity that the relay names: it becomes the pin, not verified, and a new chain begins.
   * @param fingerprint the one that was shown, 32 bytes
   * @throws Failure `identity-changed` if the relay names yet another by now */
  acceptOffered(name: string, fingerprint: Buffer): void {
    this.#assertNobodyElses(name, fingerprint);
    const { changes } = this.#database.run(
      `UPDATE contacts SET fingerprint = offered, offered = NULL, identity_key = NULL, verified = NULL,
         verified_at = NULL, key = NULL, key_created = NULL, key_expires = NULL,
         chain = ?, sequence = 0, previous = ?
       WHERE name = ? AND offered = ?`,
      randomBytes(8),
      Buffer.alloc(32),
      name,
      fingerprint,
    );
    if (changes === 0) throw changed(name);
    this.#fresh.delete(name);
  }

  /** The user keeps the pinned identity. If the relay goes on to name another, the next look-up says so again.
   * @param fingerprint the one that was shown, 32 bytes @throws Failure `identity-changed` if it names yet another */
  refuseOffered(name: string, fingerprint: Buffer): void {
    const sql = 'UPDATE contacts SET offered = NULL WHERE name = ? AND offered = ?';
    if (this.#database.run(sql, name, fingerprint).changes === 0) throw changed(name);
    this.#fresh.delete(name);
  }

  /** When the contact's present reception key was made, if it is this one. @param fingerprint 32 bytes */
  keyCreated(name: string, fingerprint: Buffer): number | null {
    const row = this.#row(name);
    if (!row?.['key'] || !sha256(row['key'] as Buffer).equals(fingerprint)) return null;
    return row['key_created'] as number;
  }

  /** The pinned identity key. @throws Failure as forSending does, if the contact is new */
  async identity(name: string): Promise<PublicKey> {
    if (!this.#row(name)?.['identity_key']) await this.#refresh(name);
    return this.#import(this.#row(name)!['identity_key'] as Buffer);
  }

  /** Whom to seal to. Asks the relay once a connection; offline, what is known will do until it expires.
   * @param anew asks in any case: what is known has turned out to be old
   * @throws Failure `unknown-user`, `identity-changed`, `identity-invalid`, `reception-key-...`, `offline` */
  async forSending(name: string, anew = false): Promise<Recipient> {
    if (anew) await this.#refresh(name);
    else if (this.#isOnline() && !this.#fresh.has(name)) await this.#refreshIfPossible(name);
    const row = this.#row(name);
    if (row?.['offered']) throw changed(name);
    if (!row?.['key']) {
      throw new Failure(
        'offline',
        `There is no connection to the relay, and ${name} is not known yet. Try later.`,
      );
    }
    if ((row['key_expires'] as number) <= this.#now()) {
      throw new Failure(
        'reception-key-expired',
        `${name} hasn't been online for over 30 days, and their key has expired. Write when they are back.`,
      );
    }
    const receptionKey = await this.#import(row['key'] as Buffer);
    return { name, fingerprint: row['fingerprint'] as Buffer, receptionKey };
  }

  /** Who an incoming envelope claims to be from: the pinned identity, or a stranger's introduction, which is to be
   * adopted once the envelope is authentic. @throws Failure */
  async forReceiving(name: string): Promise<{ identity: PublicKey; stranger?: Introduction }> {
    const row = this.#row(name);
    if (row?.['identity_key']) return { identity: await this.#import(row['identity_key'] as Buffer) };
    if (row) return { identity: await this.identity(name) };
    const stranger = await this.#introduce(name);
    return { identity: stranger.identity, stranger };
  }

  /** Pins a stranger, or takes a known contact's newer reception key. Within a transaction or alone.
   * @throws Failure `identity-changed`, `reception-key-older` */
  adopt({ name, identity, receptionKey }: Introduction): void {
    const row = this.#row(name);
    if (!row) {
      this.#assertNobodyElses(name, identity.fingerprint);
      const { fingerprint, spki } = identity;
      insert(this.#database, { name, fingerprint, identityKey: spki, verifiedAt: null });
    } else if (!(row['fingerprint'] as Buffer).equals(identity.fingerprint)) {
      this.#database.run('UPDATE contacts SET offered = ? WHERE name = ?', identity.fingerprint, name);
      this.#onChanged(name);
      throw changed(name);
    }
    const older = row?.['key'] && (row['key_created'] as number) > receptionKey.created;
    if (older) {
      throw new Failure(
        'reception-key-older',
        `The relay offers an old key of ${name}. Nothing was sealed to it.`,
      );
    }
    this.#database.run(
      `UPDATE contacts SET offered = NULL, identity_key = ?, key = ?, key_created = ?, key_expires = ?
       WHERE name = ?`,
      identity.spki,
      receptionKey.key,
      receptionKey.created,
      receptionKey.expires,
      name,
    );
    if (!row || row['offered']) this.#onChanged(name);
  }

  /** Before a new connection's first look-up, nothing is fresh. */
  stale(): void {
    this.#fresh.clear();
  }

  chainEnd(name: string): ChainEnd {
    const row = this.#row(name)!;
    return {
      chain: row['chain'] as Buffer,
      sequence: row['sequence'] as number,
      previous: row['previous'] as Buffer,
    };
  }

  /** @param previous SHA-256 of the envelope that takes this place, 32 bytes */
  advanceChain(name: string, sequence: number, previous: Buffer): void {
    this.#database.run(
      'UPDATE contacts SET sequence = ?, previous = ? WHERE name = ?',
      sequence,
      previous,
      name,
    );
  }

  #row(name: string): Row | undefined {
    return this.#database.get('SELECT * FROM contacts WHERE name = ?', name);
  }

  #assertNobodyElses(name: string, fingerprint: Buffer): void {
    const other = this.#database.get(
      'SELECT name FROM contacts WHERE fingerprint = ? AND name != ?',
      fingerprint,
      name,
    );
    if (!other) return;
    throw new Failure('identity-invalid', `The relay shows one person under two names, ${name} being one.`);
  }

  /** A connection that is dying must not keep a message from the outbox. */
  async #refreshIfPossible(name: string): Promise<void> {
    try {
      await this.#refresh(name);
    } catch (error) {
      const isLost = ['offline', 'timeout'].includes(Failure.from(error).code);
      if (!isLost || !this.#row(name)?.['key']) throw error;
    }
  }

  async #refresh(name: string): Promise<void> {
    const introduction = await this.#introduce(name);
    this.adopt(introduction);
    this.#fresh.add(name);
  }

  /** Asks the relay and checks its answer; several at once share one question. */
  #introduce(name: string): Promise<Introduction> {
    const asked = this.#introductions.get(name);
    if (asked) return asked;
    const introduction = this.#lookup(name)
      .then((frame) => checkIntroduction(name, frame, this.#now()))
      .finally(() => this.#introductions.delete(name));
    this.#introductions.set(name, introduction);
    return introduction;
  }

  #import(spki: Buffer): Promise<PublicKey> {
    const name = spki.toString('base64');
    let key = this.#keys.get(name);
    if (!key) {
      key = importPublicKey(spki);
      this.#keys.set(name, key);
    }
    return key;
  }
}

const toSummary = (row: Row): ContactSummary => ({
  name: row['name'] as string,
  fingerprint: (row['fingerprint'] as Buffer).toString('hex'),
  verified: row['verified'] as ContactSummary['verified'],
  verifiedAt: row['verified_at'] as number | null,
  offered: (row['offered'] as Buffer | null)?.toString('hex') ?? null,
});

const changed = (name: string): Failure =>
  new Failure(
    'identity-changed',
    `The relay names another identity for ${name} than the one you know. Nothing was sealed to it. ` +
      `Ask ${name} in person before you go on: somebody may be posing as them.`,
  );
