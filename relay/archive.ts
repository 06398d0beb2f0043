// A backup: one file with a line of JSON that says what follows, and then a relay's key and database, byte for byte.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, type ReadStream, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod/mini';
import { Failure } from '../protocol/failures.ts';
import { CERTIFICATE_FILE, DATABASE_FILE } from './data-folder.ts';

const FORMAT = 'signet-relay-backup';
const VERSION = 1;
const MAX_MANIFEST_BYTES = 4096;

/** What any version's manifest says. */
const Beginning = z.object({ format: z.literal(FORMAT), version: z.int(), program: z.string() });
const Manifest = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  /** The version of the program that wrote it. */
  program: z.string(),
  /** ISO 8601. */
  made: z.string(),
  files: z
    .array(
      z.strictObject({
        name: z.enum([CERTIFICATE_FILE, DATABASE_FILE]),
        bytes: z.int().check(z.nonnegative()),
        sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
      }),
    )
    .check(z.minLength(1), z.maxLength(2)),
});
export type Manifest = z.infer<typeof Manifest>;

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** Writes a new file of mode 0600, and waits until it is on the disk.
 * @param folder with the files @param names of those to put in */
export async function writeArchive(
  target: string,
  folder: string,
  names: readonly Manifest['files'][number]['name'][],
  program: string,
): Promise<Manifest> {
  const files: Manifest['files'] = [];
  for (const name of names) {
    const file = join(folder, name);
    files.push({ name, bytes: statSync(file).size, sha256: await sha256(file) });
  }
  const made = new Date().toISOString();
  const manifest: Manifest = { format: FORMAT, version: VERSION, program, made, files };
  const output = await open(target, 'wx', 0o600);
  try {
    await output.write(`${JSON.stringify(manifest)}\n`);
    for (const name of names) {
      for await (const piece of createReadStream(join(folder, name))) await output.write(piece as Buffer);
    }
    await output.sync();
  } finally {
    await output.close();
  }
  return manifest;
}

/** Reads the first line, and holds it against the file's size.
 * @returns what the backup says of itself, and where its files begin
 * @throws Failure `folder-unusable`, `database-newer`, `database-damaged` */
export async function readManifest(file: string): Promise<{ manifest: Manifest; start: number }> {
  const damaged = (): Failure => new Failure('database-damaged', `${file} is damaged. Take another backup.`);
  const head = Buffer.alloc(MAX_MANIFEST_BYTES);
  let length: number;
  try {
    const input = await open(file);
    try {
      ({ bytesRead: length } = await input.read(head, 0, head.length, 0));
    } finally {
      await input.close();
    }
  } catch (cause) {
    const { code = String(cause) } = cause as NodeJS.ErrnoException;
    throw new Failure('folder-unusable', `${file} cannot be read (${code}).`, { cause });
  }
  const end = head.subarray(0, length).indexOf('\n');
  const text = head.toString('utf8', 0, end < 0 ? length : end);
  if (!text.startsWith(`{"format":"${FORMAT}"`)) {
    throw new Failure('folder-unusable', `${file} is no backup of a relay.`);
  }
  const content = end < 0 ? undefined : parseJson(text);
  const beginning = Beginning.safeParse(content).data;
  if (!beginning) throw damaged();
  if (beginning.version > VERSION) throw newer(file, beginning.program);
  const manifest = Manifest.safeParse(content).data;
  if (!manifest) throw damaged();
  const start = end + 1;
  const whole = manifest.files.reduce((sum, { bytes }) => sum + bytes, start);
  const { size } = statSync(file);
  if (size !== whole) {
    const sentence = `${file} is damaged: it has ${size} bytes in place of ${whole}. Take another backup.`;
    throw new Failure('database-damaged', sentence);
  }
  return { manifest, start };
}

/** Takes the files out of a backup and into a folder, mode 0600, and on the disk.
 * @throws Failure `database-damaged` if a checksum is not right, and those of `readManifest` */
export async function extractArchive(file: string, folder: string): Promise<Manifest> {
  const { manifest, start } = await readManifest(file);
  let position = start;
  for (const { name, bytes, sha256: expected } of manifest.files) {
    const hash = createHash('sha256');
    const output = createWriteStream(join(folder, name), { flags: 'wx', mode: 0o600, flush: true });
    await pipeline(read(file, position, bytes), hashing(hash), output);
    if (hash.digest('hex') !== expected) {
      const sentence = `${file} is damaged: the checksum of its ${name} is not right. Take another backup.`;
      throw new Failure('database-damaged', sentence);
    }
    position += bytes;
  }
  return manifest;
}

/** @returns what a backup of a newer version is refused with */
export function newer(file: string, program: string): Failure {
  return new Failure(
    'database-newer',
    `${file} was made by a newer relay (${program}). Update this one, then try again.`,
  );
}

const read = (file: string, start: number, bytes: number): ReadStream =>
  createReadStream(file, { start, end: start + bytes - 1 });

const hashing = (hash: ReturnType<typeof createHash>): Transform =>
  new Transform({
    transform(piece: Buffer, _encoding, done) {
      hash.update(piece);
      done(undefined, piece);
    },
  });

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
