// What the relay shows of a user to an administrator: everything that it stores.
import { createPublicKey } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { decodeEnvelope } from '../../protocol/envelope.ts';
import { spkiOf } from '../../protocol/key.ts';
import { decodePrekey } from '../../protocol/prekey.ts';
import type { Signed } from '../../protocol/statement.ts';
import { mailboxOf } from '../../relay/stores.ts';
import { populated, withTwoDevices } from './populated.ts';
import { done, refused, run, stop } from './program.ts';
import { type Device, device } from './raw-client.ts';

const [alice, alice2, bob] = [device('alice'), device('alice', 2), device('bob')];
const fingerprintOf = ({ address }: Device): string => address.identity.toString('hex');

type Exported = { bytes: number; envelope: string; header: object | null };
type Export = Record<string, unknown> & { waiting: Exported[]; sent: Exported[] };
const inBase64 = ({ bytes, signature }: Signed): object => ({
  statement: bytes.toString('base64'),
  signature: signature.toString('base64'),
});

test('export shows all that is stored of a user, and it is only ciphertext and public keys', async () => {
  const { relay, data, envelopes, added, second, answers } = await withTwoDevices();
  const serving = await done('export', 'alice', '--data', data);
  const { waiting, sent, ...own } = JSON.parse(serving) as Export;
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string;
  const signIn = (number: number): object => ({
    device: number,
    nonce: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
  });
  expect(own).toEqual({
    name: 'alice',
    registered: time,
    fingerprint: fingerprintOf(alice),
    identityKey: spkiOf(alice.identityKey).toString('base64'),
    deviceStatements: [{ version: 1, ...inBase64(added) }],
    prekeys: [
      {
        device: 1,
        created: time,
        statement: expect.any(String) as string,
        signature: expect.any(String) as string,
      },
      { device: 2, created: time, ...inBase64(second) },
    ],
    lastSignIns: [signIn(1), signIn(2)],
  });
  createPublicKey({ key: Buffer.from(String(own['identityKey']), 'base64'), format: 'der', type: 'spki' });
  const [{ statement }] = own['prekeys'] as [{ statement: string }];
  expect(decodePrekey(Buffer.from(statement, 'base64'))).toMatchObject({ user: 'alice', device: 1 });

  const shown = (from: Device, to: Device) => (bytes: Buffer) => ({
    received: time,
    bytes: bytes.length,
    header: {
      version: 1,
      suite: 1,
      sender: { identity: fingerprintOf(from), device: from.address.device },
      listVersion: 0,
      recipient: { identity: fingerprintOf(to), device: to.address.device },
      encryptionKey: decodeEnvelope(bytes).header.encryptionKey.toString('hex'),
      blockCount: 1,
      ratchetKey: null,
    },
    envelope: bytes.toString('base64'),
  });
  expect(waiting).toEqual([shown(bob, alice)(answers[0]!), shown(bob, alice2)(answers[1]!)]);
  expect(sent).toEqual(envelopes.map(shown(alice, bob)));
  const other = JSON.parse(await done('export', 'bob', '--data', data)) as Export;
  expect(other).toMatchObject({ name: 'bob', deviceStatements: [], waiting: sent, sent: waiting });
  expect(await refused('export', 'carol', '--data', data)).toContain('Nobody is registered as "carol"');
  await stop(relay);
  expect(await done('export', 'alice', '--data', data)).toBe(serving);

  // Every column of every table is in it, so that nothing is stored that isn't shown. Tokens and the next position are of
  // no user; a sender, a recipient and a hash are in the envelope itself.
  const database = new DatabaseSync(join(data, 'relay.sqlite'));
  const columns = database
    .prepare(
      "SELECT m.name AS t, p.name AS c FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'",
    )
    .all();
  database.close();
  expect(columns.map(({ t, c }) => `${String(t)}.${String(c)}`).sort()).toEqual([
    'device_statements.bytes',
    'device_statements.identity',
    'device_statements.signature',
    'device_statements.version',
    'envelopes.envelope',
    'envelopes.hash',
    'envelopes.mailbox',
    'envelopes.position',
    'envelopes.received',
    'envelopes.sender',
    'positions.next',
    'prekeys.bytes',
    'prekeys.created',
    'prekeys.device',
    'prekeys.identity',
    'prekeys.signature',
    'sign_ins.device',
    'sign_ins.identity',
    'sign_ins.nonce',
    'tokens.expires',
    'tokens.hash',
    'tokens.uses',
    'users.identity',
    'users.identity_key',
    'users.name',
    'users.registered',
  ]);
});

test('an envelope that is damaged is exported as it is; a reader who stops early is no failure', async () => {
  const { relay, data } = await populated(1);
  await stop(relay);
  const database = new DatabaseSync(join(data, 'relay.sqlite'));
  database.exec("UPDATE envelopes SET envelope = x'00'");
  const insert = database.prepare('INSERT INTO envelopes VALUES (20000, ?, ?, ?, 0, ?)');
  insert.run(mailboxOf(bob.address), fingerprintOf(alice), Buffer.alloc(32), Buffer.alloc(5e6));
  database.close();
  const { waiting } = JSON.parse(await done('export', 'bob', '--data', data)) as Export;
  expect(waiting[0]).toMatchObject({ bytes: 1, header: null, envelope: 'AA==' });
  const script = '"$@" | head -c 10; exit ${PIPESTATUS[0]}';
  const early = await run(['export', 'bob', '--data', data], ['bash', '-c', script, 'bash']).ended;
  expect(early).toEqual({ code: 0, signal: null, out: '{\n  "name"', error: '' });
});
