// From the mailbox to its owner: in order, never more than the window at once, again until acknowledged.
import { expect, test } from 'vitest';
import { Delivery } from '../../relay/delivery.ts';
import { type Letter } from '../../relay/mailbox.ts';
import { openRelay, until } from '../town.ts';
import { openMailbox, toBob } from './bare-mailbox.ts';
import { alice, bob, letter, mallory, Wire } from './wire.ts';

const WINDOW = 256;

/** Posts so many letters one behind the other, without waiting for answers. @returns their ids */
async function postMany(from: Wire, count: number, by = alice): Promise<string[]> {
  const letters = Array.from({ length: count }, () => letter(by, bob));
  const answers = await Promise.all(letters.map(({ envelope }) => from.post(bob, envelope)));
  expect(answers.filter(({ type }) => type !== 'accepted')).toEqual([]);
  return letters.map(({ id }) => id.toString('hex'));
}

const idsOf = (wire: Wire): string[] => wire.delivered.map(({ id }) => id);
const idsFrom = (wire: Wire, sender: string): string[] =>
  wire.delivered.filter(({ from }) => from === sender).map(({ id }) => id);

/** A relay, and bob registered there but gone. */
async function relayWithBobAway(): Promise<Awaited<ReturnType<typeof openRelay>>> {
  const relay = await openRelay();
  const wire = await Wire.signedIn(relay, bob);
  wire.socket.close();
  await wire.closed;
  return relay;
}

test('a backlog longer than the window arrives whole, once and in order', async () => {
  const relay = await relayWithBobAway();
  const sent = await postMany(await Wire.signedIn(relay, alice), 3 * WINDOW + 7);
  const recipient = await Wire.signedIn(relay, bob);
  await until(() => recipient.delivered.length >= sent.length);
  await recipient.settle();
  expect(idsOf(recipient)).toEqual(sent);
});

test('new letters queue up behind a backlog that is being read', async () => {
  const relay = await relayWithBobAway();
  const [one, other] = [await Wire.signedIn(relay, alice), await Wire.signedIn(relay, mallory)];
  const byAlice = await postMany(one, 2 * WINDOW);
  const byMallory = await postMany(other, WINDOW, mallory);
  const recipient = await Wire.signedIn(relay, bob);
  // A few at a time, while the backlog goes out by and by.
  for (let i = 0; i < 10; i++) {
    byAlice.push(...(await postMany(one, 5)));
    byMallory.push(...(await postMany(other, 5, mallory)));
  }
  await until(() => recipient.delivered.length >= byAlice.length + byMallory.length);
  await recipient.settle();
  expect(idsFrom(recipient, 'alice')).toEqual(byAlice);
  expect(idsFrom(recipient, 'mallory')).toEqual(byMallory);
});

test('letters to somebody who is online come in order, too, faster than acknowledgements go', async () => {
  const relay = await relayWithBobAway();
  const recipient = await Wire.signedIn(relay, bob);
  const sent = await postMany(await Wire.signedIn(relay, alice), 5 * WINDOW);
  await until(() => recipient.delivered.length >= sent.length);
  await recipient.settle();
  expect(idsOf(recipient)).toEqual(sent);
});

test('no more than the window is under way; each acknowledgement makes room for one', async () => {
  const relay = await relayWithBobAway();
  const sender = await Wire.signedIn(relay, alice);
  const sent = await postMany(sender, WINDOW + 2);
  const recipient = await Wire.signedIn(relay, bob, { acknowledging: false });
  await until(() => recipient.delivered.length >= WINDOW);
  // All of the window was written at once, so that anything beyond would stand before this answer.
  await recipient.settle();
  expect(idsOf(recipient)).toEqual(sent.slice(0, WINDOW));
  sent.push(...(await postMany(sender, 1)));
  await recipient.settle();
  expect(recipient.delivered).toHaveLength(WINDOW);

  for (const id of sent.slice(0, 3)) {
    recipient.acknowledge('alice', Buffer.from(id, 'hex'));
    await recipient.settle();
  }
  expect(idsOf(recipient)).toEqual(sent);
});

