// Who this profile is: its name, its relay, its device, and the two keys in the keychain.
import { randomBytes } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import { USER_NAME_PATTERN, USER_NAME_RULE } from '../../protocol/user-name.ts';
import { verifySignature } from '../../protocol/public-key.ts';
import { fingerprintOf, modulusOf } from '../../protocol/key.ts';
import { decodeInvite, type Invite } from '../../protocol/links.ts';
import type { Database } from './database.ts';
import type { Keychain } from './keychain.ts';
import {
  generatePrimes,
  importOpeningKey,
  importSigningKey,
  type OpeningKey,
  PRIMES_BYTES,
  sign,
  type SigningKey,
} from './rsa.ts';
import { openRow, sealRow } from './storage.ts';
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

/** As it stands in the table. */
type Stored = {
  profile: string;
  name: string;
  device: number;
  signingKey: Buffer | null;
  identityKey: Buffer | null;
  /** JSON. */
  relays: string;
  relayKey: Buffer;
  token: Buffer | null;
  registered: 0 | 1;
};

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
  const existing = database.get<Stored>`SELECT * FROM account`;
  if (!existing) {
    if (name === undefined) throw new Failure('profile-new', 'This profile is new: it needs a user name.');
    if (!invite) throw new Failure('profile-new', 'This profile is new: it needs an invite to a relay.');
    const profile = randomBytes(16).toString('hex');
    const { relays, relayKey, token = null } = invite;
    database.run`
      INSERT INTO account (profile, name, relays, relayKey, token)
      VALUES (${profile}, ${name}, ${JSON.stringify(relays)}, ${relayKey}, ${token})`;
    return { name, invite };
  }
  const { name: known } = existing;
  const isRenamed = name !== undefined && name !== known;
  if (existing.registered) {
    if (isRenamed) {
      throw new Failure(
        'profile-differs',
        `This profile belongs to ${known}. For ${name}, use another folder.`,
      );
    }
    if (invite && !invite.relayKey.equals(existing.relayKey)) {
      throw new Failure('profile-differs', 'The invite is for another relay than the one this profile uses.');
    }
    if (invite) database.run`UPDATE account SET relays = ${JSON.stringify(invite.relays)}`;
    return { name: known, invite };
  }
  if (isRenamed) {
    database.run`UPDATE account SET name = ${name}`;
    // They are signed for the old name; nobody has seen them yet.
    Prekeys.forget(database);
  }
  if (invite) {
    const { relays, relayKey, token = null } = invite;
    database.run`
      UPDATE account SET relays = ${JSON.stringify(relays)}, relayKey = ${relayKey}, token = ${token}`;
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
  const stored = database.get<Stored>`SELECT * FROM account`!;
  const { profile, signingKey: fingerprint } = stored;
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
    database.run`
      UPDATE account
      SET signingKey = ${signer.publicKey.fingerprint}, identityKey = ${modulusOf(signer.publicKey.spki)}`;
  }
  const identityKey = stored.identityKey ?? Buffer.from(modulusOf(signer.publicKey.spki));
  const { name, relays, relayKey, token, registered, device } = stored;
  return {
    ...{ name, relayKey, token, device, identityKey, signer, storage },
    relays: JSON.parse(relays) as string[],
    registered: registered === 1,
    identity: fingerprintOf(identityKey),
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
  database.run`UPDATE account SET registered = 1`;
}

/** The client nonces of this profile's sign-ins, by which an old copy of it is found out. */
export class SignIns {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Before it is used. @param nonce 32 bytes */
  record(nonce: Buffer): void {
    this.#database.run`INSERT INTO sign_ins (nonce) VALUES (${nonce})`;
    this.#database.run`
      DELETE FROM sign_ins WHERE position <= (SELECT max(position) FROM sign_ins) - ${MAX_SIGN_INS}`;
  }

  /** Whether the sign-in that the relay remembers was this profile's. */
  isOwn(nonce: Buffer): boolean {
    return this.#database.get`SELECT 1 FROM sign_ins WHERE nonce = ${nonce}` !== undefined;
  }
}
