// The relay's program as a process of its own, to be stopped, killed and starved.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { decodeInvite } from '../../protocol/invite.ts';
import { afterwards, temporaryFolder } from '../town.ts';

const program = fileURLToPath(new URL('../../relay/index.ts', import.meta.url));

type Ended = { code: number | null; signal: string | null; out: string; error: string };
export type Program = { child: ChildProcess; ended: Promise<Ended> };

/** Starts the relay's program. @param before a command line that it is started by, if any */
export function run(args: string[], before: string[] = []): Program {
  const [file = '', ...rest] = [...before, process.execPath, program, ...args];
  const child = spawn(file, rest, { cwd: temporaryFolder(), stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { out: '', error: '' };
  child.stdout.on('data', (data) => (texts.out += String(data)));
  child.stderr.on('data', (data) => (texts.error += String(data)));
  const ended = once(child, 'close').then((): Ended => ({
    code: child.exitCode,
    signal: child.signalCode,
    ...texts,
  }));
  afterwards(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, ended };
}

/** A relay process on loopback that listens by now. */
export async function listening(
  data: string,
  before: string[] = [],
): Promise<Program & { port: number; key: Buffer; addresses: string[] }> {
  const started = run(['--json', '--host', '127.0.0.1', '--port', '0', '--data', data], before);
  const lines = createInterface(started.child.stdout!);
  const line = await Promise.race([
    once(lines, 'line').then(([text]) => String(text)),
    started.ended.then(({ error }) => Promise.reject(new Error(error))),
  ]);
  const { event, port, invite } = JSON.parse(line) as { event: string; port: number; invite: string };
  if (event !== 'listening') throw new Error(`not an announcement: ${line}`);
  const { key, relays: addresses } = decodeInvite(invite);
  return { ...started, port, key, addresses };
}
