// Who a connection speaks for: hello, register, login, and every way to be refused.
import { randomBytes } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { CLOCK_TOLERANCE_MS } from '../../protocol/statements.ts';
import { afterwards, openRelay, until } from '../town.ts';
import { alice, bob, letter, mallory, receptionKey, Wire } from './wire.ts';

const failure = (code: string): object => ({ type: 'failure', code });

test('registers, comes back with a login, and registers again without harm', async () => {
  const relay = await openRelay();
  expect(await (await Wire.open(relay)).signIn('register', alice)).toMatchObject({ type: 'done' });
  expect(await (await Wire.open(relay)).signIn('login', alice)).toMatchObject({ type: 'done' });
  // As a client does whose first registration's answer got lost.
  expect(await (await Wire.open(relay)).signIn('register', alice)).toMatchObject({ type: 'done' });
});

test('another version is told so and ends the connection', async () => {
  const relay = await openRelay();
  const wire = await Wire.open(relay);
  expect(await wire.ask({ type: 'hello', version: 2 })).toMatchObject(failure('version-unsupported'));
  expect(await wire.closed).toEqual({ code: 1008, reason: 'version-unsupported' });
});

test('before the sign-in every other request is refused, and sign-in still works', async () => {
  const relay = await openRelay();
  await Wire.signedIn(relay, bob);
  const wire = await Wire.open(relay);
  const requests = [
    { type: 'lookup', user: 'bob' },
    { type: 'publish', receptionKey: await receptionKey(alice) },
    { type: 'send', to: 'bob', envelope: letter(alice, bob).envelope },
  ];
  for (const request of requests) expect(await wire.ask(request)).toMatchObject(failure('not-signed-in'));
  expect(await wire.signIn('register', alice)).toMatchObject({ type: 'done' });
});

test('an acknowledgement before the sign-in deletes nothing', async () => {
  const relay = await openRelay();
  const [sender] = [
    await Wire.signedIn(relay, alice),
    await Wire.signedIn(relay, bob).then((w) => w.socket.close()),
  ];
  const { id, envelope } = letter(alice, bob);
  await sender.post(bob, envelope);
  const stranger = await Wire.open(relay);
  stranger.acknowledge('alice', id);
  await stranger.settle();
  expect(stranger.complaints).toEqual(['not-signed-in']);
  const recipient = await Wire.signedIn(relay, bob);
  await until(() => recipient.delivered.length > 0);
});

test('a nonce serves for one attempt, whether that succeeds or not', async () => {
  const relay = await openRelay();
  await Wire.signedIn(relay, alice);
  const wire = await Wire.open(relay);
  expect(
    await wire.ask(await wire.signInFrame('login', alice, { nonce: randomBytes(32), time: Date.now() })),
  ).toMatchObject(failure('challenge-expired'));
  const challenge = await wire.challenge();
  const wrong = await wire.signInFrame('login', alice, challenge, { signature: randomBytes(384) });
  const right = await wire.signInFrame('login', alice, challenge);
  expect(await wire.ask(wrong)).toMatchObject(failure('login-refused'));
  expect(await wire.ask(right)).toMatchObject(failure('challenge-expired'));
  expect(await wire.signIn('login', alice)).toMatchObject({ type: 'done' });
});

test("a nonce serves on its own connection only, and a recorded login doesn't serve again", async () => {
  const relay = await openRelay();
  await Wire.signedIn(relay, alice);
  const [one, other] = [await Wire.open(relay), await Wire.open(relay)];
  const frame = await one.signInFrame('login', alice, await one.challenge());
  await other.challenge();
  expect(await other.ask(frame)).toMatchObject(failure('login-refused'));
  expect(await one.ask(frame)).toMatchObject({ type: 'done' });
  await other.challenge();
  expect(await other.ask(frame)).toMatchObject(failure('login-refused'));
});

test('a nonce expires after 30 seconds', async () => {
  const relay = await openRelay();
  await Wire.signedIn(relay, alice);
  const wire = await Wire.open(relay);
  const frame = await wire.signInFrame('login', alice, await wire.challenge());
  // The relay runs in this process: its steady clock is this one.
  const real = performance.now.bind(performance);
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => real() + 30_001);
  afterwards(() => clock.mockRestore());
  expect(await wire.ask(frame)).toMatchObject(failure('challenge-expired'));
});

test.for(['login', 'register'] as const)('%s: every signed field counts', async (kind) => {
  const relay = await openRelay();
  if (kind === 'login') await Wire.signedIn(relay, alice);
  const refuses = async (
    what: string,
    changes: Record<string, unknown>,
    late: object = {},
  ): Promise<void> => {
    const wire = await Wire.open(relay);
    const frame = await wire.signInFrame(kind, alice, await wire.challenge(), changes);
    expect(await wire.ask({ ...frame, ...late }), what).toMatchObject(failure('login-refused'));
  };
  await refuses('signed for another relay', { relayKey: randomBytes(32) });
  await refuses('signed for another nonce', { serverNonce: randomBytes(32) });
  await refuses('not signed', { signature: randomBytes(384) });
  await refuses('another client nonce than signed', {}, { clientNonce: randomBytes(32) });
  await refuses('another time than signed', {}, { time: Date.now() + 60_000 });
});

