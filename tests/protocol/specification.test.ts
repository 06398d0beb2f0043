// PROTOCOL.md against the code: its version, its worked example, its tables of types and codes.
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { importOpeningKey } from '../../main/messenger/rsa.ts';
import { authenticate, open } from '../../main/messenger/seal.ts';
import { messageTypes } from '../../protocol/body.ts';
import { blockLabels, decodeEnvelope, sha256 } from '../../protocol/envelope.ts';
import { relayFailureCodes } from '../../protocol/failures.ts';
import { ClientFrame, RelayFrame, VERSION } from '../../protocol/frames.ts';
import { importPublicKey, verifySignature } from '../../protocol/public-key.ts';
import { RECEPTION_KEY_LIFETIME_MS } from '../../protocol/statements.ts';
import { envelopes, keys, safetyNumbers, statements } from '../vectors/vectors.ts';

const text = readFileSync(new URL('../../protocol/PROTOCOL.md', import.meta.url), 'utf8');
const section = (title: string): string => text.split(`\n## ${title}\n`)[1]!.split('\n## ')[0]!;
/** The fenced block under a bold label of the worked example. */
function example(label: string): string {
  const found = section('Worked example').split(`**${label}**`)[1];
  if (found === undefined) throw new Error(`the worked example lacks "${label}"`);
  return found.split('```')[1]!.replace(/^\w+\n/, '');
}
const hex = (label: string): Buffer => Buffer.from(example(label).replace(/\s/g, ''), 'hex');
/** The names in code type at the beginning of a table's rows. */
const names = (title: string): string[] =>
  [...section(title).matchAll(/^\| `([\w-]+)`/gm)].map(([, name]) => name!);

test('its version is the code’s', () => {
  expect(/^Version: (\d+)$/m.exec(text)?.[1]).toBe(String(VERSION));
});

test('it lists every frame, failure code and message type, and no other', () => {
  const types = [ClientFrame, RelayFrame].flatMap((schema) =>
    schema.def.options.map((option) => option.shape.type.def.values[0]),
  );
  const fieldsOfReceptionKey = ['class', 'created', 'key', 'signature'];
  expect(names('Frames').sort()).toEqual([...types, ...fieldsOfReceptionKey].sort());
  expect(names('Failure codes').sort()).toEqual([...relayFailureCodes].sort());
  const rows = [...section('Message types').matchAll(/^\| (\d+) +\| (\w+)/gm)].map(([, code, name]) => [
    name,
    Number(code),
  ]);
  expect(Object.fromEntries(rows)).toEqual(messageTypes);
  expect(text).toContain(RECEPTION_KEY_LIFETIME_MS.toLocaleString('en'));
});

test('the worked example opens, and its parts are what it says', async () => {
  const bytes = hex('envelope');
  const envelope = decodeEnvelope(bytes);
  const alice = await importPublicKey(hex("alice's identity key, SPKI"));
  expect(alice.fingerprint).toEqual(hex("alice's identity fingerprint"));
  const bobFingerprint = hex("bob's identity fingerprint");
  expect(sha256(hex("bob's identity key, SPKI"))).toEqual(bobFingerprint);
  await authenticate(envelope, alice, bobFingerprint);

  const { p = '', q = '' } = createPrivateKey(example("bob's reception key, private")).export({
    format: 'jwk',
  });
  const key = await importOpeningKey(
    Buffer.concat([Buffer.from(p, 'base64url'), Buffer.from(q, 'base64url')]),
  );
  expect(key.publicKey.spki).toEqual(hex("bob's reception key, SPKI"));
  expect(envelope.header.receptionKey).toEqual(hex("bob's reception key fingerprint"));
  const inner = await open(envelope, key);
  expect(inner.body.toString('utf8')).toBe('Hello, Bob!');

  const headerHash = hex('SHA-256 of the header');
  expect(envelope.headerBytes).toEqual(hex('header'));
  expect(sha256(envelope.headerBytes)).toEqual(headerHash);
  expect(blockLabels(headerHash, 1)[0]!).toEqual(hex('label of block 0'));
  expect(hex('inner bytes, without the padding').subarray(0, 32)).toEqual(headerHash);
  expect(hex('inner bytes, without the padding').subarray(93).toString('utf8')).toBe('Hello, Bob!');
  expect(sha256(bytes)).toEqual(hex('what `previous` of the next envelope holds'));
});

test('the worked example is the first of the vectors', async () => {
  expect(hex('envelope').toString('base64url')).toBe(envelopes.good[0]!.envelope);
  expect(hex('what `previous` of the next envelope holds').toString('hex')).toBe(
    envelopes.good[1]!.inner.previous,
  );
  expect(example('safety number of alice and bob').replace(/\s/g, '')).toBe(safetyNumbers.numbers[0]!.digits);
  expect(hex('what bob signs to log in').toString('hex')).toBe(statements.signIn.login);
  expect(hex('what bob signs of this reception key').toString('hex')).toBe(statements.receptionKey.statement);
  const bob = await importPublicKey(Buffer.from(keys.bob.spki, 'hex'));
  expect(
    await verifySignature(bob, hex('a signature of it'), hex('what bob signs of this reception key')),
  ).toBe(true);
});
