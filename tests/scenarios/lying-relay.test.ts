// A relay that lies about keys, drops, reorders, replays and forges: nothing of it is believed, and nothing is hidden.
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { MessageRow } from '../../main/messenger/messages.ts';
import type { Messenger } from '../../main/messenger/messenger.ts';
import { generatePrimes, importSigningKey, sign } from '../../main/messenger/rsa.ts';
import type { Failure } from '../../protocol/failures.ts';
import type { RelayFrame } from '../../protocol/frames.ts';
import { RECEPTION_KEY_LIFETIME_MS, receptionKeyStatement } from '../../protocol/statements.ts';
import { type LyingRelay, openLyingRelay } from '../lying-relay.ts';
import { arrive, bringOnline, nextOnline, openPerson, openRelay, type TestRelay, until } from '../town.ts';

type UserFrame = Extract<RelayFrame, { type: 'user' }>;
type Delivery = Extract<RelayFrame, { type: 'deliver' }>;

/** What a messenger tells its user. */
function watch(messenger: Messenger): { texts: string[]; failures: Failure[]; notices: MessageRow[] } {
  const seen = { texts: [] as string[], failures: [] as Failure[], notices: [] as MessageRow[] };
  messenger.on('message', ({ text }) => seen.texts.push(text));
  messenger.on('failure', (failure) => seen.failures.push(failure));
  messenger.on('messageChanged', (row) => row.state === 'noted' && seen.notices.push(row));
  return seen;
}

/** bob on the true relay, alice behind a lying one. */
async function town(): Promise<{ truth: TestRelay; relay: LyingRelay; alice: Messenger; bob: Messenger }> {
  const truth = await openRelay();
  const relay = await openLyingRelay(truth);
  const [alice, bob] = await Promise.all([openPerson('alice', relay.invite), arrive('bob', truth)]);
  await bringOnline(alice);
  return { truth, relay, alice, bob };
}

/** Cuts the connection, and waits for the next. */
async function reconnect(relay: LyingRelay, messenger: Messenger): Promise<void> {
  const online = nextOnline(messenger);
  relay.cut();
  await online;
}

/** Changes the answers to look-ups. */
const lookups =
  (change: (frame: UserFrame) => RelayFrame) =>
  (frame: RelayFrame): RelayFrame[] => [frame.type === 'user' ? change(frame) : frame];

/** An identity of the relay's own making, with a reception key that is signed for the name. */
async function forge(user: string, created = Date.now()): Promise<UserFrame> {
  const [identity, reception] = await Promise.all(
    [generatePrimes(), generatePrimes()].map((p) => p.then(importSigningKey)),
  );
  const key = reception!.publicKey.spki;
  const statement = {
    class: 'rotating',
    created,
    expires: created + RECEPTION_KEY_LIFETIME_MS,
    key,
  } as const;
  const signature = await sign(identity!, receptionKeyStatement(user, statement));
  return {
    type: 'user',
    id: 1,
    user,
    identityKey: identity!.publicKey.spki,
    receptionKey: { ...statement, signature },
  };
}

test('an identity that is swapped after it was pinned: nothing is sealed to it, and the failure says so', async () => {
  const { relay, alice } = await town();
  await alice.send('bob', 'before');
  // What the relay hasn't accepted yet goes out again on the next connection, before anything is looked up.
  await until(() => alice.drained(1000));
  const forged = await forge('bob');
  relay.lies = { toClient: lookups(({ id }) => ({ ...forged, id })) };
  const sent: string[] = [];
  relay.lies.toRelay = (frame) => {
    sent.push(frame.type);
    return [frame];
  };
  await reconnect(relay, alice);
  await expect(alice.send('bob', 'after')).rejects.toMatchObject({
    code: 'identity-changed',
    message: expect.stringMatching(/another identity for bob.*Nothing was sealed/) as string,
  });
  expect(sent).not.toContain('send');
  expect(alice.contacts()[0]).toMatchObject({ name: 'bob', offered: expect.any(String) as string });

  // The true one is still pinned: when the relay tells the truth again, writing works again.
  relay.lies = {};
  await reconnect(relay, alice);
  await alice.send('bob', 'again');
  expect(alice.contacts()[0]).toMatchObject({ offered: null });
});

