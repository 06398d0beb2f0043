// docs/TROUBLESHOOTING.md quotes what the programs say, word for word, and explains whatever blocks the whole window.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { failureSentences, root } from './sentences.ts';

const page = readFileSync(join(root, 'docs', 'TROUBLESHOOTING.md'), 'utf8');
/** What is quoted there, in bold. */
const quoted = [...page.matchAll(/\*\*`([^`]+)`\*\*/g)].map(([, text]) => text!);
const escaped = (words: string): string => words.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** What the console client and the notices in a conversation say, as it stands in the sources. */
const sources = [
  'cli/joining.ts',
  'cli/json.ts',
  'cli/contact-commands.ts',
  'build/keyring.mjs',
  'renderer/words.ts',
  'main/messenger/relay-failure.ts',
]
  .map((file) => readFileSync(join(root, file), 'utf8'))
  .join('\n');
const isInSources = (text: string): boolean =>
  new RegExp(`(['"\`])${text.split('…').map(escaped).join('\\$\\{[^`\\n]*\\}')}\\1`).test(sources);

/** What a text reads like: where it varies stands "…", or words that the sources fill in there. */
function shapeOf(text: string, fillings: Set<string>): RegExp {
  const filling = ['…', ...fillings].map(escaped).join('|');
  return new RegExp(`^${text.split('…').map(escaped).join(`(?:${filling})`)}$`);
}
const shapes = failureSentences().flatMap(({ text, fillings }) => {
  const all = [text, ...fillings].map((words) => shapeOf(words, fillings));
  // Of what is all variable, nothing but the fillings can be told.
  return text === '…' ? all.slice(1) : all;
});
const isSaid = (text: string): boolean => shapes.some((shape) => shape.test(text)) || isInSources(text);

test('what the page quotes is said, word for word', () => {
  expect(shapes.length).toBeGreaterThan(100);
  expect(quoted.length).toBeGreaterThan(40);
  expect(quoted.filter((text) => !isSaid(text))).toEqual([]);
});

test('a quotation that was changed is found', () => {
  for (const text of quoted) expect(isSaid(`${text}x`), text).toBe(false);
});

test('it stays a page that one can look through', () => {
  expect(page.split('\n').length).toBeLessThanOrEqual(110);
});
