// A relay that lies about keys, drops, reorders, replays and forges: nothing of it is believed, and nothing is hidden.
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { MessageRow } from '../../main/messenger/messages.ts';
import type { Messenger } from '../../main/messenger/messenger.ts';
import { firstList } from '../../protocol/devices.ts';
import type { Frame, FrameOf } from '../../protocol/frames.ts';
import { acceptPrekey, encodePrekey, type Prekey } from '../../protocol/prekey.ts';
import type { Signed } from '../../protocol/statement.ts';
import { type LyingRelay, openLyingRelay } from '../lying-relay.ts';
import {
  arrive,
  bringOnline,
  nextOnline,
  openPerson,
  openRelay,
  type Person,
  stored,
  type TestRelay,
  texts,
  until,
} from '../harness.ts';
import { change, device, prekey, signed } from '../relay/raw-client.ts';

type Bundle = FrameOf<'bundle'>;
type Delivery = FrameOf<'deliver'>;

/** Rows about the conversation itself that a messenger told of, as each was told. */
function noticesOf(messenger: Messenger): MessageRow[] {
  const notices: MessageRow[] = [];
  messenger.on('messageChanged', (_contact, row) => row.state === 'noted' && notices.push(row));
  return notices;
}

type People = { truth: TestRelay; relay: LyingRelay; alice: Person; bob: Person };

