// docs/TROUBLESHOOTING.md has every sentence that tells of a failure, and none that nothing says.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { failureSentences, root } from './sentences.ts';

const page = readFileSync(join(root, 'docs', 'TROUBLESHOOTING.md'), 'utf8');
/** What stands there in bold: whole sentences, or the words that fill one. */
const told = [...page.matchAll(/\*\*`([^`]+)`\*\*/g)].map(([, text]) => text!);

/** What the console client says besides, word for word in its sources. */
const terminal = ['cli/joining.ts', 'cli/json.ts', 'cli/slash-commands.ts', 'build/keyring.mjs']
  .map((file) => readFileSync(join(root, file), 'utf8'))
  .join('\n');
const isInTerminal = (span: string): boolean => {
  const parts = span.split('…').map((words) => words.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`(['"\`])${parts.join('\\$\\{[^`\\n]*\\}')}\\1`).test(terminal);
};

/** What a text reads like: where it varies stands "…", or words that the sources fill in there. */
function shapeOf(text: string, fillings: Set<string>): RegExp {
  const escaped = (words: string): string => words.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const filling = ['…', ...fillings].map(escaped).join('|');
  return new RegExp(`^${text.split('…').map(escaped).join(`(?:${filling})`)}$`);
}

const sentences = failureSentences().map(({ text, fillings }) => {
  const parts = [text, ...fillings].map((words) => ({ words, shape: shapeOf(words, fillings) }));
  // Of what is all variable, nothing but the fillings can be told.
  return text === '…' ? parts.slice(1) : parts;
});

/** @returns sentences that the page lacks, and those that it has but nothing says */
function compare(spans: string[]): { missing: string[]; invented: string[] } {
  const lacks = (parts: (typeof sentences)[number]): string[] => {
    const near = spans.filter((span) => parts.some(({ shape }) => shape.test(span)));
    const isTold = (words: string, shape: RegExp): boolean =>
      near.some((span) => shape.test(span) || (words !== parts[0]!.words && span.includes(words)));
    return parts.filter(({ words, shape }) => !isTold(words, shape)).map(({ words }) => words);
  };
  const isSaid = (span: string): boolean =>
    sentences.some((parts) => parts.some(({ shape }) => shape.test(span)));
  return {
    missing: [...new Set(sentences.flatMap(lacks))],
    invented: spans.filter((span) => !isSaid(span) && !isInTerminal(span)),
  };
}

test('every sentence is in the page, and the page has no other', () => {
  expect(sentences.length).toBeGreaterThan(100);
  expect(compare(told)).toEqual({ missing: [], invented: [] });
});

test('one that is left out, changed or invented is found', () => {
  for (const [i, span] of told.entries()) {
    const without = told.filter((other) => other !== span);
    const changed = told.with(i, `${span}x`);
    // A sentence with words filled in may still stand there with others; its own words then don't.
    if (!isInTerminal(span)) expect(compare(without).missing, span).not.toEqual([]);
    expect(compare(changed).invented, span).toEqual([`${span}x`]);
  }
});

test('it stays a page that one can look through', () => {
  expect(page.split('\n').length).toBeLessThanOrEqual(140);
});
