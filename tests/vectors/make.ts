// Makes the frozen vectors: `node tests/vectors/v1/make.ts` after `node tests/vectors/v1/keys.ts`. OAEP and PSS are
// randomised, so each run gives others; they are made again only when the protocol changes.
import { writeFileSync } from 'node:fs';
import { decodeContent } from '../../protocol/content.ts';
import { safetyNumber } from '../../protocol/safety-number.ts';
import { messageId, pairConversation } from '../../protocol/ids.ts';
import { sha256, spkiOf } from '../../protocol/key.ts';
import { badContents, goodContents, silentContents, unknownContents } from './contents.ts';
import { deviceLists } from './device-lists.ts';
import { goodEnvelopes, malformedPayloads, tamperings } from './envelopes.ts';
import { frames } from './frames.ts';
import { identityOf, modulusOf, openingKey, signingKey } from './keys.ts';
import { links } from './links.ts';
import { prekeys, signIn, signIns } from './statements.ts';

/** Bytes as hex, wherever they stand. */
function write(name: string, comment: string, value: object): void {
  const text = JSON.stringify(
    { comment, ...value },
    function (this: Record<string, unknown>, key, plain: unknown) {
      const own = this[key];
      return Buffer.isBuffer(own) ? own.toString('hex') : plain;
    },
    1,
  );
  writeFileSync(new URL(name, import.meta.url), `${text}\n`);
}

const [alice, alice2, alice3, alice4, bob, mallory] = await Promise.all(
  (['alice', 'alice2', 'alice3', 'alice4', 'bob', 'mallory'] as const).map(signingKey),
);
const [bobPrekey, otherPrekey, aliceRatchet] = await Promise.all(
  (['bobPrekey', 'otherPrekey', 'aliceRatchet'] as const).map(openingKey),
);
const parties = {
  alice: alice!,
  mallory: mallory!,
  bob: bob!,
  bobPrekey: bobPrekey!,
  otherPrekey: otherPrekey!,
  aliceRatchet: aliceRatchet!,
};

const named = (list: [name: string, bytes: Buffer][]): object[] =>
  list.map(([name, bytes]) => ({ name, bytes }));
write(
  'contents.json',
  'good: bytes and what they say. unknown: shown as needing a newer version. silent: ignored. bad: refused.',
  {
    good: goodContents.map(([name, bytes]) => ({ name, bytes, content: decodeContent(bytes) })),
    unknown: named(unknownContents),
    silent: named(silentContents),
    bad: named(badContents),
  },
);

const good = await goodEnvelopes(parties);
const find = (name: string): Buffer => good.find((one) => one.name.startsWith(name))!.envelope;
const bad = [
  ...(await tamperings(parties, find('two blocks'), find('256 ids'))),
  ...(await malformedPayloads(parties, badContents)),
];
const conversation = pairConversation(identityOf('alice'), identityOf('bob'));
write(
  'envelopes.json',
  "From alice's device 1 to bob's device 1, sealed to bobPrekey. good: in this order one chain, with the payload, the " +
    'message id and SHA-256 of the envelope. bad: refused, at the latest in the named step of receiving.',
  {
    conversation,
    good: good.map(({ name, envelope, payload }) => ({
      name,
      envelope,
      hash: sha256(envelope),
      payload,
      id: messageId({ author: identityOf('alice'), conversation, ...payload }),
    })),
    bad,
  },
);

const lists = await deviceLists({
  alice: alice!,
  alice2: alice2!,
  alice3: alice3!,
  alice4: alice4!,
  mallory: mallory!,
});
write(
  'device-lists.json',
  "changes: alice's list, change by change. bad: refused after the first `after` changes. full: a list of eight devices, " +
    'which refuses `ninth`. race: what a relay answers, in this order.',
  lists,
);
const keys = await prekeys(bob!, mallory!);
write('prekeys.json', "bob's signed prekeys. bad: refused.", keys);
const signed = await signIns(bob!);
write('sign-in.json', 'What bob signs to log in and to register.', { user: 'bob', ...signIn(), ...signed });
write(
  'frames.json',
  'good: bytes and what they say. unknown: answered by unknown-frame, or ignored if the request is 0. bad: malformed.',
  frames({
    device: lists.changes[0]!,
    prekey: keys.good[0]!.signed,
    ...signed,
    envelope: find('text'),
    withRatchetKey: find('with a ratchet key'),
  }),
);
write('links.json', 'Invites and verification links; the bad ones are refused.', links());
const party = (user: string, name: 'alice' | 'bob') => ({ user, spki: spkiOf(modulusOf(name)) });
write('safety-numbers.json', 'Of the identity keys in keys.json.', {
  numbers: [
    { one: 'alice', other: 'bob', digits: safetyNumber(party('alice', 'alice'), party('bob', 'bob')) },
    { one: 'alice', other: 'bobby', digits: safetyNumber(party('alice', 'alice'), party('bobby', 'bob')) },
  ],
});
