// What devices sign: prekeys, sign-ins; and that a signature for one purpose never serves for another.
import { expect, test } from 'vitest';
import { decodeContent } from '../../protocol/content.ts';
import { decodeDeviceChange, firstList } from '../../protocol/devices.ts';
import { decodeEnvelope, signedEnvelope } from '../../protocol/envelope.ts';
import { verifyOnce } from '../../protocol/key.ts';
import { acceptPrekey, decodePrekey, encodePrekey, type Prekey } from '../../protocol/prekey.ts';
import { loginStatement, registerStatement } from '../../protocol/sign-in.ts';
import { labels, type Signed } from '../../protocol/statement.ts';
import { modulusOf } from '../vectors/keys.ts';
import { deviceLists, envelopes, fromHex, inHex, prekeys, signedOf, signIn } from '../vectors/vectors.ts';
import { flipBit } from '../vectors/envelopes.ts';
import { CREATED } from '../vectors/statements.ts';

/** A prekey as its recipient takes it, at the time of the vectors. */
const taken = (signed: Signed): Prekey =>
  acceptPrekey(signed, { user: 'bob', list: firstList(modulusOf('bob')), now: CREATED });

test.each(prekeys.good)('a prekey $name', ({ prekey, signed }) => {
  expect(inHex(taken(signedOf(signed)))).toEqual(prekey);
});

test.each(prekeys.bad)('a prekey is refused: $name', ({ signed }) => {
  expect(() => taken(signedOf(signed))).toThrow();
});

test('a prekey is written as it is signed, its known kinds sorted and once each', () => {
  const { signed } = prekeys.good[0]!;
  const prekey = decodePrekey(signedOf(signed).bytes);
  const shuffled = { ...prekey, knownKinds: [...prekey.knownKinds, 1].reverse() };
  expect(encodePrekey(shuffled).toString('hex')).toBe(signed.bytes);
});

test('sign-ins have the bytes of the document, and verify', () => {
  const { user, device, time } = signIn;
  const fields = {
    relayKey: fromHex(signIn.relayKey),
    identity: fromHex(signIn.identity),
    device,
    serverNonce: fromHex(signIn.serverNonce),
    clientNonce: fromHex(signIn.clientNonce),
    time,
  };
  expect(loginStatement(fields).toString('hex')).toBe(signIn.login.bytes);
  expect(registerStatement(user, fields).toString('hex')).toBe(signIn.register.bytes);
  for (const { bytes, signature } of [signIn.login, signIn.register].map(signedOf)) {
    expect(verifyOnce(modulusOf('bob'), signature, bytes)).toBe(true);
  }
});

test('no label is the beginning of another, and each structure starts with its own', () => {
  const all = Object.values(labels);
  expect(new Set(all).size).toBe(all.length);
  for (const one of all) expect(all.filter((other) => other !== one && other.startsWith(one))).toEqual([]);
});

test('every signature verifies for its own bytes, and for nothing else that is signed', () => {
  const envelope = decodeEnvelope(fromHex(envelopes.good[0]!.envelope));
  const signed = [
    {
      by: 'alice' as const,
      signature: envelope.signature,
      bytes: signedEnvelope(envelope.headerBytes, envelope.blocks),
    },
    { by: 'alice' as const, ...signedOf(deviceLists.changes[0]!) },
    { by: 'bob' as const, ...signedOf(prekeys.good[0]!.signed) },
    { by: 'bob' as const, ...signedOf(signIn.login) },
    { by: 'bob' as const, ...signedOf(signIn.register) },
  ];
  for (const one of signed) {
    for (const other of signed) {
      expect(verifyOnce(modulusOf(one.by), one.signature, other.bytes)).toBe(one === other);
    }
  }
});

test('a statement of one kind is read as no other', () => {
  const device = fromHex(deviceLists.changes[0]!.bytes);
  const prekey = fromHex(prekeys.good[0]!.signed.bytes);
  const others = [signIn.login, signIn.register].map(({ bytes }) => fromHex(bytes));
  for (const bytes of [prekey, ...others]) expect(() => decodeDeviceChange(bytes)).toThrow();
  for (const bytes of [device, ...others]) expect(() => decodePrekey(bytes)).toThrow();
  for (const bytes of [device, prekey, ...others]) expect(() => decodeContent(bytes)).toThrow();
});

test('10,000 bits turned in a prekey and its signature: none is taken', () => {
  const { bytes, signature } = signedOf(prekeys.good[0]!.signed);
  const all = Buffer.concat([bytes, signature]);
  for (let i = 0; i < 10_000; i++) {
    const changed = flipBit(all, (i * 7919) % (8 * all.length));
    const signed = { bytes: changed.subarray(0, bytes.length), signature: changed.subarray(bytes.length) };
    expect(() => taken(signed)).toThrow();
  }
});
