// Links: strict in what they need, open to what a newer Signet adds.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Failure } from '../../protocol/failures.ts';
import { decodeInvite, decodeVerification, encodeInvite, encodeVerification } from '../../protocol/links.ts';
import { fromHex, inHex, links } from '../vectors/vectors.ts';

test.each(links.invites)('an invite: $link', ({ link, invite }) => {
  expect(inHex(decodeInvite(link))).toEqual(invite);
});

test.each(links.badInvites)('an invite is refused for $why', ({ link }) => {
  expect(() => decodeInvite(link)).toThrow(Failure);
});

test('a verification link names both identities, whoever makes it', () => {
  const [a, b] = links.verification.identities.map(fromHex) as [Buffer, Buffer];
  expect(encodeVerification(b, a)).toBe(links.verification.link);
  expect(decodeVerification(links.verification.link)).toEqual([a, b]);
});

test.each(links.badVerifications)('a verification link is refused for $why', ({ link }) => {
  expect(() => decodeVerification(link)).toThrow(Failure);
});

test('an invite is read as it was written', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map(Buffer.from);
  const host = fc.oneof(
    fc.domain(),
    fc.ipV4(),
    fc.ipV6().map((ip) => `[${ip}]`),
  );
  const inviter = fc.record({
    user: fc.stringMatching(/^[a-z][a-z0-9._-]{1,31}$/),
    identity: bytes(32),
    listVersion: fc.nat(0xffff_ffff),
  });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(host, fc.integer({ min: 1, max: 65_535 })), { minLength: 1, maxLength: 16 }),
      bytes(32),
      fc.option(inviter, { nil: undefined }),
      fc.option(bytes(16), { nil: undefined }),
      (addresses, relayKey, from, token) => {
        const relays = addresses.map(([name, port]) => `${name}:${port}`);
        const invite = { relays, relayKey, ...(from ? { inviter: from } : {}), ...(token ? { token } : {}) };
        expect(decodeInvite(encodeInvite(invite))).toEqual(invite);
      },
    ),
  );
});
