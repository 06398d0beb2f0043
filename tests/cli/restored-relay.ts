// A relay that was restored from a backup of before alice added a computer, of which a console client of bob's knows.
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  arrive,
  bringOnline,
  openPerson,
  openRelay,
  type Person,
  temporaryFolder,
  type TestRelay,
  until,
} from '../harness.ts';
import { addDevice } from '../main/messenger/another-device.ts';
import { acknowledged, type Client, plain } from './clients.ts';

/** @param start starts bob's client @param accept has it accept alice's message request
 * @returns the client, online again, and alice on her older computer, offline */
export async function withRestoredRelay(
  start: (relay: TestRelay) => Client,
  accept: (bob: Client) => void,
): Promise<{ bob: Client; laptop: Person }> {
  const relay = await openRelay();
  const alice = await arrive('alice', relay);
  const bob = start(relay);
  await until(() => plain(bob).includes('online'));
  await alice.send('bob', 'on one computer');
  await until(() => plain(bob).includes('on one computer'));
  accept(bob);
  await acknowledged(alice, 'bob', 'on one computer');
  await alice.close();
  const backup = join(temporaryFolder(), 'relay.sqlite');
  const source = new DatabaseSync(join(relay.data, 'relay.sqlite'));
  source.prepare('VACUUM INTO ?').run(backup);
  source.close();

  const directory = await addDevice(alice.directory);
  const desktop = await openPerson('alice', relay.invite, { directory });
  await bringOnline(desktop);
  await desktop.send('bob', 'on two computers');
  await until(() => plain(bob).includes('on two computers'));
  await desktop.close();

  await relay.close();
  for (const end of ['', '-wal', '-shm']) rmSync(join(relay.data, `relay.sqlite${end}`), { force: true });
  copyFileSync(backup, join(relay.data, 'relay.sqlite'));
  const seen = plain(bob).length;
  const restored = await openRelay({ data: relay.data, port: relay.port });
  await until(() => plain(bob).slice(seen).includes('online'));
  return { bob, laptop: await openPerson('alice', restored.invite, { directory: alice.directory }) };
}
