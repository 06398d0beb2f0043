// A relay on which bob's name has gone to somebody else since a console client came to know him.
import { removeUser } from '../../relay/admin-queries.ts';
import { openDatabase } from '../../relay/database.ts';
import { arrive, openRelay, type Person, type TestRelay, until } from '../harness.ts';
import { acknowledged, type Client, plain } from './clients.ts';

/** @param start starts alice's client @param accept has it accept bob's message request
 * @returns the client, online again, the new bob, and the fingerprints of both */
export async function withAnotherBob(
  start: (relay: TestRelay) => Client,
  accept: (alice: Client) => void,
): Promise<{ alice: Client; other: Person; known: string; fingerprint: string }> {
  const relay = await openRelay();
  const bob = await arrive('bob', relay);
  const alice = start(relay);
  await until(() => plain(alice).includes('online'));
  await bob.send('alice', 'It is me');
  await until(() => plain(alice).includes('It is me'));
  accept(alice);
  await acknowledged(bob, 'alice', 'It is me');
  await bob.close();
  await relay.close();
  const database = openDatabase(relay.data);
  removeUser(database, 'bob');
  database.close();
  const seen = plain(alice).length;
  const again = await openRelay({ data: relay.data, port: relay.port });
  const other = await arrive('bob', again);
  await until(() => plain(alice).slice(seen).includes('online'));
  return { alice, other, known: bob.fingerprint, fingerprint: other.fingerprint };
}
