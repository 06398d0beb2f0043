// Everything that the vectors have against bob, brought to his real messenger by a relay that checks nothing: none of it is
// taken, and what is good is.
import { DatabaseSync } from 'node:sqlite';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Database } from '../../../main/messenger/database.ts';
import { systemKeychain } from '../../../main/messenger/keychain.ts';
import { generatePrimes, importOpeningKey } from '../../../main/messenger/rsa.ts';
import { sealRow } from '../../../main/messenger/storage.ts';
import { decodeFrame, encodeFrame } from '../../../protocol/frames.ts';
import { mailboxOf } from '../../../relay/stores.ts';
import { device, prekey, RawClient } from '../../relay/raw-client.ts';
import {
  arrive,
  bringOnline,
  openPerson,
  openRelay,
  type Person,
  temporaryFolder,
  type TestRelay,
  until,
} from '../../harness.ts';
import { identityOf, primesOf, storedKeys } from '../../vectors/keys.ts';
import { CREATED } from '../../vectors/statements.ts';
import { envelopes, fromHex, prekeys, signedOf } from '../../vectors/vectors.ts';

const alice = device('alice');
const now = (): number => CREATED + 60_000;

/** Bob's profile, with the keys of the vectors. */
async function bobsProfile(): Promise<string> {
  const [directory, profile] = [temporaryFolder(), randomBytes(16).toString('hex')];
  const storagePrimes = await generatePrimes();
  const secret = Buffer.concat([primesOf('bob'), storagePrimes]).toString('base64');
  await systemKeychain.save(profile, secret);
  const storage = await importOpeningKey(storagePrimes);
  const fingerprint = fromHex(storedKeys().keys.bobPrekey.fingerprint);
  const { bytes, signature } = signedOf(prekeys.good[0]!.signed);
  const row = `prekey/${fingerprint.toString('hex')}`;
  const sealed = await sealRow(storage.publicKey, row, primesOf('bobPrekey'));
  const expires = CREATED + 37 * 24 * 60 * 60 * 1000;
  const database = new Database(directory);
  database.run`INSERT INTO account (profile, name, relays, relayKey) VALUES (${profile}, 'bob', '[]', x'')`;
  database.run`
    INSERT INTO prekeys (fingerprint, created, expires, bytes, signature, sealed)
    VALUES (${fingerprint}, ${CREATED}, ${expires}, ${bytes}, ${signature}, ${sealed})`;
  database.close();
  return directory;
}

/** Without the right version, counts and length a frame is malformed as a whole, and ends the connection. */
function fitsIntoFrame(envelope: Buffer): boolean {
  try {
    return (
      decodeFrame(encodeFrame({ type: 'deliver', request: 0, position: 1, envelope })).type === 'deliver'
    );
  } catch {
    return false;
  }
}

/** Puts envelopes into bob's mailbox past every check. */
async function smuggle(relay: TestRelay, all: Buffer[]): Promise<void> {
  const mailbox = mailboxOf({ identity: identityOf('bob'), device: 1 });
  const sender = identityOf('alice').toString('hex');
  for (const envelope of all)
    await (
      await relay.mailboxes.put(mailbox, sender, envelope, () => false)
    ).stored;
}

function waiting(relay: TestRelay): number {
  const database = new DatabaseSync(join(relay.data, 'relay.sqlite'), { readOnly: true });
  const { count } = database.prepare('SELECT count(*) AS count FROM envelopes').get() as { count: number };
  database.close();
  return count;
}

async function bobAndAlice(): Promise<{ relay: TestRelay; bob: Person; directory: string }> {
  const relay = await openRelay({ now });
  const client = await RawClient.open(relay);
  const answer = await client.signIn('register', alice, {
    time: now(),
    prekey: prekey(alice, { created: now() }),
  });
  expect(answer).toMatchObject({ type: 'done' });
  const directory = await bobsProfile();
  const bob = await arrive('bob', relay, { directory, now });
  expect(bob.fingerprint).toBe(identityOf('bob').toString('hex'));
  await bob.startConversation('alice');
  await bob.close();
  return { relay, bob, directory };
}

test('no tampered envelope of the vectors is taken, and each is acknowledged', async () => {
  const { relay, directory } = await bobAndAlice();
  const all = envelopes.bad.map(({ envelope }) => fromHex(envelope)).filter(fitsIntoFrame);
  expect(all.length).toBeGreaterThan(40);
  await smuggle(relay, all);
  const bob = await openPerson('bob', relay.invite, { directory, now });
  await bringOnline(bob);
  await until(() => waiting(relay) === 0);
  expect(bob.heard).toEqual([]);
  const history = await bob.history('alice', 1000);
  expect(new Set(history.map(({ kind }) => kind))).toEqual(new Set(['refused']));
  expect(bob.contacts().map(({ name }) => name)).toEqual(['alice']);
  expect(new Set(bob.failures)).toEqual(new Set(['message-refused']));
});

test('the good ones are taken, in any order; a copy for other devices that a contact sends is refused', async () => {
  const { relay, directory } = await bobAndAlice();
  const all = envelopes.good.map(({ envelope }) => fromHex(envelope));
  await smuggle(relay, all.toReversed());
  const bob = await openPerson('bob', relay.invite, { directory, now });
  await bringOnline(bob);
  await until(() => waiting(relay) === 0);
  const kindOf = (content: string): number => Number.parseInt(content.slice(0, 2), 16);
  const texts = envelopes.good.filter(({ payload }) => kindOf(payload.content) === 1);
  const history = await bob.history('alice', 1000);
  const shown = history.filter(({ kind }) => kind === 'text');
  expect(shown.map(({ id }) => id).sort()).toEqual(texts.map(({ id }) => id).sort());
  expect(new Set(history.map(({ kind }) => kind))).toEqual(new Set(['text', 'refused']));
  // All of them again: none is taken twice.
  await bob.close();
  await smuggle(relay, all);
  const again = await openPerson('bob', relay.invite, { directory, now });
  await bringOnline(again);
  await until(() => waiting(relay) === 0);
  expect((await again.history('alice', 1000)).length).toBe(history.length);
});