/** bob on the true relay, alice behind a lying one. */
async function people(): Promise<People> {
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

/** Changes the answers to look-ups of somebody. */
const lookups =
  (user: string, lie: (bundle: Bundle) => Frame) =>
  (frame: Frame): Frame[] => [frame.type === 'bundle' && frame.user === user ? lie(frame) : frame];

/** An identity of the relay's own making, with a prekey that is signed for the name. */
const forged = (user: string): Pick<Bundle, 'user' | 'identityKey' | 'deviceStatements' | 'prekeys'> => {
  const mallory = { ...device('mallory'), name: user };
  return { user, identityKey: mallory.identityKey, deviceStatements: [], prekeys: [prekey(mallory)] };
};

test('an identity that is swapped after it was pinned: nothing is sealed to it, and the failure says so', async () => {
  const { relay, alice } = await people();
  await alice.send('bob', 'before');
  // What the relay hasn't accepted yet goes out again on the next connection, before anything is looked up.
  await until(() => alice.drained(1000));
  const sent: string[] = [];
  relay.lies = {
    toClient: lookups('bob', (bundle) => ({ ...bundle, ...forged('bob') })),
    toRelay: (frame) => (sent.push(frame.type), [frame]),
  };
  await reconnect(relay, alice);
  await expect(alice.send('bob', 'after')).rejects.toMatchObject({ code: 'identity-changed' });
  expect(sent).not.toContain('send');
  const { identity } = device('mallory').address;
  expect(alice.trust.known('bob').offered).toEqual(identity);

  // The true one is still pinned: when the relay tells the truth again, writing works again.
  relay.lies = {};
  await reconnect(relay, alice);
  await alice.send('bob', 'again');
  expect(alice.trust.known('bob').offered).toBeNull();
});

const restated = ({ prekeys: [first] }: Bundle, fields: Partial<Prekey>): Signed => {
  const { identityKey } = device('bob');
  const list = firstList(identityKey);
  const known = { user: 'bob', identity: list.identity, device: 1, class: 1, knownKinds: [1] };
  const { created, expires } = { created: Date.now(), expires: Date.now() + 1, ...fields };
  const bytes = encodePrekey({ ...known, created, expires, key: identityKey, ...fields });
  return { bytes, signature: first!.signature };
};

test.each<[string, (bundle: Bundle) => Bundle, string]>([
  [
    'another person instead of the one asked for',
    (bundle) => ({ ...bundle, ...forged('rob') }),
    'bundle-invalid',
  ],
  ['an answer about somebody else', (bundle) => ({ ...bundle, user: 'rob' }), 'bundle-invalid'],
  [
    'a device list that somebody else signed',
    (bundle) => {
      const mallory = device('mallory');
      const statement = change(mallory, {
        version: 1,
        previous: randomBytes(32),
        change: { action: 'add', number: 2, key: mallory.modulus },
      });
      return { ...bundle, newestVersion: 1, deviceStatements: [statement] };
    },
    'bundle-invalid',
  ],
  [
    'a longer list than it shows',
    (bundle) => ({ ...bundle, newestVersion: bundle.newestVersion + 3 }),
    'bundle-invalid',
  ],
])('%s is refused', async (_name, lie, code) => {
  const { relay, alice } = await people();
  relay.lies = { toClient: lookups('bob', lie) };
  await expect(alice.send('bob', 'Hello')).rejects.toMatchObject({ code });
  expect(alice.contacts()).toEqual([]);
});

test.each<[string, (bundle: Bundle) => Signed[]]>([
  ['that another identity signed', () => forged('bob').prekeys],
  ['with a later expiry', (bundle) => [restated(bundle, { expires: Date.now() + 90 * 24 * 60 * 60 * 1000 })]],
  ['with a key of the relay’s own', (bundle) => [restated(bundle, { key: device('mallory').modulus })]],
  [
    'whose signature was changed',
    ({ prekeys }) => prekeys.map((one) => ({ ...one, signature: randomBytes(384) })),
  ],
])('a prekey %s is not sealed to, and nobody is pinned by it', async (_name, lie) => {
  const { relay, alice, bob } = await people();
  relay.lies = { toClient: lookups('bob', (bundle) => ({ ...bundle, prekeys: lie(bundle) })) };
  await expect(alice.send('bob', 'Hello')).rejects.toMatchObject({ code: 'bundle-invalid' });
  expect(alice.contacts()).toEqual([]);
  relay.lies = {};
  await alice.send('bob', 'Hello');
  await until(() => texts(bob).length === 1);
});

test('a prekey that is older than the newest one seen is not sealed to', async () => {
  let time = Date.now();
  const now = (): number => time;
  const truth = await openRelay({ now });
  const relay = await openLyingRelay(truth);
  const bob = await arrive('bob', truth, { now });
  const alice = await openPerson('alice', relay.invite, { now });
  await bringOnline(alice);
  let old: Bundle | undefined;
  relay.lies = { toClient: lookups('bob', (bundle) => (old ??= bundle)) };
  await alice.send('bob', 'to the first key');
  time += 8 * 24 * 60 * 60 * 1000;
  // A new connection looks after the keys.
  const back = nextOnline(bob);
  bob.setAddresses([`127.0.0.1:${truth.port}`]);
  bob.reconnectNow();
  void back;
  await bob.close();
  const later = await openPerson('bob', truth.invite, { directory: bob.directory, now });
  await bringOnline(later);
  relay.lies = {};
  await reconnect(relay, alice);
  await alice.send('bob', 'to the second key');
  relay.lies = { toClient: lookups('bob', ({ request }) => ({ ...old!, request })) };
  await reconnect(relay, alice);
  await alice.send('bob', 'to the second key, too');
  await until(() => texts(later).length === 3 || texts(later).includes('to the second key, too'));
  const keys = await Promise.all(
    (await stored(alice, 'bob')).map(async ({ position }) => {
      const { envelope } = await alice.overview.details('bob', position);
      return envelope!.sealedTo.fingerprint;
    }),
  );
  expect(keys[1]).not.toBe(keys[0]);
  expect(keys[2]).toBe(keys[1]);
});

test('what is dropped shows as missing, what is reordered shows up after all, what is replayed shows once', async () => {
  const { relay, alice, bob } = await people();
  await alice.startConversation('bob');
  const notices = noticesOf(alice);
  const held: Delivery[] = [];
  relay.lies = { toClient: (frame) => (frame.type === 'deliver' ? (held.push(frame), []) : [frame]) };
  for (const text of ['one', 'two', 'three', 'four']) await bob.send('alice', text);
  await until(() => held.length === 4);
  const [one, two, three, four] = held as [Delivery, Delivery, Delivery, Delivery];

  relay.say(one);
  relay.say(four);
  await until(() => texts(alice).length === 2);
  expect(notices).toMatchObject([{ kind: 'gap', count: 2 }]);
  for (const delivery of [three, one, three, two]) relay.say(delivery);
  await until(() => texts(alice).length === 4);
  expect(texts(alice)).toEqual(['one', 'four', 'three', 'two']);
  expect(notices.map(({ count }) => count)).toEqual([2, 1, 0]);
  expect((await alice.history('bob', 10)).map(({ text }) => text)).toEqual(['one', 'four', 'three', 'two']);
  expect(alice.failures).toEqual([]);
});

test('what is forged or changed is refused, told, and acknowledged so that it does not come for ever', async () => {
  const { relay, alice, bob } = await people();
  const notices = noticesOf(alice);
  await alice.startConversation('bob');
  const acknowledged: number[] = [];
  let changed = 0;
  const flipped = (envelope: Buffer, at: number): Buffer => {
    const copy = Buffer.from(envelope);
    copy[at]! ^= 1;
    return copy;
  };
  relay.lies = {
    toClient: (frame) => {
      if (frame.type !== 'deliver' || changed++ > 0) return [frame];
      return [
        // A block; the recipient; the sender, who is nobody then.
        ...[200, 40, 2].map((at, i) => ({
          ...frame,
          position: 1_000_000 + i,
          envelope: flipped(frame.envelope, at),
        })),
        frame,
      ];
    },
    toRelay: (frame) => {
      if (frame.type === 'acknowledge') acknowledged.push(...frame.positions);
      // The relay doesn't know these.
      const positions = frame.type === 'acknowledge' ? frame.positions.filter((one) => one < 1_000_000) : [];
      if (frame.type !== 'acknowledge') return [frame];
      return positions.length > 0 ? [{ ...frame, positions }] : [];
    },
  };
  await bob.send('alice', 'true');
  await until(() => texts(alice).length === 1 && acknowledged.length === 4);
  expect(texts(alice)).toEqual(['true']);
  expect(new Set(acknowledged).size).toBe(4);
  expect(notices.at(-1)).toMatchObject({ kind: 'refused' });
  expect(alice.contacts().map(({ name }) => name)).toEqual(['bob']);
});

test('one person under the name of another: refused, since that person never signed for that name', async () => {
  const { relay, alice, bob } = await people();
  relay.lies = {
    toClient: lookups('bob', (bundle) => ({ ...bundle, user: 'boss' })),
    toRelay: (frame) => {
      const isBoss = frame.type === 'lookup' && 'user' in frame.of && frame.of.user === 'boss';
      return [isBoss ? { ...frame, of: { user: 'bob' } } : frame];
    },
  };
  await expect(alice.startConversation('boss')).rejects.toMatchObject({ code: 'bundle-invalid' });
  await bob.send('alice', 'do as I say');
  await until(() => alice.failures.includes('bundle-invalid'));
  expect([texts(alice), alice.contacts()]).toEqual([[], []]);
  // It waits at the relay for the truth.
  relay.lies = {};
  await until(() => texts(alice).length === 1);
  expect(alice.heard).toMatchObject([{ from: 'bob', text: 'do as I say' }]);
});

test('an invite that names the inviter: another identity under that name is not taken', async () => {
  const truth = await openRelay();
  const bob = await arrive('bob', truth);
  const relay = await openLyingRelay(truth);
  const invite = `${relay.invite}&from=bob&identity=${Buffer.from(bob.fingerprint, 'hex').toString('base64url')}`;
  const alice = await openPerson('alice', invite);
  await bringOnline(alice);
  expect(alice.contacts()).toMatchObject([{ name: 'bob', verified: 'invite' }]);
  relay.lies = { toClient: lookups('bob', (bundle) => ({ ...bundle, ...forged('bob') })) };
  await expect(alice.send('bob', 'Hello')).rejects.toMatchObject({ code: 'identity-changed' });
  relay.lies = {};
  await alice.send('bob', 'Hello');
  await until(() => texts(bob).length === 1);
});

test('answers of the wrong type, and frames that are none, end the connection, and a new one is made', async () => {
  const { relay, alice, bob } = await people();
  let lied = false;
  relay.lies = {
    toClient: (frame) => {
      if (frame.type !== 'bundle' || frame.user !== 'bob' || lied) return [frame];
      lied = true;
      return [{ type: 'done', request: frame.request }];
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
  relay.say({ type: 'failure', request: 0, class: 'final', code: 'name-taken', detail: '' });
  relay.say(Buffer.from([11, 0, 0, 0, 0, 1]));
  await until(() => alice.failures.includes('not-a-relay'));
  await bob.send('alice', 'still there?');
  await until(() => texts(alice).includes('still there?'));
});

test('what could not be checked for a passing reason is delivered again, and nothing is lost', async () => {
  const { relay, alice, bob } = await people();
  let refusals = 0;
  relay.lies = {
    toClient: (frame) => {
      if (frame.type !== 'bundle' || frame.user !== 'bob' || refusals++ > 0) return [frame];
      const { request } = frame;
      return [{ type: 'failure', request, class: 'later', code: 'relay-full', detail: '' }];
    },
  };
  await bob.send('alice', 'from somebody new');
  await until(() => texts(alice).length === 1);
  expect(refusals).toBeGreaterThan(1);
});

test('the forged prekeys of these tests are good ones but for whose they are', () => {
  const { identityKey, prekeys } = forged('bob');
  const known = { user: 'bob', list: firstList(identityKey), now: Date.now() };
  expect(acceptPrekey(prekeys[0]!, known).user).toBe('bob');
  expect(signed(device('mallory'), Buffer.from('x')).signature).toHaveLength(384);
});
