// Draws the figures of docs/HOW-IT-WORKS.md: `node tests/docs/figures.ts` writes them into docs/figures/. Their numbers
// come from the code.
import { mkdirSync, writeFileSync } from 'node:fs';
import { BLOCK_BYTES, HEADER_BYTES } from '../../protocol/envelope.ts';
import { PIECE_BYTES } from '../../protocol/payload.ts';
import { PREKEY_LIFETIME_MS } from '../../protocol/prekey.ts';
import { MODULUS_BITS } from '../../protocol/public-key.ts';
import { arrow, box, figure, line, text } from './drawing.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const HASH_BYTES = 32;
/** main/messenger/prekeys.ts */
const ROTATION_MS = 7 * DAY_MS;
const bits = (count: number): string => `${count.toLocaleString('en')} bits`;

const keyPair = figure('A key pair follows from two primes', 210, [
  box([30, 30], [120, 60], 'private', ['p', `61 · ${bits(MODULUS_BITS / 2)}`]),
  box([30, 120], [120, 60], 'private', ['q', `53 · ${bits(MODULUS_BITS / 2)}`]),
  arrow([150, 60], [215, 75], [258, 75]),
  arrow([150, 150], [215, 75], [258, 75]),
  text([205, 48], 'p · q', 'small note'),
  box([260, 45], [150, 60], 'public', ['modulus n', `3233 · ${bits(MODULUS_BITS)}`]),
  arrow([410, 75], [518, 60]),
  box([520, 30], [210, 60], 'public', ['public key: n and e', '3233 and 17']),
  arrow([150, 155], [518, 155]),
  text([335, 145], 'e · d = 1 modulo (p − 1)(q − 1)', 'small note'),
  box([520, 120], [210, 60], 'private', ['private key: d', '2753']),
]);

const oaep = figure('OAEP: what is added to a message before RSA', 300, [
  box([70, 20], [110, 44], 'plain', ['random seed', `${HASH_BYTES} bytes`]),
  box([250, 20], [110, 44], 'plain', ['hash of label', `${HASH_BYTES} bytes`]),
  box([360, 20], [70, 44], 'plain', ['zeros']),
  box([430, 20], [50, 44], 'plain', ['01']),
  box([480, 20], [250, 44], 'private', ['message', `at most ${PIECE_BYTES} bytes`]),
  arrow([125, 64], [125, 128]),
  arrow([505, 64], [505, 128]),
  arrow([180, 54], [210, 54], [210, 86], [493, 86]),
  text([350, 80], 'MGF1(seed)', 'small note'),
  text([505, 91], '⊕'),
  arrow([330, 130], [330, 110], [137, 110]),
  text([232, 104], 'MGF1(masked block)', 'small note'),
  text([125, 115], '⊕'),
  box([30, 130], [40, 44], 'plain', ['00']),
  box([70, 130], [110, 44], 'sealed', ['masked seed', `${HASH_BYTES} bytes`]),
  box([180, 130], [550, 44], 'sealed', ['masked block', `${BLOCK_BYTES - HASH_BYTES - 1} bytes`]),
  arrow([380, 174], [380, 228]),
  text([395, 205], 'RSA with the public key', 'small note left'),
  box([30, 230], [700, 44], 'sealed', ['block', `${BLOCK_BYTES} bytes`]),
]);

const BRACKET = 88;
const envelope = figure('An envelope, and what is inside its blocks', 300, [
  box([30, 30], [120, 46], 'plain', ['header', `${HEADER_BYTES} bytes`]),
  box([150, 30], [130, 46], 'sealed', ['block 0', `${BLOCK_BYTES} bytes`]),
  box([280, 30], [90, 46], 'sealed', ['…']),
  box([370, 30], [130, 46], 'sealed', ['block n − 1', `${BLOCK_BYTES} bytes`]),
  box([530, 30], [200, 46], 'public', ["sender's signature", `${BLOCK_BYTES} bytes`]),
  line([30, 82], [30, BRACKET], [500, BRACKET], [500, 82]),
  arrow([500, BRACKET], [630, BRACKET], [630, 79]),
  text([690, 106], 'is signed', 'small note'),
  line([150, 78], [30, 168]),
  line([500, 78], [730, 168]),
  text([300, 150], `n pieces of ${PIECE_BYTES} bytes, before they are encrypted`, 'small note'),
  box([30, 170], [160, 46], 'plain', ['number in a chain', '32 bytes']),
  box([190, 170], [120, 46], 'plain', ['time', '8 bytes']),
  box([310, 170], [150, 46], 'plain', ['salt, length', '18 bytes']),
  box([460, 170], [180, 46], 'private', ['content: the text']),
  box([640, 170], [90, 46], 'plain', ['zeros']),
  text(
    [380, 255],
    'Each block is encrypted with RSA-OAEP. Its label names the header, its number and n,',
    'small note',
  ),
  text([380, 273], 'so no block can be moved to another place or to another envelope.', 'small note'),
]);

