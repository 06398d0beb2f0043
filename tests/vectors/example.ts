// Writes the worked example into PROTOCOL.md, out of the first vector.
import { readFileSync, writeFileSync } from 'node:fs';
import { u32, u64, u8 } from '../../protocol/bytes.ts';
import { blockLabels, decodeEnvelope, sha256 } from '../../protocol/envelope.ts';

const document = new URL('../../protocol/PROTOCOL.md', import.meta.url);

function part(label: string, note: string, bytes: Buffer): string {
  const lines = bytes.toString('hex').match(/.{1,96}/g) ?? [];
  return `**${label}**${note ? ` (${note})` : ''}\n\n\`\`\`hex\n${lines.join('\n')}\n\`\`\`\n`;
}

/** Reads the vectors anew: they have just been made. */
export function writeExample(): void {
  const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));
  const keys = read('keys.json') as Record<string, { pem: string; spki: string; fingerprint: string }>;
  const { good } = read('envelopes.json') as {
    good: { envelope: string; inner: Record<string, string | number> }[];
  };
  const { receptionKey, signIn } = read('statements.json') as Record<string, Record<string, string>>;
  const { numbers } = read('safety-numbers.json') as { numbers: { digits: string }[] };
  const hex = (text: unknown): Buffer => Buffer.from(String(text), 'hex');

  const envelope = Buffer.from(good[0]!.envelope, 'base64url');
  const { headerBytes } = decodeEnvelope(envelope);
  const headerHash = sha256(headerBytes);
  const { chain, sequence, previous, sentAt, type, body } = good[0]!.inner;
  const inner = Buffer.concat([
    headerHash,
    hex(chain),
    u64(Number(sequence)),
    hex(previous),
    u64(Number(sentAt)),
    u8(Number(type)),
    u32(hex(body).length),
    hex(body),
  ]);
  const { alice, bob, bobReception } = keys as Record<
    'alice' | 'bob' | 'bobReception',
    (typeof keys)[string]
  >;
  const parts = [
    part("alice's identity key, SPKI", '422 bytes', hex(alice.spki)),
    part("alice's identity fingerprint", 'SHA-256 of it', hex(alice.fingerprint)),
    part("bob's identity key, SPKI", '422 bytes', hex(bob.spki)),
    part("bob's identity fingerprint", '', hex(bob.fingerprint)),
    part("bob's reception key, SPKI", '422 bytes', hex(bobReception.spki)),
    part("bob's reception key fingerprint", '', hex(bobReception.fingerprint)),
    `**bob's reception key, private**\n\n\`\`\`pem\n${bobReception.pem.trim()}\n\`\`\`\n`,
    part(
      'what bob signs of this reception key',
      `created ${receptionKey!['created']}, expires ${receptionKey!['expires']}`,
      hex(receptionKey!['statement']),
    ),
    part('a signature of it', '384 bytes', hex(receptionKey!['signature'])),
    part('header', '116 bytes', headerBytes),
    part('SHA-256 of the header', '', headerHash),
    part('inner bytes, without the padding', `sequence ${sequence}, sent-at ${sentAt}, type ${type}`, inner),
    part('label of block 0', '', blockLabels(headerHash, 1)[0]!),
    part('envelope', '884 bytes', envelope),
    part('what `previous` of the next envelope holds', 'SHA-256 of this one', sha256(envelope)),
    `**safety number of alice and bob**\n\n\`\`\`text\n${numbers[0]!.digits.replace(/.{5}(?=.)/g, '$& ')}\n\`\`\`\n`,
    part(
      'what bob signs to log in',
      `relay key 32 × aa, server nonce 32 × bb, client nonce 32 × cc, time ${signIn!['time']}`,
      hex(signIn!['login']),
    ),
  ];
  const text = readFileSync(document, 'utf8');
  const [before = '', section = ''] = text.split('\n## Worked example\n');
  // What people wrote above the first part stays.
  const introduction = section.slice(0, section.indexOf('\n**'));
  writeFileSync(document, `${before}\n## Worked example\n${introduction}\n${parts.join('\n')}`);
}
