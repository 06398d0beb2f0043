// Relays with something to lose, and a backup of one.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'vitest';
import { temporaryFolder, until } from '../town.ts';
import { done, listening } from './program.ts';
import { alice, bob, letter, Wire } from './wire.ts';

type Relay = Awaited<ReturnType<typeof listening>>;

/** A relay with a letter of alice's that waits for bob, and a backup of it that was made while it served. */
export async function backedUp(): Promise<{
  relay: Relay;
  data: string;
  file: string;
  id: string;
  out: string;
}> {
  const data = join(temporaryFolder(), 'data');
  const relay = await listening(data);
  (await Wire.signedIn(relay, bob)).socket.terminate();
  const sender = await Wire.signedIn(relay, alice);
  const { id, envelope } = letter(alice, bob);
  expect(await sender.post(bob, envelope)).toMatchObject({ type: 'accepted' });
  const file = join(temporaryFolder(), 'relay.backup');
  const out = await done('backup', file, '--data', data);
  return { relay, data, file, id: id.toString('hex'), out };
}

/** Bob's letters on a relay. */
export async function lettersOf(relay: Relay): Promise<string[]> {
  const recipient = await Wire.signedIn(relay, bob);
  await until(() => recipient.delivered.length > 0);
  await recipient.settle();
  return recipient.delivered.map(({ id }) => id);
}

/** Adds so much to what a stopped relay stores that it takes a while to restore. */
export function fill(data: string, mebibytes: number): void {
  const database = new DatabaseSync(join(data, 'relay.sqlite'));
  const insert = database.prepare(
    "INSERT INTO mailbox VALUES (NULL, 'bob', 'alice', ?, 0, zeroblob(1048576))",
  );
  for (let i = 0; i < mebibytes; i++) insert.run(Buffer.from(`${i}`.padStart(16)));
  database.close();
}

/** A serving relay with alice and bob, for whom `count` letters of alice's wait. */
export async function populated(count = 2): Promise<{ relay: Relay; data: string; envelopes: Buffer[] }> {
  const data = temporaryFolder();
  const relay = await listening(data);
  const recipient = await Wire.signedIn(relay, bob);
  recipient.socket.close();
  await recipient.closed;
  const sender = await Wire.signedIn(relay, alice);
  const envelopes = Array.from({ length: count }, () => letter(alice, bob).envelope);
  for (const envelope of envelopes)
    expect(await sender.post(bob, envelope)).toMatchObject({ type: 'accepted' });
  return { relay, data, envelopes };
}
