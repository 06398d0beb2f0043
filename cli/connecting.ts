// What has to ask the relay, right after a start: before there is a connection for the first time.
import { once } from 'node:events';
import { Failure } from '../protocol/failures.ts';
import type { Messenger } from '../main/messenger/messenger.ts';

/** Does something that may need the relay. While a connection is being made it waits for that, and tries once more: a script
 * that begins with a message to somebody new needn't know when the connection is there. @throws what the work throws */
export async function onceConnected<Result>(
  messenger: Messenger,
  work: () => Result | Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (Failure.from(error).code !== 'offline' || messenger.state !== 'connecting') throw error;
    await once(messenger, 'connection');
    return work();
  }
}
