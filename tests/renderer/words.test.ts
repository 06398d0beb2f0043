// Messages and notices in words: each kind has its own, and a text is cut to a line.
import { expect, test } from 'vitest';
import type { MessageKind } from '../../preload/contract.ts';
import { isAlarming, noticeOf, previewOf } from '../../renderer/words.ts';
import { message, row } from './rows.ts';

const notice = (kind: MessageKind, count = 0): string => noticeOf(row(0, { kind, count }));

test.each<[MessageKind, number, RegExp]>([
  ['gap', 0, /^The missing messages have arrived/],
  ['gap', 1, /^A message is missing here\.$/],
  ['gap', 12, /^12 messages are missing here\.$/],
  ['fork', 0, /don't fit together.*bob/],
  ['newSession', 0, /^bob is now using another computer/],
  ['devices', 2, /^bob's devices have changed\.$/],
  ['refused', 1, /^A message was refused: it was not authentic\.$/],
  ['refused', 3, /^3 messages were refused: they were not authentic\.$/],
  ['unknown', 0, /needs a newer version of Signet/],
  ['text', 0, /^$/],
])('a notice of the kind %s with %i in it', (kind, count, words) => {
  expect(notice(kind, count)).toMatch(words);
});

test.each<[MessageKind, number, boolean]>([
  ['gap', 0, false],
  ['gap', 1, true],
  ['fork', 0, true],
  ['refused', 1, true],
  ['newSession', 0, false],
  ['devices', 1, false],
  ['unknown', 0, false],
  ['text', 0, false],
])('%s with %i in it is alarming: %s', (kind, count, alarming) => {
  expect(isAlarming(row(0, { kind, count }))).toBe(alarming);
});

test('a preview is one line, says whose it is, and looks only at the beginning', () => {
  expect(previewOf(message(0, { mine: false, text: 'Hello' }))).toBe('Hello');
  expect(previewOf(message(0, { mine: true, text: 'Hello' }))).toBe('You: Hello');
  expect(previewOf(message(0, { mine: false, text: 'one\r\ntwo\n\n\tthree' }))).toBe('one two three');
  expect(previewOf(message(0, { mine: false, text: 'x'.repeat(30_000) }))).toHaveLength(200);
  const missing = message(0, { kind: 'gap', count: 2, text: '', mine: false, state: 'noted' });
  expect(previewOf(missing)).toBe(noticeOf(missing));
  const unknown = message(0, { kind: 'unknown', text: 'what a newer version wrote', mine: false });
  expect(previewOf(unknown)).toBe(noticeOf(unknown));
});