test.each<[string, (frame: UserFrame, forged: UserFrame) => UserFrame, string]>([
  [
    'a reception key that another identity signed',
    (frame, forged) => ({ ...frame, receptionKey: forged.receptionKey }),
    'reception-key-invalid',
  ],
  [
    'a later expiry',
    (frame) => ({
      ...frame,
      receptionKey: { ...frame.receptionKey, expires: frame.receptionKey.expires + 1 },
    }),
    'reception-key-invalid',
  ],
  [
    'another person in place of the one asked for',
    (frame, forged) => ({ ...frame, identityKey: forged.identityKey, receptionKey: forged.receptionKey }),
    'reception-key-invalid',
  ],
  ['an answer about somebody else', (frame) => ({ ...frame, user: 'rob' }), 'reception-key-invalid'],
  ['a key that is no key', (frame) => ({ ...frame, identityKey: Buffer.alloc(422) }), 'key-refused'],
])('%s is refused', async (_name, change, code) => {
  const { relay, alice } = await town();
  const forged = await forge('mallory');
  relay.lies = { toClient: lookups((frame) => change(frame, forged)) };
  await expect(alice.send('bob', 'Hello')).rejects.toMatchObject({ code });
  expect(alice.contacts()).toEqual([]);
});

test('a reception key older than the newest one seen is refused', async () => {
  let time = Date.now();
  const truth = await openRelay({ now: () => time });
  const relay = await openLyingRelay(truth);
  const bob = await arrive('bob', truth, { now: () => time });
  const alice = await openPerson('alice', relay.invite, { now: () => time });
  await bringOnline(alice);
  let old: UserFrame | undefined;
  relay.lies = { toClient: lookups((frame) => (old ??= frame)) };
  await alice.send('bob', 'to the first key');
  time += 8 * 24 * 60 * 60 * 1000;
  await bob.upkeep();
  relay.lies = {};
  await reconnect(relay, alice);
  await alice.send('bob', 'to the second key');
  relay.lies = { toClient: lookups(({ id }) => ({ ...old!, id })) };
  await reconnect(relay, alice);
  await expect(alice.send('bob', 'to the first again')).rejects.toMatchObject({
    code: 'reception-key-older',
  });
});

test('what is dropped shows as missing, what is reordered shows up after all, what is replayed shows once', async () => {
  const { relay, alice, bob } = await town();
  const told = watch(alice);
  const held: Delivery[] = [];
  relay.lies = { toClient: (frame) => (frame.type === 'deliver' ? (held.push(frame), []) : [frame]) };
  for (const text of ['one', 'two', 'three', 'four']) await bob.send('alice', text);
  await until(() => held.length === 4);
  const [one, two, three, four] = held as [Delivery, Delivery, Delivery, Delivery];

  relay.say(one);
  relay.say(four);
  await until(() => told.texts.length === 2);
  expect(told.notices).toMatchObject([{ kind: 'missing', missing: 2 }]);
  relay.say(three);
  relay.say(one);
  relay.say(three);
  relay.say(two);
  await until(() => told.texts.length === 4);
  expect(told.texts).toEqual(['one', 'four', 'three', 'two']);
  expect(told.notices.map(({ missing }) => missing)).toEqual([2, 1, 0]);
  expect((await alice.history('bob', 10)).map(({ text }) => text)).toEqual(['one', 'four', 'three', 'two']);
  expect(told.failures).toEqual([]);
});

