// Names, bound to identities for good, and reception keys that only get newer.
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { CLOCK_TOLERANCE_MS, RECEPTION_KEY_LIFETIME_MS } from '../../protocol/statements.ts';
import { openDatabase } from '../../relay/database.ts';
import { Directory } from '../../relay/directory.ts';
import { afterwards, temporaryFolder } from '../town.ts';
import { alice, bob, mallory, type Person, receptionKey, receptionSpkis } from './wire.ts';

const NOW = Date.UTC(2026, 0, 1);
const refused = { code: 'reception-key-refused' };

/** @param clock moved by a test */
function openDirectory(data = temporaryFolder(), clock = { now: NOW }): Directory {
  const database = openDatabase(data);
  afterwards(() => database.isOpen && database.close());
  return new Directory(database, () => clock.now);
}

const register = async (
  directory: Directory,
  who: Person,
  created = NOW,
): ReturnType<Directory['register']> =>
  directory.register(who.name, who.identity.publicKey, await receptionKey(who, { created }));

test('finds who has registered, with the identity and the reception key', async () => {
  const directory = openDirectory();
  const key = await receptionKey(alice, { created: NOW });
  const { publicKey } = alice.identity;
  const user = { name: 'alice', fingerprint: publicKey.fingerprint, identityKey: publicKey.spki };
  expect(directory.find('alice')).toBeUndefined();
  expect(directory.receptionKey('alice')).toBeUndefined();
  expect(await directory.register('alice', publicKey, key)).toEqual(user);
  expect(directory.find('alice')).toEqual(user);
  expect(directory.receptionKey('alice')).toEqual(key);
  expect(directory.find('bob')).toBeUndefined();
});

test('users survive a restart', async () => {
  const data = temporaryFolder();
  const database = openDatabase(data);
  await register(new Directory(database, () => NOW), alice);
  database.close();
  const directory = openDirectory(data);
  expect(directory.find('alice')?.fingerprint).toEqual(alice.identity.publicKey.fingerprint);
  await expect(register(directory, { ...mallory, name: 'alice' })).rejects.toMatchObject({
    code: 'name-taken',
  });
});

test('a name belongs to one identity, an identity to one name, for good', async () => {
  const directory = openDirectory();
  await register(directory, alice);
  await register(directory, bob);
  await expect(register(directory, { ...mallory, name: 'alice' })).rejects.toMatchObject({
    code: 'name-taken',
  });
  await expect(register(directory, { ...alice, name: 'bob' })).rejects.toMatchObject({ code: 'name-taken' });
  await expect(register(directory, { ...alice, name: 'alice2' })).rejects.toMatchObject({
    code: 'identity-taken',
  });
  expect(directory.find('alice2')).toBeUndefined();
  expect(directory.find('alice')?.fingerprint).toEqual(alice.identity.publicKey.fingerprint);
});

test('two identities that register one name at the same moment: one gets it', async () => {
  const directory = openDirectory();
  const outcomes = await Promise.allSettled([
    register(directory, alice),
    register(directory, { ...mallory, name: 'alice' }),
    register(directory, { ...bob, name: 'alice' }),
  ]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
  const winner = outcomes.find((outcome) => outcome.status === 'fulfilled')!;
  expect(directory.find('alice')).toEqual(winner.value);
});

test('the same registration again is no error, and may bring a newer reception key', async () => {
  const directory = openDirectory();
  await register(directory, alice);
  await register(directory, alice);
  const newer = await receptionKey(alice, { created: NOW + 1, key: receptionSpkis[1] });
  await directory.register('alice', alice.identity.publicKey, newer);
  expect(directory.receptionKey('alice')).toEqual(newer);
});

test('a registration that fails leaves nothing behind', async () => {
  const directory = openDirectory();
  const key = await receptionKey(mallory, { created: NOW });
  await expect(directory.register('alice', alice.identity.publicKey, key)).rejects.toMatchObject(refused);
  expect(directory.find('alice')).toBeUndefined();
  await register(directory, alice);
});

test('a newer reception key replaces the older, never the other way round', async () => {
  const directory = openDirectory();
  const user = await register(directory, alice, NOW);
  const newer = await receptionKey(alice, { created: NOW + 1, key: receptionSpkis[1] });
  const older = await receptionKey(alice, { created: NOW, key: bob.identity.publicKey.spki });
  const sameAge = await receptionKey(alice, { created: NOW + 1, key: bob.identity.publicKey.spki });
  await directory.publish(user, newer);
  await directory.publish(user, newer);
  await expect(directory.publish(user, older)).rejects.toMatchObject(refused);
  await expect(directory.publish(user, sameAge)).rejects.toMatchObject(refused);
  expect(directory.receptionKey('alice')).toEqual(newer);
});

test('a reception key needs the right dates', async () => {
  const clock = { now: NOW };
  const directory = openDirectory(temporaryFolder(), clock);
  const user = await register(directory, alice, NOW - 1000);
  const publish = async (dates: { created: number; expires?: number }): Promise<void> =>
    directory.publish(user, await receptionKey(alice, { key: receptionSpkis[1], ...dates }));
  const lasting = NOW + RECEPTION_KEY_LIFETIME_MS;
  await expect(publish({ created: NOW, expires: lasting + 1 })).rejects.toMatchObject(refused);
  await expect(publish({ created: NOW, expires: lasting - 1 })).rejects.toMatchObject(refused);
  await expect(publish({ created: NOW + CLOCK_TOLERANCE_MS + 1 })).rejects.toMatchObject(refused);
  clock.now = lasting;
  await expect(publish({ created: NOW })).rejects.toMatchObject(refused);
  clock.now = lasting - 1;
  await publish({ created: NOW });
  clock.now = NOW;
  await directory.publish(
    user,
    await receptionKey(alice, { created: NOW + CLOCK_TOLERANCE_MS, key: bob.identity.publicKey.spki }),
  );
});

test('a reception key is signed by its owner, for that name, over every field', async () => {
  const directory = openDirectory();
  const user = await register(directory, alice);
  const good = await receptionKey(alice, { created: NOW + 1, key: receptionSpkis[1] });
  const forged = [
    await receptionKey({ ...mallory, name: 'alice' }, { created: NOW + 1, key: receptionSpkis[1] }),
    await receptionKey({ ...alice, name: 'alice2' }, { created: NOW + 1, key: receptionSpkis[1] }),
    { ...good, created: good.created + 1, expires: good.expires + 1 },
    { ...good, key: bob.identity.publicKey.spki },
    { ...good, signature: randomBytes(384) },
  ];
  for (const key of forged) await expect(directory.publish(user, key)).rejects.toMatchObject(refused);
  await directory.publish(user, good);
});

test('a reception key is an RSA-3072 key', async () => {
  const directory = openDirectory();
  const user = await register(directory, alice);
  const key = await receptionKey(alice, { created: NOW + 1, key: randomBytes(422) });
  await expect(directory.publish(user, key)).rejects.toMatchObject({ code: 'key-refused' });
});
