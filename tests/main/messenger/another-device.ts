// Makes another device of somebody's account, as linking one day will: keys of its own, a change of the device list that an
// older device signs, and a prekey, published together.
import { randomBytes } from 'node:crypto';
import { Database } from '../../../main/messenger/database.ts';
import { systemKeychain } from '../../../main/messenger/keychain.ts';
import { generatePrimes, importOpeningKey, importSigningKey, sign } from '../../../main/messenger/rsa.ts';
import { type Account, loadAccount, SignIns } from '../../../main/messenger/account.ts';
import { Devices, SELF } from '../../../main/messenger/devices.ts';
import { Prekeys } from '../../../main/messenger/prekeys.ts';
import { Session } from '../../../main/messenger/session.ts';
import { logIn } from '../../../main/messenger/sign-in.ts';
import {
  type DeviceChange,
  type DeviceList,
  encodeDeviceChange,
  extend,
  newestHash,
  versionOf,
} from '../../../protocol/devices.ts';
import { modulusOf } from '../../../protocol/key.ts';
import type { Signed } from '../../../protocol/statement.ts';
import { temporaryFolder } from '../../harness.ts';

/** A profile that no messenger has open, its account, and a signed-in session of its device. */
async function withAccount<T>(
  directory: string,
  work: (parts: { account: Account; devices: Devices; session: Session; list: DeviceList }) => Promise<T>,
): Promise<T> {
  const database = new Database(directory);
  try {
    const account = await loadAccount(database, systemKeychain, () => {});
    const devices = new Devices(database);
    const listener = { onDeliver: () => {}, onFailure: () => {} };
    const session = await Session.open(account.relays, account.relayKey, listener);
    try {
      await logIn({ ask: session.ask, account, signIns: new SignIns(database), time: Date.now() });
      return await work({ account, devices, session, list: devices.list(SELF, account.identityKey) });
    } finally {
      session.leave();
      await session.closed;
    }
  } finally {
    database.close();
  }
}

async function signChange(
  account: Account,
  list: DeviceList,
  change: DeviceChange['change'],
): Promise<Signed> {
  const bytes = encodeDeviceChange({
    identity: account.identity,
    version: versionOf(list) + 1,
    previous: newestHash(list),
    created: Date.now(),
    signer: account.device,
    change,
  });
  return { bytes, signature: await sign(account.signer, bytes) };
}

/** Adds a device. @param directory a profile of the account that is not open
 * @returns the new device's profile folder */
export function addDevice(directory: string): Promise<string> {
  return withAccount(directory, async ({ account, devices, session, list }) => {
    const primes = [await generatePrimes(), await generatePrimes()] as const;
    const [signer, storage] = await Promise.all([importSigningKey(primes[0]), importOpeningKey(primes[1])]);
    const profile = randomBytes(16).toString('hex');
    await systemKeychain.save(profile, Buffer.concat(primes).toString('base64'));
    const number = list.highest + 1;
    const key = Buffer.from(modulusOf(signer.publicKey.spki));
    const change = await signChange(account, list, { action: 'add', number, key });
    const statements = [...devices.statements(SELF), change];

    const folder = temporaryFolder();
    const database = new Database(folder);
    const { name, identityKey, relays, relayKey } = account;
    database.run`
      INSERT INTO account (profile, name, device, signingKey, identityKey, relays, relayKey, registered)
      VALUES (${profile}, ${name}, ${number}, ${signer.publicKey.fingerprint}, ${identityKey},
        ${JSON.stringify(relays)}, ${relayKey}, 1)`;
    new Devices(database).setList(SELF, extend(list, change), statements);
    const prekeys = new Prekeys(database, { ...account, device: number, signer, storage }, Date.now);
    await prekeys.renew();
    const prekey = prekeys.current()!;
    await session.ask('publish', { identityKey: account.identityKey, statements: [change, prekey] });
    prekeys.markPublished(prekey);
    database.close();
    return folder;
  });
}

/** Removes a device. @param directory a profile of the account that is not open */
export function removeDevice(directory: string, number: number): Promise<void> {
  return withAccount(directory, async ({ account, session, list }) => {
    // Whoever removes knows the newest list.
    const { deviceStatements } = await session.ask('lookup', {
      of: { identity: account.identity },
      knownVersion: versionOf(list),
    });
    const newest = deviceStatements.reduce(extend, list);
    const change = await signChange(account, newest, { action: 'remove', number });
    await session.ask('publish', { identityKey: account.identityKey, statements: [change] });
  });
}
