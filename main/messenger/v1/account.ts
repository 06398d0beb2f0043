// Who this profile is: its name, its relay, its device, and the two keys in the keychain.
import { randomBytes } from 'node:crypto';
import { Failure } from '../../../protocol/failures.ts';
import { USER_NAME_PATTERN, USER_NAME_RULE } from '../../../protocol/fields.ts';
import { verifySignature } from '../../../protocol/public-key.ts';
import { fingerprintOf, modulusOf } from '../../../protocol/v1/key.ts';
import { decodeInvite, type Invite } from '../../../protocol/v1/links.ts';
import type { Database } from '../database.ts';
import type { Keychain } from '../keychain.ts';
import {
  generatePrimes,
  importOpeningKey,
  importSigningKey,
  type OpeningKey,
  PRIMES_BYTES,
  sign,
  type SigningKey,
} from '../rsa.ts';
import { openRow, sealRow } from '../seal.ts';
import { Prekeys } from './prekeys.ts';

export type Account = {
  name: string;
  /** host:port of the relay, all its addresses. */
  relays: string[];
  /** SHA-256 of the relay's TLS public key, 32 bytes. */
  relayKey: Buffer;
  /** What a relay may ask for before it registers somebody, 16 bytes. */
  token: Buffer | null;
  /** Whether the relay has bound the name to this identity. */
  registered: boolean;
  /** Fingerprint of the identity key, 32 bytes, and its modulus, 384 bytes. */
  identity: Buffer;
  identityKey: Buffer;
  /** Which of the account's devices this is, and the key that it signs with: the identity key for device 1. */
  device: number;
  signer: SigningKey;
  storage: OpeningKey;
};

/** What a new profile needs; a profile that exists may be given it again, with new addresses. */
export type Joining = { name?: string | undefined; invite?: string | undefined };
export type Progress = { step: number; of: number };

const FIRST_START_STEPS = 4;
/** Sign-ins whose nonces are remembered. */
const MAX_SIGN_INS = 1000;

/** Writes down who this profile is to be. @returns the invite, if one was given, and the name
 * @throws Failure `name-invalid`, `invite-invalid`, `profile-new`, `profile-differs` */
export function writeJoining(
  database: Database,
  { name, invite: link }: Joining,
): { name: string; invite: Invite | undefined } {
  if (name !== undefined && !USER_NAME_PATTERN.test(name)) throw new Failure('name-invalid', USER_NAME_RULE);
  const invite = link === undefined ? undefined : decodeInvite(link);
  const existing = database.get('SELECT name, relay_key, registered FROM account');
  if (!existing) {
    if (name === undefined) throw new Failure('profile-new', 'This profile is new: it needs a user name.');
    if (!invite) throw new Failure('profile-new', 'This profile is new: it needs an invite to a relay.');
    database.run(
      'INSERT INTO account (profile, name, relays, relay_key, token) VALUES (?, ?, ?, ?, ?)',
      randomBytes(16).toString('hex'),
      name,
      JSON.stringify(invite.relays),
      invite.relayKey,
      invite.token ?? null,
    );
    return { name, invite };
  }
  const known = existing['name'] as string;
  const isRenamed = name !== undefined && name !== known;
  if (existing['registered']) {
    if (isRenamed) {
      throw new Failure(
        'profile-differs',
        `This profile belongs to ${known}. For ${name}, use another folder.`,
      );
    }
    if (invite && !invite.relayKey.equals(existing['relay_key'] as Buffer)) {
      throw new Failure('profile-differs', 'The invite is for another relay than the one this profile uses.');
    }
    if (invite) database.run('UPDATE account SET relays = ?', JSON.stringify(invite.relays));
    return { name: known, invite };
  }
  if (isRenamed) {
    database.run('UPDATE account SET name = ?', name);
    // They are signed for the old name; nobody has seen them yet.
    Prekeys.forget(database);
  }
  if (invite) {
    database.run(
      'UPDATE account SET relays = ?, relay_key = ?, token = ?',
      JSON.stringify(invite.relays),
      invite.relayKey,
      invite.token ?? null,
    );
  }
  return { name: name ?? known, invite };
}

/** Loads the account with its keys. They are made only if this profile never had any: a keychain that lost them is
 * a failure, not a reason for a new identity.
 * @throws Failure `keychain-...`, `key-check-failed`, `key-refused` */
