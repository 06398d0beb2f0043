// What an identity key signs: the bytes as in the vectors, and no signature of one kind serving as another.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sign } from '../../main/messenger/rsa.ts';
import { decodeEnvelope, signedEnvelope } from '../../protocol/envelope.ts';
import { verifySignature } from '../../protocol/public-key.ts';
import { receptionKeyStatement, signInStatement } from '../../protocol/statements.ts';
import { envelopes, signingKey, statements } from '../vectors/vectors.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const reception = { ...statements.receptionKey, key: bytes(statements.receptionKey.key) };
const { signIn } = statements;
const signInFields = {
  relayKey: bytes(signIn.relayKey),
  user: signIn.user,
  identity: bytes(signIn.identity),
  serverNonce: bytes(signIn.serverNonce),
  clientNonce: bytes(signIn.clientNonce),
  time: signIn.time,
};

test('the statements are as in the vectors, and their signatures verify', async () => {
  const { publicKey } = await signingKey('bob');
  const cases: [Buffer, string, string][] = [
    [receptionKeyStatement('bob', reception), reception.statement, reception.signature],
    [signInStatement('login', signInFields), signIn.login, signIn.loginSignature],
    [signInStatement('register', signInFields), signIn.register, signIn.registerSignature],
  ];
  for (const [made, expected, signature] of cases) {
    expect(made.toString('hex')).toBe(expected);
    expect(await verifySignature(publicKey, bytes(signature), made)).toBe(true);
  }
});

test('no signature of one kind is one of another kind', async () => {
  const bob = await signingKey('bob');
  const { headerBytes, blocks } = decodeEnvelope(Buffer.from(envelopes.good[0]!.envelope, 'base64url'));
  const kinds = {
    envelope: signedEnvelope(headerBytes, blocks),
    'reception key': receptionKeyStatement('bob', reception),
    login: signInStatement('login', signInFields),
    register: signInStatement('register', signInFields),
  };
  const accepted: string[] = [];
  for (const [signedKind, message] of Object.entries(kinds)) {
    const signature = await sign(bob, message);
    for (const [kind, other] of Object.entries(kinds)) {
      if (await verifySignature(bob.publicKey, signature, other)) accepted.push(`${signedKind} as ${kind}`);
    }
  }
  expect(accepted).toEqual(Object.keys(kinds).map((kind) => `${kind} as ${kind}`));
});

test('whatever the fields are, statements of two kinds never share their bytes', () => {
  const any = (length: number): fc.Arbitrary<Buffer> =>
    fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));
  const user = fc.stringMatching(/^[a-z][a-z0-9._-]{1,31}$/);
  const time = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  const receptionKeys = fc
    .tuple(user, time, time, any(422))
    .map(([name, created, expires, key]) =>
      receptionKeyStatement(name, { class: 'rotating', created, expires, key }),
    );
  const signIns = fc.record({
    relayKey: any(32),
    user,
    identity: any(32),
    serverNonce: any(32),
    clientNonce: any(32),
    time,
  });
  const headers = fc.tuple(any(116), any(384)).map(([header, block]) => signedEnvelope(header, [block]));
  fc.assert(
    fc.property(receptionKeys, signIns, headers, (receptionKey, fields, envelope) => {
      const all = [
        receptionKey,
        signInStatement('login', fields),
        signInStatement('register', fields),
        envelope,
      ];
      // Neither equal nor the beginning of one another: the domains differ within the first 24 bytes.
      expect(new Set(all.map((statement) => statement.subarray(0, 24).toString('hex'))).size).toBe(4);
    }),
  );
});

test('each field of a sign-in is signed', () => {
  const changed = [
    signInStatement('login', { ...signInFields, relayKey: Buffer.alloc(32) }),
    signInStatement('login', { ...signInFields, user: 'rob' }),
    signInStatement('login', { ...signInFields, identity: Buffer.alloc(32) }),
    signInStatement('login', { ...signInFields, serverNonce: Buffer.alloc(32) }),
    signInStatement('login', { ...signInFields, clientNonce: Buffer.alloc(32) }),
    signInStatement('login', { ...signInFields, time: 1 }),
    signInStatement('login', signInFields),
  ];
  expect(new Set(changed.map((statement) => statement.toString('hex'))).size).toBe(changed.length);
});
