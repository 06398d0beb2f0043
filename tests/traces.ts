// Looks for what must not be on a disk: texts, and private keys in every form that they have had.
import { createPrivateKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import keytar from 'keytar';
import { importOpeningKey } from '../main/messenger/rsa.ts';
import { openRow } from '../main/messenger/storage.ts';

function filesIn(folders: string[]): { file: string; bytes: Buffer }[] {
  return folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => ({ file, bytes: readFileSync(file) })),
  );
}

/** The forms in which bytes may have been written: as they are, in hex, in base64 at each of its three offsets. */
function forms(bytes: Buffer): Buffer[] {
  const base64 = [0, 1, 2].flatMap((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    // Without the characters that depend on what stands before and after.
    const inner = text.slice(4, -4);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
  const written = [bytes, ...[bytes.toString('hex'), ...base64].map((text) => Buffer.from(text))];
  // What is shorter stands in any file by chance.
  return written.filter((form) => form.length >= 4);
}

/** Where any of these bytes stand in any form. One pass over each file, however many needles there are: their first
 * four bytes lead to those that may stand there. @returns what it was and the file, empty if there is none */
export function traces(folders: string[], wanted: { name: string; bytes: Buffer }[]): string[] {
  const needles = new Map<number, { name: string; form: Buffer }[]>();
  for (const { name, bytes } of wanted) {
    for (const form of forms(bytes)) {
      const start = form.readUInt32BE();
      needles.set(start, [...(needles.get(start) ?? []), { name, form }]);
    }
  }
  return filesIn(folders).flatMap(({ file, bytes }) => {
    const found: string[] = [];
    let window = 0;
    for (let i = 0; i < bytes.length; i++) {
      window = ((window << 8) | bytes[i]!) >>> 0;
      for (const { name, form } of needles.get(window) ?? []) {
        if (bytes.subarray(i - 3, i - 3 + form.length).equals(form)) found.push(`${name} in ${file}`);
      }
    }
    return found;
  });
}

export function textTraces(folders: string[], texts: string[]): string[] {
  const wanted = texts.flatMap((text) => [
    { name: text, bytes: Buffer.from(text, 'utf8') },
    { name: text, bytes: Buffer.from(text, 'utf16le') },
  ]);
  return traces(folders, wanted);
}

/** The primes, p | q, of all private keys of a closed profile: out of the keychain, and out of its database. */
export async function primesOfProfile(profile: string): Promise<Buffer[]> {
  const database = new DatabaseSync(join(profile, 'signet.sqlite'), { readOnly: true });
  try {
    const account = String(database.prepare('SELECT profile FROM account').get()!['profile']);
    const secret = Buffer.from((await keytar.getPassword('Signet', account))!, 'base64');
    const storage = await importOpeningKey(secret.subarray(384));
    const rows = database.prepare('SELECT lower(hex(fingerprint)) AS name, sealed FROM prekeys').all();
    const prekeys = rows.map(({ name, sealed }) =>
      openRow(storage, `prekey/${String(name)}`, Buffer.from(sealed as Uint8Array)),
    );
    return [secret.subarray(0, 384), secret.subarray(384), ...(await Promise.all(prekeys))];
  } finally {
    database.close();
  }
}

/** What of a private key must be nowhere: its primes, and its DER. */
function secretsOf(primes: Buffer): { name: string; bytes: Buffer }[] {
  const [p, q] = [primes.subarray(0, 192), primes.subarray(192)];
  const n = BigInt(`0x${p.toString('hex')}`) * BigInt(`0x${q.toString('hex')}`);
  const d = privateExponent(p, q);
  const hex = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(768, '0'), 'hex');
  const jwk = { kty: 'RSA', e: 'AQAB', n: hex(n).toString('base64url'), d: hex(d).toString('base64url') };
  const crt = completeCrt(p, q, d);
  const key = createPrivateKey({ key: { ...jwk, ...crt }, format: 'jwk' });
  return [
    { name: 'p', bytes: p },
    { name: 'q', bytes: q },
    { name: 'd', bytes: hex(d) },
    { name: 'PKCS#1', bytes: key.export({ type: 'pkcs1', format: 'der' }) },
    { name: 'PKCS#8', bytes: key.export({ type: 'pkcs8', format: 'der' }) },
  ];
}

const integer = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`);

/** a^-1 mod m, by the extended Euclidean algorithm. */
function inverse(a: bigint, m: bigint): bigint {
  let [r, next, x, y] = [m, a % m, 0n, 1n];
  while (next > 0n) [r, next, x, y] = [next, r % next, y, x - (r / next) * y];
  return ((x % m) + m) % m;
}

function privateExponent(p: Buffer, q: Buffer): bigint {
  return inverse(65537n, (integer(p) - 1n) * (integer(q) - 1n));
}

function completeCrt(p: Buffer, q: Buffer, d: bigint): Record<'p' | 'q' | 'dp' | 'dq' | 'qi', string> {
  const encode = (value: bigint): string =>
    Buffer.from(value.toString(16).padStart(384, '0'), 'hex').toString('base64url');
  return {
    p: p.toString('base64url'),
    q: q.toString('base64url'),
    dp: encode(d % (integer(p) - 1n)),
    dq: encode(d % (integer(q) - 1n)),
    qi: encode(inverse(integer(q), integer(p))),
  };
}

/** Where a private key of these profiles stands in these folders. */
export async function privateTraces(folders: string[], profiles: string[]): Promise<string[]> {
  const primes = (await Promise.all(profiles.map(primesOfProfile))).flat();
  return traces(folders, primes.flatMap(secretsOf));
}
