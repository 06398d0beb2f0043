// What stays behind of a chat: nothing readable in the log, in the profile's folder, or in what Chromium writes; and
// the window never asks the network for anything.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import keytar from 'keytar';
import { expect, test } from 'vitest';
import { afterwards, temporaryFolder } from '../harness.ts';
import {
  joinInApp,
  composer,
  meet,
  openConversation,
  openRelayProcess,
  rowOf,
  ticked,
  write,
} from './driver.ts';
import { soon } from './soon.ts';

/** Every file in a folder with its content; what is written meanwhile may be gone. */
function* filesIn(folder: string): Generator<Written[number]> {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    try {
      yield { file, content: readFileSync(file) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

/** As it might be written: as text of one or two bytes a character, or encoded. */
const forms = (secret: string | Buffer): Buffer[] => {
  const bytes = Buffer.from(secret);
  const texts = typeof secret === 'string' ? [secret] : [];
  return [
    bytes,
    ...[...texts, bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('hex')].flatMap(
      (text) => [Buffer.from(text, 'utf8'), Buffer.from(text, 'utf16le')],
    ),
  ];
};

type Written = { file: string; content: Buffer }[];

function findIn(written: Written, secrets: Record<string, string | Buffer>): string[] {
  return Object.entries(secrets).flatMap(([name, secret]) => {
    const sought = forms(secret);
    const found = written.filter(({ content }) => sought.some((form) => content.includes(form)));
    return found.map(({ file }) => `${name} in ${file}`);
  });
}

test('after a chat there is nothing to read in the log and in the files', async () => {
  const relay = await openRelayProcess();
  // All that the apps write lies in here: their profiles, and Chromium's own, wherever that is made.
  const temporary = temporaryFolder();
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = temporary;
  afterwards(() => (before === undefined ? delete process.env['TMPDIR'] : (process.env['TMPDIR'] = before)));
  const [alice, bob] = await Promise.all([joinInApp('alice', relay.invite), joinInApp('bob', relay.invite)]);
  const texts = {
    sent: 'Sent-marker-5d1f: ünïcödé',
    answered: 'Answered-marker-77aa',
    pending: 'Pending-marker-90c2',
    draft: 'Draft-marker-3b41',
  };
  await meet(alice, 'bob');
  await write(alice, 'bob', texts.sent);
  await openConversation(bob, 'alice');
  await ticked(alice, texts.sent, 'Read');
  await write(bob, 'alice', texts.answered);
  await ticked(bob, texts.answered, 'Read');
  await alice.page.getByLabel('Message details').first().click();
  await alice.page.getByText('What the relay saw').waitFor();
  await relay.kill();
  await write(alice, 'bob', texts.pending);
  await ticked(alice, texts.pending, /Waiting/);
  await composer(alice.page, 'bob').fill(texts.draft);
  await rowOf(alice.page, 'bob').focus();
  await soon(() =>
    alice.page.evaluate('bridge.calls.draft({ contact: "bob" }).then(({ value }) => value)'),
  ).toBe(texts.draft);
  await alice.page.evaluate('bridge.calls.changeSettings({ notifications: false })');

  const { refusedRequests, openedUrls, notifications } = await bob.recorded();
  expect([refusedRequests, openedUrls]).toEqual([[], []]);
  expect((await alice.recorded()).refusedRequests).toEqual([]);
  expect(JSON.stringify(notifications)).not.toMatch(/marker/);
  const running = [...filesIn(temporary)];
  // So that not finding anything proves something.
  expect(findIn(running, { setting: '"notifications": false' })).toEqual([
    `setting in ${join(alice.profile, 'settings.json')}`,
  ]);
  await Promise.all([alice.quit(), bob.quit()]);
  expect(await Promise.all([alice.exited, bob.exited])).toEqual([0, 0]);
  const written = [...running, ...filesIn(temporary)];

  const secrets = { ...texts, ...(await keysOf(alice.profile)), invite: relay.invite };
  expect(findIn(written, secrets)).toEqual([]);
  const logs = [alice, bob].map((driver, i) => ({ file: `log ${i}`, content: Buffer.from(driver.log()) }));
  expect(findIn(logs, secrets)).toEqual([]);
});

/** What the keychain keeps for a profile: two keys of two primes each, and the item as it is written there. */
async function keysOf(folder: string): Promise<Record<string, Buffer | string>> {
  const file = readdirSync(folder).find((name) => /\.(db|sqlite)$/.test(name))!;
  const database = new DatabaseSync(join(folder, file), { readOnly: true });
  const { profile } = database.prepare('SELECT profile FROM account').get() as { profile: string };
  database.close();
  const item = (await keytar.getPassword('Signet', profile))!;
  const bytes = Buffer.from(item, 'base64');
  expect(bytes.length).toBe(4 * 192);
  const primes = [0, 1, 2, 3].map((i) => [`prime ${i}`, bytes.subarray(i * 192, (i + 1) * 192)]);
  return { ...(Object.fromEntries(primes) as Record<string, Buffer>), item };
}
