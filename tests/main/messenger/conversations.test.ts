// Drafts: sealed on the disk, there again after a restart, and never an older text than the last.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { encodeInvite } from '../../../protocol/links.ts';
import { arrive, openPerson, openRelay, type Person, reopen } from '../../harness.ts';
import { textTraces } from '../../traces.ts';

/** Nobody answers there, and drafts need nobody. */
const invite = encodeInvite({
  relays: ['127.0.0.1:1'],
  relayKey: randomBytes(32),
  inviter: { user: 'bob', identity: randomBytes(32), listVersion: 0 },
});
const LONG = 'a long draft '.repeat(2500);

const openAlice = (): Promise<Person> => openPerson('alice', invite);
/** Somebody else whom alice was invited by: drafts need a contact. */
const addCarol = (alice: Person): string | undefined =>
  alice.acceptInvite(
    encodeInvite({
      relays: ['127.0.0.1:1'],
      relayKey: Buffer.from(alice.relay.key, 'hex'),
      inviter: { user: 'carol', identity: randomBytes(32), listVersion: 0 },
    }),
  );

function draftsOnDisk(directory: string): number {
  const database = new DatabaseSync(join(directory, 'signet.sqlite'), { readOnly: true });
  const { count } = database.prepare('SELECT count(*) AS count FROM drafts').get()!;
  database.close();
  return count as number;
}

test('a draft is sealed, outlives a restart, and the empty one removes it', async () => {
  const alice = await openAlice();
  const { directory } = alice;
  expect(await alice.draft('bob')).toBe('');
  expect(alice.overview.get('bob')).toMatchObject({ hasDraft: false });
  const text = 'Grüße, nicht abgeschickt 👋🏽';
  await alice.saveDraft('bob', text);
  expect(alice.overview.get('bob')).toMatchObject({ hasDraft: true, count: 0, unread: 0 });
  expect(textTraces([directory], [text, 'nicht abgeschickt'])).toEqual([]);
  await alice.close();
  expect(textTraces([directory], [text, 'nicht abgeschickt'])).toEqual([]);
  expect(draftsOnDisk(directory)).toBe(1);

  const back = await reopen(alice);
  expect(await back.draft('bob')).toBe(text);
  expect(addCarol(back)).toBe('carol');
  expect(await back.draft('carol')).toBe('');
  // Half of a pair of surrogates, as a text that was cut has it, is no UTF-8.
  await back.saveDraft('carol', 'cut \ud83d');
  expect(await back.draft('carol')).toBe('cut \ufffd');
  await back.saveDraft('bob', '');
  expect(await back.draft('bob')).toBe('');
  expect(back.overview.get('bob')).toMatchObject({ hasDraft: false });
  await back.close();
  expect(draftsOnDisk(directory)).toBe(1);
});

test('of a long draft and a short one right after it, the short one stays', async () => {
  const alice = await openAlice();
  const saved = [LONG, 'short', LONG, 'shorter'].map((text) => alice.saveDraft('bob', text));
  await Promise.all(saved);
  expect(await alice.draft('bob')).toBe('shorter');
  await Promise.all([alice.saveDraft('bob', LONG), alice.saveDraft('bob', '')]);
  expect(await alice.draft('bob')).toBe('');
});

test('closing waits for the draft that is being saved', async () => {
  const alice = await openAlice();
  const saving = Promise.all([alice.saveDraft('bob', 'first'), alice.saveDraft('bob', LONG)]);
  await alice.close();
  await saving;
  const back = await reopen(alice);
  expect(await back.draft('bob')).toBe(LONG);
});

test('drafts that were swapped on the disk are told as damaged', async () => {
  const alice = await openAlice();
  addCarol(alice);
  await alice.saveDraft('bob', 'for bob');
  await alice.saveDraft('carol', 'for carol');
  await alice.close();
  const database = new DatabaseSync(join(alice.directory, 'signet.sqlite'));
  database.exec(`UPDATE drafts SET sealed = (SELECT sealed FROM drafts ORDER BY conversation DESC LIMIT 1)`);
  database.close();
  const back = await reopen(alice);
  await expect(back.draft('bob')).rejects.toMatchObject({ code: 'database-damaged' });
  expect(await back.draft('carol')).toBe('for carol');
});

test('what was sent is no draft any more, whenever Signet ends; what was begun after it stays one', async () => {
  const relay = await openRelay();
  const [alice] = await Promise.all([arrive('alice', relay), arrive('bob', relay)]);
  await alice.startConversation('bob');
  await alice.saveDraft('bob', 'Are you');
  await alice.send('bob', 'Are you there?');
  // By then nobody has emptied it.
  expect(alice.overview.get('bob')).toMatchObject({ hasDraft: false });

  await alice.saveDraft('bob', 'And');
  const sending = alice.send('bob', 'And now?');
  await alice.saveDraft('bob', 'Or');
  await sending;
  expect(await alice.draft('bob')).toBe('Or');
});

test('nothing is kept for somebody who is no contact', async () => {
  const alice = await openAlice();
  await expect(alice.saveDraft('dave', 'begun')).rejects.toMatchObject({ code: 'command-invalid' });
});