export async function loadAccount(
  database: Database,
  keychain: Keychain,
  onProgress: (progress: Progress) => void,
): Promise<Account> {
  const row = database.get('SELECT * FROM account')!;
  const profile = row['profile'] as string;
  const fingerprint = row['signing_key'] as Buffer | null;
  let secret = await keychain.load(profile);
  if (secret === undefined) {
    if (fingerprint) {
      await keychain.assertUnlocked();
      throw new Failure(
        'keychain-item-missing',
        `The keychain works, but the item of this profile (service "Signet", account "${profile}") is gone. ` +
          "Restore it from a backup of your keychain; Signet doesn't make a new identity automatically.",
      );
    }
    secret = (await makeKeys(onProgress)).toString('base64');
    await check(await importKeys(secret));
    await keychain.save(profile, secret);
  }
  const { signer, storage } = await importKeys(secret);
  if (fingerprint && !fingerprint.equals(signer.publicKey.fingerprint)) throw damagedItem();
  if (!fingerprint) {
    await check({ signer, storage });
    onProgress({ step: 3, of: FIRST_START_STEPS });
    database.run(
      'UPDATE account SET signing_key = ?, identity_key = ?',
      signer.publicKey.fingerprint,
      modulusOf(signer.publicKey.spki),
    );
  }
  const identityKey = (row['identity_key'] as Buffer | null) ?? modulusOf(signer.publicKey.spki);
  return {
    name: row['name'] as string,
    relays: JSON.parse(row['relays'] as string) as string[],
    relayKey: row['relay_key'] as Buffer,
    token: row['token'] as Buffer | null,
    registered: Boolean(row['registered']),
    identity: fingerprintOf(identityKey),
    identityKey,
    device: row['device'] as number,
    signer,
    storage,
  };
}

/** @returns the primes of signing key and storage key, 768 bytes */
async function makeKeys(onProgress: (progress: Progress) => void): Promise<Buffer> {
  let step = 0;
  onProgress({ step, of: FIRST_START_STEPS });
  const make = async (): Promise<Buffer> => {
    const primes = await generatePrimes();
    onProgress({ step: ++step, of: FIRST_START_STEPS });
    return primes;
  };
  return Buffer.concat(await Promise.all([make(), make()]));
}

const damagedItem = (): Failure =>
  new Failure(
    'keychain-item-damaged',
    "The keychain's item of this profile was changed. Restore it from a backup of your keychain.",
  );

async function importKeys(secret: string): Promise<Pick<Account, 'signer' | 'storage'>> {
  const bytes = Buffer.from(secret, 'base64');
  if (bytes.length !== 2 * PRIMES_BYTES) throw damagedItem();
  const [signer, storage] = await Promise.all([
    importSigningKey(bytes.subarray(0, PRIMES_BYTES)),
    importOpeningKey(bytes.subarray(PRIMES_BYTES)),
  ]).catch(() => {
    throw damagedItem();
  });
  return { signer, storage };
}

/** Both keys have to do their work once before anybody depends on them. */
async function check({ signer, storage }: Pick<Account, 'signer' | 'storage'>): Promise<void> {
  const sample = randomBytes(32);
  const signature = await sign(signer, sample);
  const opened = await openRow(storage, 'check', await sealRow(storage.publicKey, 'check', sample));
  if ((await verifySignature(signer.publicKey, signature, sample)) && opened.equals(sample)) return;
  throw new Failure(
    'key-check-failed',
    'The new keys failed their check. Start Signet again to make others.',
  );
}

/** Remembers that the relay has bound the name to this identity. */
export function markRegistered(database: Database, account: Account): void {
  account.registered = true;
  database.run('UPDATE account SET registered = 1');
}

/** The client nonces of this profile's sign-ins, by which an old copy of it is found out. */
export class SignIns {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Before it is used. @param nonce 32 bytes */
  record(nonce: Buffer): void {
    this.#database.run('INSERT INTO sign_ins (nonce) VALUES (?)', nonce);
    this.#database.run(
      'DELETE FROM sign_ins WHERE position <= (SELECT max(position) FROM sign_ins) - ?',
      MAX_SIGN_INS,
    );
  }

  /** Whether the sign-in that the relay remembers was this profile's. */
  isOwn(nonce: Buffer): boolean {
    return this.#database.get('SELECT 1 FROM sign_ins WHERE nonce = ?', nonce) !== undefined;
  }
}