const twoKeys = figure('Two keys of one user: one signs, one opens', 220, [
  box([30, 30], [190, 66], 'private', ['identity key', 'in the keychain, for years']),
  text([265, 55], 'signs', 'small'),
  arrow([220, 63], [308, 63]),
  box([310, 30], [120, 66], 'public', ['logins']),
  box([445, 30], [125, 66], 'public', ['envelopes']),
  box([585, 30], [145, 66], 'public', ['encryption key', 'its public half']),
  box([30, 130], [190, 66], 'private', [
    'encryption key',
    `${ROTATION_MS / DAY_MS} days in use, then kept,`,
    `destroyed after ${PREKEY_LIFETIME_MS / DAY_MS} days`,
  ]),
  text([265, 155], 'opens', 'small'),
  arrow([220, 163], [308, 163]),
  box([310, 130], [120, 66], 'sealed', ['blocks']),
  arrow([657, 96], [657, 163], [434, 163]),
  text([545, 155], 'others seal with it', 'small note'),
]);

const receiving = figure('What a recipient checks, in order', 150, [
  ...[
    ['shape', 'length, version'],
    ['recipient', 'is it for me?'],
    ['sender', 'a known device?'],
    ['signature', 'PSS verifies?'],
  ].map((lines, i) => box([30 + i * 120, 30], [102, 56], 'public', lines)),
  ...[
    ['open', 'each block'],
    ['content', 'length, padding'],
  ].map((lines, i) => box([510 + i * 118, 30], [102, 56], 'private', lines)),
  ...[132, 252, 372, 492].map((x) => arrow([x, 58], [x + 16, 58])),
  arrow([612, 58], [626, 58]),
  text([260, 118], 'only public keys are used', 'small note'),
  text([622, 118], 'now a private key is used', 'small note'),
]);

const relay = figure('What the relay sees', 210, [
  box([30, 50], [150, 66], 'private', ['alice', 'seals and signs']),
  arrow([180, 83], [273, 83]),
  box([275, 30], [210, 106], 'plain', [
    'relay',
    'names, public keys',
    'from whom, to whom, when',
    'size: 1, 2, 4 … blocks',
  ]),
  arrow([485, 83], [578, 83]),
  box([580, 50], [150, 66], 'private', ['bob', 'verifies and opens']),
  text([227, 72], 'envelope', 'small'),
  text([532, 72], 'envelope', 'small'),
  text([380, 165], 'The relay has no private key of a user.', 'small note'),
  text([380, 183], 'It can drop or delay an envelope, but cannot read, change or forge one.', 'small note'),
]);

const pinning = figure('An invite pins the key of the relay, and of the one who invites', 230, [
  box([30, 30], [220, 150], 'plain', [
    'invite',
    'address of the relay',
    "SHA-256 of the relay's key",
    'name of the inviter',
    "fingerprint of the inviter's key",
  ]),
  arrow([250, 80], [368, 62]),
  box([370, 30], [360, 62], 'public', [
    'relay: whoever answers at the address',
    'has a key with this hash, or nothing is sent',
  ]),
  arrow([250, 130], [368, 150]),
  box([370, 118], [360, 62], 'public', [
    'inviter: the user of this name at the relay',
    'has this fingerprint, or nothing is sealed',
  ]),
  text(
    [380, 208],
    'Without a fingerprint the first one seen is pinned. Compare safety numbers to be sure.',
    'small note',
  ),
]);

export const figures: Record<string, string> = {
  'key-pair.svg': keyPair,
  'oaep.svg': oaep,
  'envelope.svg': envelope,
  'two-keys.svg': twoKeys,
  'receiving.svg': receiving,
  'relay.svg': relay,
  'pinning.svg': pinning,
};

export const folder = new URL('../../docs/figures/', import.meta.url);

if (import.meta.main) {
  mkdirSync(folder, { recursive: true });
  for (const [name, svg] of Object.entries(figures)) writeFileSync(new URL(name, folder), svg);
}
