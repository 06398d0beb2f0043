// Writes the worked example into PROTOCOL.md, out of the first vector: `node tests/vectors/v1/example.ts`.
import { readFileSync, writeFileSync } from 'node:fs';
import { blockLabels, decodeEnvelope } from '../../protocol/envelope.ts';
import { encodePayload } from '../../protocol/payload.ts';
import { spkiOf } from '../../protocol/key.ts';
import { identityOf, modulusOf, storedKeys } from './keys.ts';
import { envelopes, fromHex, prekeys, safetyNumbers, signIn } from './vectors.ts';

const document = new URL('../../protocol/PROTOCOL.md', import.meta.url);

function part(label: string, note: string, bytes: Buffer): string {
  const lines = bytes.toString('hex').match(/.{1,96}/g) ?? [];
  return `**${label}**${note ? ` (${note})` : ''}\n\n\`\`\`hex\n${lines.join('\n')}\n\`\`\`\n`;
}

const { envelope: envelopeHex, hash, id, payload } = envelopes.good[0]!;
const envelope = fromHex(envelopeHex);
const { headerBytes } = decodeEnvelope(envelope);
const content = fromHex(payload.content);
const [piece] = encodePayload({
  ...payload,
  chain: fromHex(payload.chain),
  previous: fromHex(payload.previous),
  salt: fromHex(payload.salt),
  content,
});
const { prekey, signed } = prekeys.good[0]!;
const { created, expires } = prekey as { created: number; expires: number };
const fingerprint = (name: 'bobPrekey'): Buffer => fromHex(storedKeys().keys[name].fingerprint);

const parts = [
  part("alice's identity key, SPKI", '422 bytes', spkiOf(modulusOf('alice'))),
  part("alice's identity", 'SHA-256 of it', identityOf('alice')),
  part("bob's identity key, SPKI", '422 bytes', spkiOf(modulusOf('bob'))),
  part("bob's identity", '', identityOf('bob')),
  `**bob's prekey, private**\n\n\`\`\`pem\n${storedKeys().keys.bobPrekey.pem.trim()}\n\`\`\`\n`,
  part("bob's prekey, fingerprint", '', fingerprint('bobPrekey')),
  part('the statement that bob signs of it', `created ${created}, expires ${expires}`, fromHex(signed.bytes)),
  part('a signature of it', '384 bytes', fromHex(signed.signature)),
  part('content', 'kind 1, tag 1', content),
  part(
    'payload, without the padding',
    `sequence number ${payload.sequence}, timestamp ${payload.timestamp}`,
    piece!.subarray(0, 58 + content.length),
  ),
  part('header', '107 bytes', headerBytes),
  part('label of block 0', '', blockLabels(headerBytes, 1)[0]!),
  part('envelope', '875 bytes', envelope),
  part('SHA-256 of the envelope', 'its first half is `previous` in the next one', fromHex(hash)),
  part('conversation of alice and bob', '', fromHex(envelopes.conversation)),
  part('message id', '', fromHex(id)),
  part(
    'what bob signs to log in',
    `relay key 32 × aa, server nonce 32 × bb, client nonce 32 × cc, time ${signIn.time}`,
    fromHex(signIn.login.bytes),
  ),
  `**safety number of alice and bob**\n\n\`\`\`text\n${safetyNumbers.numbers[0]!.digits.replace(/.{5}(?=.)/g, '$& ')}\n\`\`\`\n`,
];
const text = readFileSync(document, 'utf8');
const [before = '', section = ''] = text.split('\n## Worked example\n');
// What people wrote above the first part stays.
const introduction = section.slice(0, section.indexOf('\n**'));
writeFileSync(document, `${before}\n## Worked example\n${introduction}\n${parts.join('\n')}`);