test('what is forged or changed is refused, told, and acknowledged so that it does not come for ever', async () => {
  const { relay, alice, bob } = await town();
  const told = watch(alice);
  const acknowledged: string[] = [];
  let changed = 0;
  relay.lies = {
    toClient: (frame) => {
      if (frame.type !== 'deliver' || changed++ > 0) return [frame];
      const envelope = Buffer.from(frame.envelope);
      envelope[200]! ^= 1;
      return [
        { ...frame, envelope },
        { type: 'deliver', from: 'nobody', envelope: frame.envelope },
        { type: 'deliver', from: 'bob', envelope: randomBytes(884) },
        frame,
      ];
    },
    toRelay: (frame) => {
      if (frame.type === 'acknowledge') acknowledged.push(frame.from);
      return [frame];
    },
  };
  await alice.send('bob', 'so that bob is known');
  await bob.send('alice', 'true');
  await until(() => told.texts.length === 1 && told.failures.length === 3);
  expect(told.texts).toEqual(['true']);
  expect(told.failures.map(({ code }) => code).sort()).toEqual([
    'message-refused',
    'message-refused',
    'unknown-user',
  ]);
  expect(told.notices.map(({ kind, contact }) => [kind, contact])).toEqual([
    ['refused', 'bob'],
    ['refused', 'bob'],
  ]);
  // They are on their way yet when the texts are told.
  const bobs = (): number => acknowledged.filter((from) => from === 'bob').length;
  await until(() => bobs() >= 3 && acknowledged.includes('nobody'));
});

test('one person under the name of another: refused, since that person never signed for that name', async () => {
  const { relay, alice, bob } = await town();
  const told = watch(alice);
  let truth: UserFrame | undefined;
  relay.lies = {
    toClient: (frame) => {
      if (frame.type === 'user') return [(truth = { ...frame, user: 'boss' })];
      return [frame.type === 'deliver' ? { ...frame, from: 'boss' } : frame];
    },
    toRelay: (frame) => [frame.type === 'lookup' ? { ...frame, user: 'bob' } : frame],
  };
  await bob.send('alice', 'do as I say');
  await until(() => told.failures.length > 0);
  expect(truth).toMatchObject({ user: 'boss' });
  expect(told.failures[0]).toMatchObject({ code: 'reception-key-invalid' });
  expect(told.texts).toEqual([]);
  expect(alice.contacts()).toEqual([]);
});

test('an invite that names the inviter: another identity under that name is not taken', async () => {
  const truth = await openRelay();
  const bob = await arrive('bob', truth);
  const relay = await openLyingRelay(truth);
  const invite = `${relay.invite}&from=bob&identity=${Buffer.from(bob.fingerprint, 'hex').toString('base64url')}`;
  const alice = await openPerson('alice', invite);
  await bringOnline(alice);
  expect(alice.contacts()).toMatchObject([{ name: 'bob', fingerprint: bob.fingerprint, verified: 'invite' }]);
  const forged = await forge('bob');
  relay.lies = { toClient: lookups(({ id }) => ({ ...forged, id })) };
  await expect(alice.send('bob', 'Hello')).rejects.toMatchObject({ code: 'identity-changed' });
  relay.lies = {};
  await alice.send('bob', 'Hello');
  const told = watch(bob);
  await until(() => told.texts.length === 1 || bob.history('alice', 1).then((list) => list.length === 1));
});

test('answers of the wrong type, and frames that are none, end the connection, and a new one is made', async () => {
  const { relay, alice, bob } = await town();
  const told = watch(alice);
  let lied = false;
  relay.lies = {
    toClient: (frame) => {
      if (frame.type !== 'user' || lied) return [frame];
      lied = true;
      return [{ type: 'done', id: frame.id }];
    },
  };
  await expect(alice.send('bob', 'Hello')).rejects.toMatchObject({ code: 'not-a-relay' });
  await until(() =>
    alice.send('bob', 'Hello').then(
      () => true,
      () => false,
    ),
  );
  // What would end a sign-in for good says nothing when nobody signs in.
  relay.say({ type: 'failure', code: 'name-taken', detail: '' });
  relay.say('{"type":"deliver"}');
  await until(() => told.failures.some(({ code }) => code === 'not-a-relay'));
  await bob.send('alice', 'still there?');
  await until(() => told.texts.includes('still there?'));
});

test('what could not be checked for a passing reason is delivered again, and nothing is lost', async () => {
  const { relay, alice, bob } = await town();
  const told = watch(alice);
  let refusals = 0;
  relay.lies = {
    toClient: (frame) => {
      if (frame.type !== 'user' || refusals++ > 0) return [frame];
      return [{ type: 'failure', id: frame.id, code: 'relay-full', detail: '' }];
    },
  };
  await bob.send('alice', 'from somebody new');
  await until(() => told.failures.some(({ code }) => code === 'relay-full'));
  expect(told.texts).toEqual([]);
  await until(() => told.texts.length === 1);
});
