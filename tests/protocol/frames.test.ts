// The frames: written and read alike, and nothing else taken for one.
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../protocol/failures.ts';
import {
  type ClientFrame,
  encodeClientFrame,
  encodeRelayFrame,
  parseClientFrame,
  parseRelayFrame,
  type RelayFrame,
} from '../../protocol/frames.ts';

const receptionKey = {
  class: 'rotating' as const,
  created: 1,
  expires: 2,
  key: randomBytes(422),
  signature: randomBytes(384),
};
const signIn = {
  id: 1,
  user: 'alice',
  clientNonce: randomBytes(32),
  time: 0,
  signature: randomBytes(384),
};
const clientFrames: ClientFrame[] = [
  { type: 'hello', id: 1, version: 1 },
  { type: 'login', ...signIn, identity: randomBytes(32) },
  { type: 'register', ...signIn, identityKey: randomBytes(422), receptionKey },
  { type: 'publish', id: 2, receptionKey },
  { type: 'lookup', id: 3, user: 'b.o-b_2' },
  { type: 'send', id: 4, to: 'bob', envelope: randomBytes(884) },
  { type: 'send', id: Number.MAX_SAFE_INTEGER, to: 'bob', envelope: randomBytes(49_652) },
  { type: 'acknowledge', from: 'bob', message: randomBytes(16) },
];
const relayFrames: RelayFrame[] = [
  { type: 'challenge', id: 1, nonce: randomBytes(32), time: 5 },
  { type: 'done', id: 1 },
  { type: 'user', id: 1, user: 'bob', identityKey: randomBytes(422), receptionKey },
  { type: 'accepted', id: 1 },
  { type: 'failure', id: 1, code: 'unknown-user', detail: '' },
  { type: 'failure', code: 'malformed', detail: 'x'.repeat(500) },
  { type: 'deliver', from: 'bob', envelope: randomBytes(49_652) },
];

const refused = (parse: (text: string) => unknown, text: string): string => {
  try {
    parse(text);
  } catch (error) {
    expect(error).toBeInstanceOf(Failure);
    expect((error as Failure).code).toBe('malformed');
    return (error as Failure).message;
  }
  throw new Error(`taken: ${text.slice(0, 200)}`);
};

test.each(clientFrames)("a client's $type", (frame) => {
  expect(parseClientFrame(encodeClientFrame(frame))).toEqual(frame);
});

test.each(relayFrames)("a relay's $type", (frame) => {
  expect(parseRelayFrame(encodeRelayFrame(frame))).toEqual(frame);
});

test('every frame without one of its fields, and with one more, is refused', () => {
  const cases = [
    ...clientFrames.map((frame) => ({ text: encodeClientFrame(frame), parse: parseClientFrame })),
    ...relayFrames.map((frame) => ({ text: encodeRelayFrame(frame), parse: parseRelayFrame })),
  ];
  for (const { text, parse } of cases) {
    const value = JSON.parse(text) as Record<string, unknown>;
    for (const name of Object.keys(value)) {
      if (value['type'] === 'failure' && name === 'id') continue;
      const rest = Object.entries(value).filter(([other]) => other !== name);
      refused(parse, JSON.stringify(Object.fromEntries(rest)));
    }
    refused(parse, JSON.stringify({ ...value, more: 1 }));
    refused(parse, text.replace('{', '{"__proto__":{},'));
  }
});

describe('refused with a sentence that names the field', () => {
  const lookup = { type: 'lookup', id: 1, user: 'bob' };
  const acknowledge = { type: 'acknowledge', from: 'bob', message: 'A'.repeat(22) };
  test.each([
    ['a name with a capital', { ...lookup, user: 'Bob' }, /^user: A name has/],
    ['a name of one character', { ...lookup, user: 'b' }, /^user:/],
    ['a name of 33 characters', { ...lookup, user: 'b'.repeat(33) }, /^user:/],
    ['a name with a line break at the end', { ...lookup, user: 'bob\n' }, /^user:/],
    ['id 0', { ...lookup, id: 0 }, /^id:/],
    ['a broken id', { ...lookup, id: 1.5 }, /^id:/],
    ['an id above 2^53', { ...lookup, id: 2 ** 53 }, /^id:/],
    ['an id in a string', { ...lookup, id: '1' }, /^id:/],
    ['padded base64', { ...acknowledge, message: `${'A'.repeat(22)}==` }, /^message:/],
    ['base64 of the other alphabet', { ...acknowledge, message: `${'A'.repeat(20)}+/` }, /^message:/],
    ['stray bits in base64url', { ...acknowledge, message: `${'A'.repeat(21)}B` }, /^message:/],
    ['15 bytes for 16', { ...acknowledge, message: 'A'.repeat(20) }, /^message:/],
    ['another type', { type: 'shout', id: 1 }, /^type:/],
  ])('%s', (_name, value, sentence) => {
    expect(refused(parseClientFrame, JSON.stringify(value))).toMatch(sentence);
  });

  test.each(['', '{', 'null', '[]', '"x"', '1', '{}'])('%j', (text) => {
    refused(parseClientFrame, text);
    refused(parseRelayFrame, text);
  });

  test('a frame of over 96 KiB', () => {
    expect(refused(parseClientFrame, JSON.stringify({ ...lookup, user: 'b'.repeat(96 * 1024) }))).toMatch(
      /98304/,
    );
  });
});

test('no JSON value is taken for a frame by chance, nor makes the reader throw anything else', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      refused(parseClientFrame, text);
      refused(parseRelayFrame, text);
    }),
    { numRuns: 2000 },
  );
});
