// What `accepted` promises: the letter is on a disk, once, until its recipient has it or a month has gone by.
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Letter } from '../../relay/mailbox.ts';
import { MAILBOX_LIFETIME_MS } from '../../protocol/statements.ts';
import { openRelay, temporaryFolder, type TestRelay, until } from '../town.ts';
import { openMailbox, toBob } from './bare-mailbox.ts';
import { alice, bob, letter, mallory, Wire } from './wire.ts';

/** Ids of the letters in a closed relay's mailboxes. */
function lettersIn(data: string): string[] {
  const database = new DatabaseSync(join(data, 'relay.sqlite'));
  const rows = database.prepare('SELECT hex(message) AS id FROM mailbox ORDER BY sequence').all();
  database.close();
  return rows.map(({ id }) => String(id).toLowerCase());
}

/** A relay where alice is online, and bob known but away. */
async function relayWithAlice(options: Parameters<typeof openRelay>[0] = {}): Promise<[TestRelay, Wire]> {
  const relay = await openRelay(options);
  const wire = await Wire.signedIn(relay, bob);
  wire.socket.close();
  await wire.closed;
  return [relay, await Wire.signedIn(relay, alice)];
}

test('what was accepted is in the database, byte for byte', async () => {
  const [relay, sender] = await relayWithAlice();
  const { id, envelope } = letter(alice, bob, { blocks: 4 });
  expect(await sender.post(bob, envelope)).toMatchObject({ type: 'accepted' });
  await relay.close();
  expect(lettersIn(relay.data)).toEqual([id.toString('hex')]);
  const again = await openRelay({ data: relay.data });
  const recipient = await Wire.signedIn(again, bob);
  await until(() => recipient.delivered.length > 0);
  expect(recipient.delivered[0]?.envelope.equals(envelope)).toBe(true);
});

test('the same letter again is accepted, and stored and delivered once', async () => {
  const [relay, sender] = await relayWithAlice();
  const { id, envelope } = letter(alice, bob);
  // Two in one batch, and one after it.
  const answers = await Promise.all([sender.post(bob, envelope), sender.post(bob, envelope)]);
  answers.push(await sender.post(bob, envelope));
  expect(answers.map(({ type }) => type)).toEqual(['accepted', 'accepted', 'accepted']);
  const recipient = await Wire.signedIn(relay, bob);
  await until(() => recipient.delivered.length > 0);
  await recipient.settle();
  expect(recipient.delivered.map((each) => each.id)).toEqual([id.toString('hex')]);
});

test('who is online and slow to acknowledge is not sent the same letter twice', async () => {
  const [relay, sender] = await relayWithAlice();
  const recipient = await Wire.signedIn(relay, bob, { acknowledging: false });
  const { envelope } = letter(alice, bob);
  // The second comes after the first one's commit.
  for (let i = 0; i < 2; i++) expect(await sender.post(bob, envelope)).toMatchObject({ type: 'accepted' });
  await recipient.settle();
  expect(recipient.delivered).toHaveLength(1);
});

test('the same id of two senders is two letters', async () => {
  const [relay, sender] = await relayWithAlice();
  const other = await Wire.signedIn(relay, mallory);
  const { id, envelope } = letter(alice, bob);
  await sender.post(bob, envelope);
  expect(await other.post(bob, letter(mallory, bob, { id }).envelope)).toMatchObject({ type: 'accepted' });
  const recipient = await Wire.signedIn(relay, bob, { acknowledging: false });
  await until(() => recipient.delivered.length === 2);
  // An acknowledgement names its sender, and removes only that one's.
  recipient.acknowledge('mallory', id);
  await recipient.settle();
  await relay.close();
  const database = new DatabaseSync(join(relay.data, 'relay.sqlite'));
  expect(database.prepare('SELECT sender FROM mailbox').all()).toEqual([{ sender: 'alice' }]);
  database.close();
});

