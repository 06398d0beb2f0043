// PROTOCOL.md against the code: all registries, sizes, and the worked example.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { open } from '../../main/messenger/seal.ts';
import { kinds, MAX_IDS, MAX_TEXT_BYTES, tags } from '../../protocol/content.ts';
import {
  blockLabels,
  decodeEnvelope,
  envelopeHash,
  HEADER_BYTES,
  MAX_ENVELOPE_BYTES,
  MIN_ENVELOPE_BYTES,
} from '../../protocol/envelope.ts';
import { failureCodes } from '../../protocol/failure-codes.ts';
import { failureClasses, frameTags, MAX_BATCH } from '../../protocol/frame-bodies.ts';
import { frameTypes, MAX_FRAME_BYTES } from '../../protocol/frames.ts';
import { verifyOnce } from '../../protocol/key.ts';
import { PIECE_BYTES } from '../../protocol/payload.ts';
import { labels } from '../../protocol/statement.ts';
import { modulusOf, openingKey } from '../vectors/keys.ts';
import { envelopes, inHex } from '../vectors/vectors.ts';

const text = readFileSync(new URL('../../protocol/PROTOCOL.md', import.meta.url), 'utf8');
const section = (title: string): string => text.split(`\n## ${title}\n`)[1]!.split('\n## ')[0]!;
/** The tables of a section: their rows of cells. */
const tables = (title: string): string[][][] =>
  section(title)
    .split(/\n(?!\|)/)
    .map((part) => part.trim())
    .filter((part) => part.startsWith('|'))
    .map((table) =>
      table
        .split('\n')
        .slice(2)
        .map((row) =>
          row
            .slice(1, -1)
            .split('|')
            .map((cell) => cell.trim()),
        ),
    );
const name = (cell = ''): string => cell.replaceAll('`', '');

test('the kinds and tags that are built are the code’s, and all others are reserved', () => {
  const [kindRows, tagRows] = tables('Content');
  const built = (rows: string[][]) =>
    Object.fromEntries(
      rows.filter((row) => row.at(-1) !== 'reserved').map(([code, word]) => [name(word), Number(code)]),
    );
  expect(built(kindRows!)).toEqual(kinds);
  expect(built(tagRows!)).toEqual(tags);
  for (const rows of [kindRows!, tagRows!]) {
    const codes = rows.map(([code]) => Number(code));
    expect(codes).toEqual([...new Set(codes)].sort((a, b) => a - b));
    expect(rows.every((row) => ['built', 'reserved'].includes(row.at(-1)!))).toBe(true);
  }
  // Every tag that a kind may have stands in the table of tags.
  const used = kindRows!.flatMap(([, , list = '']) => list.match(/\d+/g) ?? []);
  expect(tagRows!.map(([code]) => code)).toEqual(expect.arrayContaining(used));
});

test('the labels are the code’s', () => {
  const rows = tables('Primitives and keys').at(-1)!;
  expect(rows.map(([label]) => name(label)).sort()).toEqual(Object.values(labels).sort());
});

test('the frames, their tags, and the classes of failures are the code’s', () => {
  const [frameRows, classRows] = tables('Frames');
  expect(Object.fromEntries(frameRows!.map(([code, word]) => [name(word), Number(code)]))).toEqual(
    frameTypes,
  );
  const documented = frameRows!.flatMap(([, word, , , cell = '']) => {
    const [, tag, tagName] = /^(\d+): `(\w+)`$/.exec(cell) ?? [];
    return tag ? [[name(word), { [tagName!]: Number(tag) }]] : [];
  });
  expect(Object.fromEntries(documented)).toEqual(frameTags);
  expect(Object.fromEntries(classRows!.map(([code, word]) => [name(word), Number(code)]))).toEqual(
    failureClasses,
  );
});

test('the failure codes and their classes are the code’s', () => {
  const [rows] = tables('Failure codes');
  expect(Object.fromEntries(rows!.map(([code, word]) => [name(code), word]))).toEqual(failureCodes);
});

test('sizes are the code’s', () => {
  const number = (value: number): string => value.toLocaleString('en');
  expect(section('Envelope')).toContain(`${number(MIN_ENVELOPE_BYTES)} to ${number(MAX_ENVELOPE_BYTES)}`);
  expect(section('Envelope')).toContain(`header (${HEADER_BYTES} + 384k bytes)`);
  expect(section('Payload')).toContain(`pieces of ${PIECE_BYTES} bytes`);
  expect(section('Content')).toContain(`1 to ${number(MAX_TEXT_BYTES)} bytes`);
  expect(section('Content')).toContain(`1 to ${MAX_IDS} ids`);
  expect(section('Transport')).toContain(`at most ${number(MAX_FRAME_BYTES)} bytes`);
  expect(section('Frames').split(`1 to ${number(MAX_BATCH)}`)).toHaveLength(3);
});

/** The fenced block under a bold label of the worked example. */
function example(label: string): string {
  const found = section('Worked example').split(`**${label}**`)[1];
  if (found === undefined) throw new Error(`the worked example lacks "${label}"`);
  return found.split('```')[1]!.replace(/^\w+\n/, '');
}
const hex = (label: string): Buffer => Buffer.from(example(label).replace(/\s/g, ''), 'hex');

test('the worked example is the first vector, and opens', async () => {
  const bytes = hex('envelope');
  expect(bytes.toString('hex')).toBe(envelopes.good[0]!.envelope);
  expect(hex('message id').toString('hex')).toBe(envelopes.good[0]!.id);
  const envelope = decodeEnvelope(bytes);
  expect(hex('header')).toEqual(envelope.headerBytes);
  expect(hex('label of block 0')).toEqual(blockLabels(envelope.headerBytes, 1)[0]);
  const key = await openingKey('bobPrekey');
  expect(envelope.header.encryptionKey).toEqual(hex("bob's prekey, fingerprint"));
  expect(inHex(await open(envelope, key))).toEqual(envelopes.good[0]!.payload);
  expect(hex('SHA-256 of the envelope')).toEqual(envelopeHash(bytes));
  expect(envelopeHash(bytes).toString('hex').slice(0, 32)).toBe(envelopes.good[1]!.payload.previous);
  expect(
    verifyOnce(modulusOf('bob'), hex('a signature of it'), hex('the statement that bob signs of it')),
  ).toBe(true);
});

test('its contents list every section', () => {
  const headings = [...text.matchAll(/^## (.+)$/gm)]
    .map(([, heading]) => heading)
    .filter((one) => one !== 'Contents');
  const listed = [...section('Contents').matchAll(/^\d+\. \[(.+)\]\(#(.+)\)$/gm)];
  expect(listed.map(([, title]) => title)).toEqual(headings);
  for (const [, title, anchor] of listed)
    expect(anchor).toBe(
      title!
        .toLowerCase()
        .replace(/[^a-z0-9 -]/g, '')
        .replaceAll(' ', '-'),
    );
});
