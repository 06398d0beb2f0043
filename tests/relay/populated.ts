// Relays with something to lose, and a backup of one.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'vitest';
import type { Signed } from '../../protocol/statement.ts';
import { mailboxOf } from '../../relay/stores.ts';
import { temporaryFolder, until } from '../harness.ts';
import { done, listening } from './program.ts';
import { change, device, envelope, prekey, RawClient } from './raw-client.ts';

type Relay = Awaited<ReturnType<typeof listening>>;

const [alice, alice2, bob] = [device('alice'), device('alice', 2), device('bob')];

/** Sends `count` envelopes of alice's to bob, who is away. */
async function fillMailbox(relay: Relay, count: number): Promise<Buffer[]> {
  const recipient = await RawClient.signedIn(relay, bob);
  recipient.socket.close();
  await recipient.closed;
  const sender = await RawClient.signedIn(relay, alice);
  const envelopes = Array.from({ length: count }, () => envelope(alice, bob.address));
  for (const one of envelopes) expect(await sender.send(one)).toMatchObject({ type: 'accepted' });
  return envelopes;
}

/** A relay with an envelope of alice's that waits for bob, and a backup of it that was made while it served. */
export async function backedUp(): Promise<{
  relay: Relay;
  data: string;
  file: string;
  waiting: Buffer;
  out: string;
}> {
  const data = join(temporaryFolder(), 'data');
  const relay = await listening(data);
  const [waiting] = (await fillMailbox(relay, 1)) as [Buffer];
  const file = join(temporaryFolder(), 'relay.backup');
  const out = await done('backup', file, '--data', data);
  return { relay, data, file, waiting, out };
}

/** Everything that waits for bob on a relay: at least one envelope. */
export async function bobsEnvelopes(relay: Relay): Promise<Buffer[]> {
  const recipient = await RawClient.signedIn(relay, bob);
  await until(() => recipient.delivered.length > 0);
  // Answered after what was stored has been read.
  await recipient.lookUp('nobody');
  return recipient.delivered.map((delivered) => delivered.envelope);
}

/** Adds so much to what a stopped relay stores that it takes a while to restore; expired, so that a relay that starts
 * removes it. */
export function fill(data: string, mebibytes: number): void {
  const database = new DatabaseSync(join(data, 'relay.sqlite'));
  const insert = database.prepare(
    `INSERT INTO envelopes (mailbox, sender, hash, received, envelope) VALUES (?, ?, ?, 0, zeroblob(1048576))`,
  );
  const [mailbox, sender] = [mailboxOf(bob.address), alice.address.identity.toString('hex')];
  for (let i = 0; i < mebibytes; i++) insert.run(mailbox, sender, Buffer.from(`${i}`.padStart(32)));
  database.close();
}

/** A serving relay with alice and bob, for whom `count` envelopes of alice's wait. */
export async function populated(count = 2): Promise<{ relay: Relay; data: string; envelopes: Buffer[] }> {
  const data = temporaryFolder();
  const relay = await listening(data);
  return { relay, data, envelopes: await fillMailbox(relay, count) };
}

/** A serving relay on which two envelopes of alice's wait for bob, and one of bob's for each of her two computers. */
export async function withTwoDevices(): Promise<
  Awaited<ReturnType<typeof populated>> & { added: Signed; second: Signed; answers: Buffer[] }
> {
  const all = await populated();
  const client = await RawClient.signedIn(all.relay, alice);
  const added = change(alice, {
    version: 1,
    previous: Buffer.alloc(32),
    change: { action: 'add', number: 2, key: alice2.modulus },
  });
  const second = prekey(alice2);
  expect(await client.publish(alice, [added, second])).toMatchObject({ type: 'done' });
  await RawClient.signedIn(all.relay, alice2, { acknowledging: false });
  client.acknowledging = false;
  const sender = await RawClient.signedIn(all.relay, bob, { acknowledging: false });
  const answers = [alice, alice2].map(({ address }) => envelope(bob, address));
  for (const answer of answers) expect(await sender.send(answer)).toMatchObject({ type: 'accepted' });
  return { ...all, added, second, answers };
}
