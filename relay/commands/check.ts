// signet-relay check: a line for each thing that a relay needs, and whether it is as it should be.
import { once } from 'node:events';
import { existsSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { Failure } from '../../protocol/failures.ts';
import { isEverywhere, place } from '../addresses.ts';
import { pinOf } from '../certificate.ts';
import { assertOwnFolder, damageOf, DATABASE_FILE, holdsRelay } from '../data-folder.ts';
import { isServed, readDatabase, SCHEMA_VERSION } from '../database.ts';
import { defaultLimits } from '../limits.ts';
import { unusablePort } from '../server.ts';
import { certificateOf } from './invite.ts';
import type { ListenOptions } from './options.ts';

/** What a check found: good, or a sentence about what is wrong. */
type Finding = { check: string; ok: boolean; says: string };
type Check = () => string | Promise<string>;
const MIB = 1024 * 1024;

/** Prints a line a check. @returns whether all is well */
export async function check(options: ListenOptions & { json: boolean }): Promise<boolean> {
  const findings: Finding[] = [];
  let serving = false;
  const look = async (check: string, work: Check): Promise<void> => {
    const finding = await Promise.resolve()
      .then(work)
      .then(
        (says) => ({ check, ok: true, says }),
        (error: unknown) => ({ check, ok: false, says: sentence(error, options.data) }),
      );
    findings.push(finding);
    if (!options.json) console.log(`${finding.ok ? 'ok  ' : 'FAIL'}  ${check}: ${finding.says}`);
  };
  await look('folder', () => folder(options.data));
  if (findings[0]!.ok) {
    await look('permissions', () => permissions(options.data));
    serving = isServed(options.data);
    await look('database', () => database(options.data, serving));
    await look(
      'key',
      () => `SHA-256 ${certificateOf(options).pin.toString('hex')}, belongs to its certificate`,
    );
    await look('disk', () => disk(options.data));
  }
  await look('port', () => port(options, serving));
  const ok = findings.every((finding) => finding.ok);
  if (options.json) console.log(JSON.stringify({ ok, checks: findings }));
  return ok;
}

const sentence = (error: unknown, data: string): string => {
  const known = damageOf(error, join(data, DATABASE_FILE)) ?? error;
  return known instanceof Error ? known.message : String(known);
};
const fail = (says: string): never => {
  throw new Failure('folder-unusable', says);
};

function folder(data: string): string {
  assertOwnFolder(data);
  if (!existsSync(data)) fail(`There is no folder ${data}. Name the relay's data folder with --data.`);
  if (!statSync(data).isDirectory()) fail(`${data} is not a folder.`);
  if (!holdsRelay(data)) fail(`${data} holds no relay yet: start the relay there once, or restore a backup.`);
  return data;
}

/** That nobody but the owner reads what is in the folder. */
function permissions(data: string): string {
  if (process.platform === 'win32') return 'not looked at on Windows';
  const paths = readdirSync(data).filter((name) => name.startsWith('relay'));
  // The write-ahead log of a relay that ends goes meanwhile.
  const files = [data, ...paths.map((name) => join(data, name))].flatMap((path) => {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats ? [{ path, mode: stats.mode, uid: stats.uid }] : [];
  });
  const open = files.filter(({ mode }) => mode & 0o077).map(({ path }) => path);
  // In a folder that is closed to others, a file's own mode doesn't matter; but a copy of it keeps it.
  if (open.length > 0) fail(`Others may read ${open.join(', ')}. Run: chmod go= ${open.join(' ')}`);
  const stranger = files.find(({ uid }) => uid !== files[0]!.uid);
  if (stranger) fail(`${stranger.path} belongs to another user than its folder.`);
  return 'for the owner alone';
}

function database(data: string, serving: boolean): string {
  const database = readDatabase(data);
  try {
    // Its first line only says of which database it speaks.
    const found = String(database.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check']);
    const [fault] = found.split('\n').filter((line) => line !== 'ok' && !line.startsWith('***'));
    const stray = database.prepare('PRAGMA foreign_key_check').all().length > 0;
    if (fault !== undefined || stray) {
      fail(`${join(data, DATABASE_FILE)} is damaged (${fault ?? 'keys without a user'}). Restore a backup.`);
    }
    const { users, waiting } = database
      .prepare('SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM envelopes) AS waiting')
      .get() as { users: number; waiting: number };
    const state = serving ? 'a relay serves it now' : 'no relay serves it now';
    return `whole, schema ${SCHEMA_VERSION}, ${users} users, ${waiting} waiting; ${state}`;
  } finally {
    database.close();
  }
}

/** Room for one full mailbox, or the first one to go on holiday stops the relay. */
function disk(data: string): string {
  const { bavail, bsize } = statfsSync(data);
  const free = bavail * bsize;
  const needed = defaultLimits.mailboxBytes;
  const says = `${Math.floor(free / MIB)} MiB free`;
  if (free < needed) fail(`${says}. One mailbox may take ${needed / MIB} MiB: make room.`);
  return says;
}

/** That the port is free, or that the relay of this folder is the one that answers there. */
async function port(options: ListenOptions, serving: boolean): Promise<string> {
  const { host, port } = options;
  if (port === 0) return 'the system chooses one';
  const taken = serving ? undefined : await refusal(host, port);
  if (!serving && !taken) return `${place(host, port)} is free`;
  // It may listen on fewer addresses than are named here.
  const hosts = isEverywhere(host) ? ['127.0.0.1', '::1'] : [host];
  const answers = (await Promise.all(hosts.map((one) => keyAt(one, port)))).filter(
    (key) => key !== undefined,
  );
  // Also one that was started since the database was looked at.
  const own = ownKey(options);
  if (answers.some((key) => own?.equals(key))) return `this relay answers on port ${port}`;
  if (taken) throw taken;
  const who = answers.length > 0 ? 'Another relay' : 'Nobody';
  return fail(`${who} answers on port ${port}, though a relay serves this folder: is it on another --port?`);
}

/** The hash of the relay's key, undefined where that can't be used: another check says why. */
function ownKey(options: ListenOptions): Buffer | undefined {
  try {
    return certificateOf(options).pin;
  } catch {
    return undefined;
  }
}

/** Why nobody can listen there now, undefined if one can. */
async function refusal(host: string, port: number): Promise<Failure | undefined> {
  const server = createServer();
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    return unusablePort({ host, port }, cause as Error);
  }
  server.close();
  return undefined;
}

/** The hash of the key that answers there, undefined if none does. */
function keyAt(host: string, port: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    // What counts is the key.
    const socket = connect({ port, host, rejectUnauthorized: false, timeout: 5_000 });
    const tell = (key?: Buffer): void => {
      socket.destroy();
      resolve(key);
    };
    socket.once('secureConnect', () => tell(pinOf(socket.getPeerX509Certificate()!)));
    socket.once('timeout', () => tell());
    socket.once('error', () => tell());
  });
}
