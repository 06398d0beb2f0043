// What becomes a link in a text, and what does not, whatever the text is.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { partsOf } from '../../renderer/links.ts';

const linksOf = (text: string): string[] => partsOf(text).flatMap(({ url }) => url ?? []);
const shownOf = (text: string): string[] =>
  partsOf(text).flatMap(({ text: shown, url }) => (url === undefined ? [] : [shown]));

/** The text, and what of it is shown as a link. */
const texts: [text: string, ...shown: string[]][] = [
  ['no link'],
  ['https://signet.example', 'https://signet.example'],
  [
    'See https://signet.example/a?b=c#d, and https://b.example.',
    'https://signet.example/a?b=c#d',
    'https://b.example',
  ],
  ['HTTPS://Signet.Example/A', 'HTTPS://Signet.Example/A'],
  ['https://b.example/\nhttps://c.example/', 'https://b.example/', 'https://c.example/'],
  ['(https://b.example/x)', 'https://b.example/x'],
  ['(see https://b.example/x_(y)).', 'https://b.example/x_(y)'],
  ['[here](https://b.example/)', 'https://b.example/'],
  ['<https://b.example/>', 'https://b.example/'],
  ['"https://b.example/"', 'https://b.example/'],
  ['https://b.example/...', 'https://b.example/'],
  ['https://b.example?!', 'https://b.example'],
  ['看https://b.example/。', 'https://b.example/'],
  ['https://[2001:db8::1]:8443/x', 'https://[2001:db8::1]:8443/x'],
  ['https://localhost:7443', 'https://localhost:7443'],
  ['write to bob@b.example, or to eve+x@mail.b.example.', 'bob@b.example', 'eve+x@mail.b.example'],
  ['mailto:bob@b.example', 'bob@b.example'],
  ['mailto:bob@b.example?body=x'],
  // Nothing else, however it looks.
  ...[
    'http://b.example',
    'ftp://b.example',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'signet://join?v=1',
  ].map((text): [string] => [text]),
  ...['www.b.example', 'b.example', 'https:/b.example', 'https://', 'https://...', 'xhttps://b.example'].map(
    (text): [string] => [text],
  ),
  // Whose page is it?
  ['https://google.com@elsewhere.invalid'],
  ['https://google.com:443@elsewhere.invalid/'],
  ['https://:secret@elsewhere.invalid/'],
  ['https://b.example:99999/'],
  ['https://b.example%00.elsewhere.invalid'],
  [String.raw`https://b.example\@elsewhere.invalid`, 'https://b.example'],
  ...['@', 'a@b', 'a@.example', 'a@b..example', '@b.example', 'a@b@c.example', 'ä@b.example', 'a@b.1'].map(
    (text): [string] => [text],
  ),
  ['a?subject=x@b.example'],
  // What turns the direction of writing, or isn't seen.
  ...['\u202e', '\u2066', '\u200b', '\u00ad', '\u0007', '\u2060', '\ud800', '\u{e0001}'].map(
    (unseen): [string] => [`https://b.example/${unseen}x`],
  ),
];

test.each(texts)('%j', (text, ...shown) => {
  expect(shownOf(text)).toEqual(shown);
  expect(
    partsOf(text)
      .map((part) => part.text)
      .join(''),
  ).toBe(text);
});

test('a host of foreign letters is opened by its real name', () => {
  expect(linksOf('https://аррle.com/')).toEqual(['https://xn--le-6kc8da.com/']);
  expect(linksOf('https://ⓔxample.com')).toEqual(['https://example.com/']);
  expect(linksOf('bob@b.example')).toEqual(['mailto:bob@b.example']);
});

test('what is too long for a person to read is no link, not even its beginning', () => {
  expect(linksOf(`https://b.example/${'x'.repeat(1006)}`)).toHaveLength(1);
  for (const more of ['x', '.x', ')x'])
    expect(linksOf(`https://b.example/${'x'.repeat(1006)}${more}`)).toEqual([]);
  // Percent signs make it longer.
  expect(linksOf(`https://b.example/${'ü'.repeat(200)}`)).toEqual([]);
  expect(linksOf(`${'x'.repeat(65)}@b.example`)).toEqual([]);
});

const pieces = fc.constantFrom(
  ...[
    'https://',
    'HTTPS://',
    'https://b.example/',
    'bob@b.example',
    'b.example',
    '@',
    '/',
    '.',
    ',',
    '(',
    ')',
    '[',
    ']',
    ':',
    ' ',
    '\n',
    '\\',
    '?',
    '#',
  ],
  ...[
    'mailto:',
    'javascript:',
    'http://',
    '\u202e',
    '\u2067',
    'аррle.com',
    'ü',
    '👍',
    '\ud83d',
    '<b>',
    '"',
    "'",
    '%00',
  ],
);
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.array(fc.oneof(pieces, fc.string({ maxLength: 4 })), { maxLength: 30 }).map((all) => all.join('')),
);

test('the parts are the text; each link says what it opens', () => {
  let links = 0;
  fc.assert(
    fc.property(anyText, (text) => {
      const parts = partsOf(text);
      expect(parts.map((part) => part.text).join('')).toBe(text);
      for (const { text: shown, url } of parts) {
        expect(shown).not.toBe('');
        if (url === undefined) continue;
        links++;
        const { protocol, username, password, href } = new URL(url);
        expect(['https:', 'mailto:']).toContain(protocol);
        expect([username, password, href]).toEqual(['', '', url]);
        expect(shown).not.toMatch(/[\p{C}\s<>"\\]/u);
        expect(url).toBe(new URL(protocol === 'mailto:' ? `mailto:${shown}` : shown).href);
        expect(url).toMatch(/^[\x21-\x7e]{9,1024}$/);
      }
    }),
    { numRuns: 5000 },
  );
  expect(links).toBeGreaterThan(100);
});

test('the longest message is looked through without trouble, whatever it is made of', () => {
  const hardest = [
    'https://',
    '@',
    'a@',
    '.',
    '(',
    ')',
    'a.',
    'https://a',
    'a@a.',
    'x',
    'https://b.example ',
  ];
  for (const piece of hardest) {
    const text = piece.repeat(32_768 / piece.length);
    expect(
      partsOf(text)
        .map((part) => part.text)
        .join(''),
    ).toBe(text);
  }
});