test('a letter stays until its recipient, and nobody else, acknowledges it', async () => {
  const [relay, sender] = await relayWithAlice();
  const { id, envelope } = letter(alice, bob);
  await sender.post(bob, envelope);
  sender.acknowledge('alice', id);
  sender.acknowledge('bob', id);
  await sender.settle();
  const recipient = await Wire.signedIn(relay, bob, { acknowledging: false });
  await until(() => recipient.delivered.length > 0);
  recipient.acknowledge('mallory', id);
  await recipient.settle();
  await relay.close();
  expect(lettersIn(relay.data)).toEqual([id.toString('hex')]);

  const again = await openRelay({ data: relay.data });
  const second = await Wire.signedIn(again, bob);
  await until(() => second.delivered.length > 0);
  await second.settle();
  await again.close();
  expect(lettersIn(relay.data)).toEqual([]);
});

test('other bytes under the id of a letter that waits are not accepted: they would be lost', async () => {
  const { mailbox } = openMailbox();
  const first = toBob();
  const resealed = { ...toBob(), message: first.message };
  const put = async (one: Letter): Promise<void> => mailbox.put(one, () => false);
  const accepted = put(first);
  await expect(put(resealed)).rejects.toMatchObject({ code: 'envelope-waiting' });
  await accepted;
  await expect(put(resealed)).rejects.toMatchObject({ code: 'envelope-waiting' });
  await put(first);
  expect(mailbox.read('bob', 0, 9).letters).toMatchObject([{ envelope: first.envelope }]);
  mailbox.acknowledge(first);
  await put(resealed);
  expect(mailbox.read('bob', 0, 9).letters).toMatchObject([{ envelope: resealed.envelope }]);
});

test('after the acknowledgement the id is free again', async () => {
  const [relay, sender] = await relayWithAlice();
  const recipient = await Wire.signedIn(relay, bob);
  const { envelope } = letter(alice, bob);
  for (const count of [1, 2, 3]) {
    expect(await sender.post(bob, envelope)).toMatchObject({ type: 'accepted' });
    await until(() => recipient.delivered.length === count);
    await recipient.settle();
  }
});

const SIZE = 884;

test('one sender fills a share of a mailbox, all senders the whole; reading makes room', async () => {
  const limits = { mailboxBytesPerSender: 2 * SIZE, mailboxBytes: 3 * SIZE };
  const [relay, sender] = await relayWithAlice({ limits });
  const other = await Wire.signedIn(relay, mallory);
  const post = async (wire: Wire, from = alice): Promise<string> => {
    const answer = await wire.post(bob, letter(from, bob).envelope);
    return answer.type === 'failure' ? answer.code : answer.type;
  };
  const full = 'mailbox-full';
  // Sent together, so that what isn't stored yet counts, too.
  expect(await Promise.all([post(sender), post(sender), post(sender)])).toEqual([
    'accepted',
    'accepted',
    full,
  ]);
  expect(await Promise.all([post(other, mallory), post(other, mallory)])).toEqual(['accepted', full]);
  // Another mailbox has room of its own, and a full one takes what it has already.
  expect(await sender.post(mallory, letter(alice, mallory).envelope)).toMatchObject({ type: 'accepted' });

  // The relay counts anew after a restart.
  await relay.close();
  const again = await openRelay({ data: relay.data, limits });
  const returned = await Wire.signedIn(again, alice);
  expect(await post(returned)).toBe(full);
  const recipient = await Wire.signedIn(again, bob);
  await until(() => recipient.delivered.length === 3);
  await recipient.settle();
  recipient.socket.close();
  await recipient.closed;
  // A deletion shares the next commit; whoever is told to try again later does.
  await until(async () => (await post(returned)) === 'accepted');
  expect(await post(returned)).toBe('accepted');
  expect(await post(returned)).toBe(full);
});

test('a letter expires after 30 days, not before', async () => {
  let now = Date.now();
  const [relay, sender] = await relayWithAlice({ now: () => now });
  const { id, envelope } = letter(alice, bob);
  await sender.post(bob, envelope);
  await relay.close();
  const reopen = async (): Promise<string[]> => {
    const again = await openRelay({ data: relay.data, now: () => now });
    await again.close();
    return lettersIn(relay.data);
  };
  now += MAILBOX_LIFETIME_MS;
  expect(await reopen()).toEqual([id.toString('hex')]);
  now += 1;
  expect(await reopen()).toEqual([]);
});