test('what was not acknowledged is delivered again on each new connection, and what was is not', async () => {
  const relay = await relayWithBobAway();
  const sent = await postMany(await Wire.signedIn(relay, alice), 3);
  for (let i = 0; i < 3; i++) {
    const recipient = await Wire.signedIn(relay, bob, { acknowledging: false });
    await until(() => recipient.delivered.length >= sent.length);
    expect(idsOf(recipient)).toEqual(sent);
    recipient.socket.terminate();
    await recipient.closed;
  }
  const second = await Wire.signedIn(relay, bob, { acknowledging: false });
  await until(() => second.delivered.length >= sent.length);
  second.acknowledge('alice', Buffer.from(sent[1]!, 'hex'));
  await second.settle();
  const third = await Wire.signedIn(relay, bob);
  await until(() => third.delivered.length >= 2);
  await third.settle();
  expect(idsOf(third)).toEqual([sent[0], sent[2]]);
});

test('a letter that was pushed into a dying connection goes to the one that replaces it', async () => {
  const { mailbox } = openMailbox();
  const old = new Delivery('bob', mailbox, () => {});
  old.catchUp();
  const first = toBob();
  const accepted = mailbox.put(first, () => old.offer(first));

  // Before the letter is committed, bob's next connection signs in.
  const got: string[] = [];
  const next = new Delivery('bob', mailbox, ({ message }) => got.push(message.toString('hex')));
  mailbox.onCommit = () => next.catchUp();
  next.catchUp();
  await accepted;
  expect(got).toEqual([first.message.toString('hex')]);

  // And nothing overtakes it.
  const second = toBob();
  await mailbox.put(second, () => next.offer(second));
  expect(got).toEqual([first, second].map(({ message }) => message.toString('hex')));
});

test('a letter waits behind one that is not stored yet, even when there is room for it', async () => {
  const { mailbox } = openMailbox();
  const got: Letter[] = [];
  const delivery = new Delivery('bob', mailbox, (letter) => got.push(letter));
  mailbox.onCommit = () => delivery.catchUp();
  delivery.catchUp();
  const letters = Array.from({ length: WINDOW + 2 }, () => toBob());
  const put = (letter: Letter): Promise<void> => mailbox.put(letter, () => delivery.offer(letter));
  const accepted = letters.slice(0, WINDOW + 1).map(put);
  expect(got).toHaveLength(WINDOW);
  // Room for one, before the commit: the last but one has the first claim to it.
  for (const done of letters.slice(0, 2)) {
    mailbox.acknowledge(done);
    delivery.acknowledged(done);
  }
  accepted.push(put(letters[WINDOW + 1]!));
  expect(got).toHaveLength(WINDOW);
  await Promise.all(accepted);
  expect(got.map(({ message }) => message)).toEqual(letters.map(({ message }) => message));
});

test('who has caught up gets the next letter at once, before it is stored', async () => {
  const { mailbox } = openMailbox();
  const got: string[] = [];
  const delivery = new Delivery('bob', mailbox, ({ message }) => got.push(message.toString('hex')));
  mailbox.onCommit = () => delivery.catchUp();
  const [waiting, next] = [toBob(), toBob()];
  // Not caught up yet: this one is stored first.
  await mailbox.put(waiting, () => delivery.offer(waiting));
  expect(got).toEqual([waiting.message.toString('hex')]);
  let pushed = false;
  await mailbox.put(next, () => (pushed = delivery.offer(next)));
  expect(pushed).toBe(true);
  expect(got).toHaveLength(2);
});

test('a mailbox that can not be read is a fault of the disk, and no crash', async () => {
  const { mailbox, database, faults } = openMailbox();
  const delivery = new Delivery('bob', mailbox, () => {});
  mailbox.onCommit = () => delivery.catchUp();
  const one = toBob();
  const outcome = mailbox.put(one, () => delivery.offer(one)).catch((failure: unknown) => failure);
  database.exec('DROP TABLE mailbox');
  // The commit, here by hand, is else a timer's: an error would be nobody's to catch.
  expect(() => mailbox.close()).not.toThrow();
  expect(await outcome).toMatchObject({ code: 'relay-full' });
  expect(faults).not.toEqual([]);
});
