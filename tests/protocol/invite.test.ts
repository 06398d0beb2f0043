// The invite: as in the vectors, round trips, and a sentence for whatever is no invite.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Failure } from '../../protocol/failures.ts';
import { decodeInvite, encodeInvite, type Invite, splitAddress } from '../../protocol/invite.ts';
import { invites } from '../vectors/vectors.ts';

test.each(invites.good)('$link', ({ link, relays, key, inviter }) => {
  const expected: Invite = {
    relays,
    key: Buffer.from(key, 'hex'),
    ...(inviter ? { inviter: { name: inviter.name, identity: Buffer.from(inviter.identity, 'hex') } } : {}),
  };
  expect(decodeInvite(link)).toEqual(expected);
  expect(encodeInvite(expected)).toBe(link);
});

test.each(invites.bad)('refused: $why', ({ link }) => {
  expect(() => decodeInvite(link)).toThrow(/^This is not a usable invite: .+\. Ask for it again/);
});

test('white space from a mail program does no harm', () => {
  const { link } = invites.good[0]!;
  expect(decodeInvite(`\n  ${link.slice(0, 30)}\r\n ${link.slice(30)} \t`)).toEqual(decodeInvite(link));
});

test('an invite is read as it was written', () => {
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((array) => Buffer.from(array));
  const host = fc.oneof(
    fc.ipV4(),
    fc.ipV6().map((address) => `[${address}]`),
    fc.domain(),
  );
  const address = fc.tuple(host, fc.integer({ min: 1, max: 65535 })).map(([h, port]) => `${h}:${port}`);
  const relays = fc.array(address, { minLength: 1, maxLength: 16 });
  fc.assert(
    fc.property(relays, key, fc.option(key, { nil: undefined }), (some, relayKey, identity) => {
      const invite = {
        relays: some,
        key: relayKey,
        ...(identity ? { inviter: { name: 'bob', identity } } : {}),
      };
      expect(decodeInvite(encodeInvite(invite))).toEqual(invite);
    }),
  );
});

test('no text makes it throw anything but a Failure', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.string().map((rest) => `signet://join?v=1&${rest}`),
  );
  fc.assert(
    fc.property(texts, (text) => {
      expect(() => decodeInvite(text)).toThrow(Failure);
    }),
  );
});

test('an address is taken apart', () => {
  expect(splitAddress('[2001:db8::7]:7443')).toEqual({ host: '2001:db8::7', port: 7443 });
  expect(splitAddress('chat.example.org:1')).toEqual({ host: 'chat.example.org', port: 1 });
});