test('an acknowledgement before the commit is as good as the disk, and nothing is stored', async () => {
  const { mailbox, database } = openMailbox();
  const one = toBob();
  const accepted = Promise.all([mailbox.put(one, () => true), mailbox.put(one, () => true)]);
  mailbox.acknowledge(one);
  await accepted;
  mailbox.close();
  expect(database.prepare('SELECT count(*) AS count FROM mailbox').get()).toEqual({ count: 0 });
  expect(database.prepare('SELECT seq FROM sqlite_sequence').get()).toBeUndefined();
});

test.for([true, false])('a letter is stored before it is accepted (pushed: %s)', async (pushed) => {
  const { mailbox, database } = openMailbox();
  const one = toBob();
  const stored = (): unknown => database.prepare('SELECT message FROM mailbox').all();
  const accepted = mailbox.put(one, () => pushed);
  expect(stored()).toEqual([]);
  await accepted;
  expect(stored()).toEqual([{ message: new Uint8Array(one.message) }]);
});

test('closing a relay stores what was pushed and not acknowledged', async () => {
  const data = temporaryFolder();
  const [relay, sender] = await relayWithAlice({ data });
  const recipient = await Wire.signedIn(relay, bob, { acknowledging: false });
  const { id, envelope } = letter(alice, bob);
  sender.tell({ type: 'send', id: 1000, to: 'bob', envelope });
  await until(() => recipient.delivered.length > 0);
  await relay.close();
  expect(lettersIn(data)).toEqual([id.toString('hex')]);
});

test('what is stored is what nobody acknowledged in time, in the order in which it came', async () => {
  const { mailbox, database } = openMailbox();
  const stored = (recipient: string): string[] =>
    database
      .prepare('SELECT hex(message) AS id FROM mailbox WHERE recipient = ? ORDER BY sequence')
      .all(recipient)
      .map(({ id }) => String(id).toLowerCase());
  const idsOf = (...letters: Letter[]): string[] => letters.map(({ message }) => message.toString('hex'));
  const toCarol = (): Letter => ({ ...toBob(), recipient: 'carol' });
  const [early, late, behind] = [toBob(), toBob(), toBob()];
  const [other, acknowledged] = [toCarol(), toCarol()];
  const slow = mailbox.put(other, () => true);
  const quick = mailbox.put(acknowledged, () => true);
  const pushed = mailbox.put(early, () => true);
  const last = mailbox.put(behind, () => false);
  const after = mailbox.put(late, () => true);
  // One that can't be handed over is stored at once, and takes with it only what came before it for the same recipient.
  await Promise.all([pushed, last]);
  expect(stored('bob')).toEqual(idsOf(early, behind));
  expect(stored('carol')).toEqual([]);
  mailbox.acknowledge(acknowledged);
  await Promise.all([quick, slow, after]);
  expect(stored('bob')).toEqual(idsOf(early, behind, late));
  expect(stored('carol')).toEqual(idsOf(other));
});

test('a letter that is stored is known when it comes again, however the mailbox was read and emptied', async () => {
  const { mailbox, database } = openMailbox();
  const count = (): unknown => database.prepare('SELECT count(*) AS count FROM mailbox').get()?.['count'];
  const letters = [toBob(), toBob(), toBob()];
  for (const one of letters) await mailbox.put(one, () => false);
  mailbox.acknowledge(letters[0]!);
  await until(() => count() === 2);
  const refusal = expect.objectContaining({ code: 'envelope-waiting' }) as Error;
  for (const forget of [() => {}, () => mailbox.expire()]) {
    forget();
    for (const one of letters.slice(1)) {
      await mailbox.put(one, () => false);
      expect(() => mailbox.put({ ...one, envelope: toBob(2).envelope }, () => false)).toThrow(refusal);
    }
  }
  expect(count()).toBe(2);
  for (const one of letters.slice(1)) mailbox.acknowledge(one);
  await until(() => count() === 0);
  await mailbox.put({ ...letters[1]!, envelope: toBob(2).envelope }, () => false);
  expect(count()).toBe(1);
});
