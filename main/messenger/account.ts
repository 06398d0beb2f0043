// Who this profile is: its name, its relay, and the two keys in the keychain.
import { randomBytes } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import { USER_NAME_PATTERN, USER_NAME_RULE } from '../../protocol/fields.ts';
import { decodeInvite, type Invite } from '../../protocol/invite.ts';
import { verifySignature } from '../../protocol/public-key.ts';
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
import { openRow, sealRow } from './seal.ts';

export type Account = {
  name: string;
  /** host:port of the relay, all its addresses. */
  relays: string[];
  /** SHA-256 of the relay's TLS public key, 32 bytes. */
  relayKey: Buffer;
  /** Whether the relay has bound the name to this identity. */
  registered: boolean;
  identity: SigningKey;
  storage: OpeningKey;
};

/** What a new profile needs; a profile that exists may be given it again, with new addresses. */
export type Joining = { name?: string | undefined; invite?: string | undefined };
export type Progress = { step: number; of: number };

const FIRST_START_STEPS = 4;

/** Writes down who this profile is to be. @returns the invite, if one was given
 * @throws Failure `name-invalid`, `invite-invalid`, `profile-new`, `profile-differs` */
export function settle(database: Database, { name, invite: link }: Joining): Invite | undefined {
  if (name !== undefined && !USER_NAME_PATTERN.test(name)) throw new Failure('name-invalid', USER_NAME_RULE);
  const invite = link === undefined ? undefined : decodeInvite(link);
  const existing = database.get('SELECT name, relay_key, registered FROM account');
  if (!existing) {
    if (name === undefined) throw new Failure('profile-new', 'This profile is new: it needs a user name.');
    if (!invite) throw new Failure('profile-new', 'This profile is new: it needs an invite to a relay.');
    database.run(
      'INSERT INTO account (profile, name, relays, relay_key) VALUES (?, ?, ?, ?)',
      randomBytes(16).toString('hex'),
      name,
      JSON.stringify(invite.relays),
      invite.key,
    );
  } else if (existing['registered']) {
    if (name !== undefined && name !== existing['name']) {
      throw new Failure(
        'profile-differs',
        `This profile belongs to ${String(existing['name'])}. For ${name}, take another folder.`,
      );
    }
    if (invite && !invite.key.equals(existing['relay_key'] as Buffer)) {
      throw new Failure(
        'profile-differs',
        'The invite is for another relay than the one this profile is on.',
      );
    }
    if (invite) database.run('UPDATE account SET relays = ?', JSON.stringify(invite.relays));
  } else {
    if (name !== undefined && name !== existing['name']) {
      database.run('UPDATE account SET name = ?', name);
      // They are signed for the old name; nobody has been shown them yet.
      database.run('DELETE FROM reception_keys');
    }
    if (invite) {
      database.run('UPDATE account SET relays = ?, relay_key = ?', JSON.stringify(invite.relays), invite.key);
    }
  }
  return invite;
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
  const fingerprint = row['fingerprint'] as Buffer | null;
  let secret = await keychain.load(profile);
  if (secret === undefined) {
    if (fingerprint) {
      await keychain.assertUnlocked();
      throw new Failure(
        'keychain-item-missing',
        `The keychain works, but the item of this profile (service "Signet", account "${profile}") is gone. ` +
          'Restore it from a backup of your keychain; Signet makes no new identity by itself.',
      );
    }
    secret = (await makeKeys(onProgress)).toString('base64');
    await check(await importKeys(secret));
    await keychain.save(profile, secret);
  }
  const { identity, storage } = await importKeys(secret);
  if (fingerprint && !fingerprint.equals(identity.publicKey.fingerprint)) throw damagedItem();
  if (!fingerprint) {
    await check({ identity, storage });
    onProgress({ step: 3, of: FIRST_START_STEPS });
    database.run('UPDATE account SET fingerprint = ?', identity.publicKey.fingerprint);
  }
  return {
    name: row['name'] as string,
    relays: JSON.parse(row['relays'] as string) as string[],
    relayKey: row['relay_key'] as Buffer,
    registered: Boolean(row['registered']),
    identity,
    storage,
  };
}

/** @returns the primes of identity and storage key, 768 bytes */
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

async function importKeys(secret: string): Promise<Pick<Account, 'identity' | 'storage'>> {
  const bytes = Buffer.from(secret, 'base64');
  if (bytes.length !== 2 * PRIMES_BYTES) throw damagedItem();
  const [identity, storage] = await Promise.all([
    importSigningKey(bytes.subarray(0, PRIMES_BYTES)),
    importOpeningKey(bytes.subarray(PRIMES_BYTES)),
  ]).catch(() => {
    throw damagedItem();
  });
  return { identity, storage };
}

/** Both keys have to do their work once before anybody depends on them. */
async function check({ identity, storage }: Pick<Account, 'identity' | 'storage'>): Promise<void> {
  const sample = randomBytes(32);
  const signature = await sign(identity, sample);
  const opened = await openRow(storage, 'check', await sealRow(storage.publicKey, 'check', sample));
  if ((await verifySignature(identity.publicKey, signature, sample)) && opened.equals(sample)) return;
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