test('a registration is signed for its name', async () => {
  const relay = await openRelay();
  const wire = await Wire.open(relay);
  const frame = await wire.signInFrame('register', alice, await wire.challenge());
  expect(await wire.ask({ ...frame, user: 'eve' })).toMatchObject({ type: 'failure' });
  expect(await wire.signIn('login', { ...alice, name: 'eve' })).toMatchObject(failure('unknown-user'));
});

test("a login's signature is no registration, and the other way round", async () => {
  const relay = await openRelay();
  const wire = await Wire.open(relay);
  expect(await wire.signIn('register', alice, { signedAs: 'login' })).toMatchObject(failure('login-refused'));
  expect(await wire.signIn('login', alice)).toMatchObject(failure('unknown-user'));
  expect(await wire.signIn('register', alice)).toMatchObject({ type: 'done' });
  const second = await Wire.open(relay);
  expect(await second.signIn('login', alice, { signedAs: 'register' })).toMatchObject(
    failure('login-refused'),
  );
});

test("nobody gets in under another's name, or takes a second one", async () => {
  const relay = await openRelay();
  await Wire.signedIn(relay, alice);
  const wire = await Wire.open(relay);
  const posing = { name: 'alice', identity: mallory.identity };
  expect(await wire.signIn('login', posing)).toMatchObject(failure('login-refused'));
  // The fingerprint is public: naming the right one helps nobody without its key.
  expect(
    await wire.signIn('login', posing, { identity: alice.identity.publicKey.fingerprint }),
  ).toMatchObject(failure('login-refused'));
  expect(await wire.signIn('register', posing)).toMatchObject(failure('name-taken'));
  const renamed = { name: 'alice2', identity: alice.identity };
  expect(await wire.signIn('register', renamed)).toMatchObject(failure('identity-taken'));
  expect(await wire.signIn('login', mallory)).toMatchObject(failure('unknown-user'));
});

test('five refused sign-ins end the connection', async () => {
  const relay = await openRelay();
  const wire = await Wire.open(relay);
  for (let i = 0; i < 5; i++) expect(await wire.signIn('login', bob)).toMatchObject(failure('unknown-user'));
  expect(await wire.closed).toEqual({ code: 1008, reason: 'login-refused' });
});

test("a clock that is over an hour off is told so, in both directions; one that isn't passes", async () => {
  const now = Date.now();
  const relay = await openRelay({ now: () => now });
  const wire = await Wire.open(relay);
  for (const time of [now - CLOCK_TOLERANCE_MS - 1, now + CLOCK_TOLERANCE_MS + 1]) {
    expect(await wire.signIn('register', alice, { time })).toMatchObject(failure('clock-wrong'));
  }
  expect(await wire.signIn('register', alice, { time: now - CLOCK_TOLERANCE_MS })).toMatchObject({
    type: 'done',
  });
});

test('a registration needs a reception key of its own', async () => {
  const relay = await openRelay();
  const wire = await Wire.open(relay);
  const wrong = await receptionKey({ name: 'alice', identity: bob.identity });
  expect(await wire.signIn('register', alice, { receptionKey: wrong })).toMatchObject(
    failure('reception-key-refused'),
  );
  expect(await wire.signIn('login', alice)).toMatchObject(failure('unknown-user'));
});

test('who is signed in stays who he is: a second sign-in is malformed', async () => {
  const relay = await openRelay();
  const other = await Wire.signedIn(relay, bob);
  const wire = await Wire.signedIn(relay, alice);
  expect(await wire.signIn('login', bob)).toMatchObject(failure('malformed'));
  expect(await wire.closed).toEqual({ code: 1008, reason: 'malformed' });
  // Nor did it take bob's place.
  expect(await other.ask({ type: 'lookup', user: 'bob' })).toMatchObject({ type: 'user' });
});

test('a stranger has 8 frames ahead of an answer, and is cut off for more', async () => {
  const relay = await openRelay();
  const polite = await Wire.open(relay);
  const first = await polite.signInFrame('register', alice, await polite.challenge());
  // Written in one go, they all are there before the signature has been verified.
  const answers = [first, ...Array.from({ length: 7 }, () => ({ type: 'hello', version: 1 }))];
  const types = (await Promise.all(answers.map((frame) => polite.ask(frame)))).map(({ type }) => type);
  expect(types).toEqual(['done', ...Array.from({ length: 7 }, () => 'challenge')]);

  const flooding = await Wire.open(relay);
  flooding.tell({ ...(await flooding.signInFrame('register', bob, await flooding.challenge())), id: 100 });
  for (let id = 101; id < 150; id++) flooding.tell({ type: 'hello', version: 1, id });
  expect(await flooding.closed).toEqual({ code: 1008, reason: 'malformed' });
});
