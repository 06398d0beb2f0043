// The states of messages: forward only, and what the keychain holds decides whether texts open.
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { Database } from '../../../main/messenger/database.ts';
import { Messages, type MessageState } from '../../../main/messenger/messages.ts';
import { afterwards, temporaryFolder } from '../../town.ts';
import { openingKey } from '../../vectors/vectors.ts';

const [storage, otherKey] = await Promise.all([openingKey('otherReception'), openingKey('bobReception')]);

function open(): { database: Database; messages: Messages } {
  const database = new Database(temporaryFolder());
  afterwards(() => database.close());
  return { database, messages: new Messages(database, storage) };
}

async function write(messages: Messages, text: string): Promise<Buffer> {
  const id = randomBytes(16);
  const stored = await messages.sealText(Buffer.from(text));
  const row = {
    ...stored,
    id,
    contact: 'bob',
    mine: true,
    kind: 'text',
    state: 'pending',
    sentAt: 1,
  } as const;
  messages.insert({ ...row, envelope: randomBytes(884) });
  return id;
}

test('a state goes forward only; a failed one may still turn out to have arrived', async () => {
  const { messages } = open();
  const steps = ['sent', 'failed', 'delivered', 'read'] as const;
  const order: MessageState[] = ['pending', ...steps];
  for (const first of steps) {
    for (const second of steps) {
      const id = await write(messages, 'x');
      expect(messages.advance('bob', id, first)?.state).toBe(first);
      const isForward = order.indexOf(second) > order.indexOf(first);
      expect(messages.advance('bob', id, second)?.state).toBe(isForward ? second : undefined);
    }
  }
  expect(messages.advance('bob', randomBytes(16), 'sent')).toBeUndefined();
  expect(messages.advance('carol', await write(messages, 'x'), 'sent')).toBeUndefined();
});

test('every change has a higher revision than all before', async () => {
  const { messages } = open();
  const ids = [await write(messages, 'one'), await write(messages, 'two')];
  const revisions = [
    ...ids.map((id) => messages.advance('bob', id, 'sent')!.revision),
    messages.insertNotice('bob', 'forked', 0).revision,
    ...ids.map((id) => messages.advance('bob', id, 'read')!.revision),
  ];
  expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
  expect(new Set(revisions).size).toBe(revisions.length);
});

test('history goes back page by page', async () => {
  const { messages } = open();
  for (const text of ['one', 'two', 'three', 'four', 'five']) await write(messages, text);
  const newest = await messages.history('bob', 2);
  expect(newest.map(({ text }) => text)).toEqual(['four', 'five']);
  const older = await messages.history('bob', 2, newest[0]!.position);
  expect(older.map(({ text }) => text)).toEqual(['two', 'three']);
  expect(await messages.history('carol', 2)).toEqual([]);
});

test('rows that were swapped on the disk, or sealed to another key, are told as damaged', async () => {
  const { database, messages } = open();
  await write(messages, 'one');
  await write(messages, 'two');
  await expect(new Messages(database, otherKey).history('bob', 2)).rejects.toMatchObject({
    code: 'database-damaged',
  });
  database.run(
    'UPDATE messages SET sealed = (SELECT sealed FROM messages WHERE position = 1) WHERE position = 2',
  );
  await expect(messages.history('bob', 2)).rejects.toMatchObject({ code: 'database-damaged' });
});
