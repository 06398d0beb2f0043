// Where a relay may start, and what it tells who has started it.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { decodeInvite } from '../../protocol/links.ts';
import { openScreen } from '../cli/screen.ts';
import { afterwards, temporaryFolder, until } from '../harness.ts';
import { listening, refused, run, stop } from './program.ts';
import { device, envelope, RawClient } from './raw-client.ts';

test('a relay moves into an empty folder, never among the files of others', async () => {
  const data = join(temporaryFolder(), 'data');
  mkdirSync(join(data, 'lost+found'), { recursive: true });
  writeFileSync(join(data, '.DS_Store'), '');
  await stop(await listening(data));
  const documents = temporaryFolder();
  writeFileSync(join(documents, 'diary.txt'), '');
  expect(await refused('--json', '--port', '0', '--data', documents)).toBe(
    `${documents} holds other files (diary.txt) and no relay. Name an empty or a new folder.`,
  );
  expect(readdirSync(documents)).toEqual(['diary.txt']);
  // In its own folder it doesn't mind.
  writeFileSync(join(data, 'notes.txt'), '');
  await stop(await listening(data));
});

test.for([
  [3, 'was written by a newer relay. Start that one, or update this.'],
  [1, "was written by a development version of the relay, which this one can't read. Name another folder."],
] as const)('a database of schema %i is told by serve and by the commands', async ([version, words]) => {
  const data = temporaryFolder();
  await stop(await listening(data));
  const database = new DatabaseSync(join(data, 'relay.sqlite'));
  database.exec(`PRAGMA user_version = ${version}`);
  database.close();
  const sentence = `${join(data, 'relay.sqlite')} ${words}`;
  for (const args of [['serve', '--json', '--port', '0'], ['users'], ['backup', join(data, 'file')]]) {
    expect(await refused(...args, '--data', data)).toBe(sentence);
  }
});

/** A relay on a disk with this much room, in a mount of its own; undefined where that isn't allowed. */
const smallDisk = (data: string, kib: number): string[] => [
  'unshare',
  '--user',
  '--map-root-user',
  '--mount',
  'bash',
  '-c',
  `mount -t tmpfs -o size=${kib}k tmpfs '${data}' && exec "$@"`,
  'bash',
];

test.runIf(process.platform === 'linux')('a disk that is full at the start is told', async (context) => {
  const data = temporaryFolder();
  const allowed = await run(['--version'], smallDisk(data, 4096)).ended;
  if (allowed.code !== 0) {
    console.log('This system lets no test mount a disk of its own: a full one was not seen.');
    return context.skip();
  }
  const { code, out, error } = await run(['--json', '--port', '0', '--data', data], smallDisk(data, 8)).ended;
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(error).toBe(
    `signet-relay: There is no room left on the disk for ${join(data, 'relay.sqlite')}. Make some, then try again.\n`,
  );
});

test.runIf(process.getuid?.() === 0)('a folder of somebody else is told', async (context) => {
  const data = temporaryFolder();
  await stop(await listening(data));
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  if ((await run(['--version'], nobody).ended).code !== 0) {
    console.log('Another user can not run Node.js here: what is said to one was not seen.');
    return context.skip();
  }
  const backup = ['backup', join(temporaryFolder(), 'file')];
  for (const args of [['--json', '--port', '0'], ['invite'], ['users'], backup, ['check']]) {
    // Nor is it told as missing where a folder above may not be read.
    for (const folder of [data, join(data, 'below')]) {
      const { code, out, error } = await run([...args, '--data', folder], nobody).ended;
      expect(code).toBe(1);
      expect(out + error).toContain(
        `: ${folder} may not be read. Run this as the user who owns it, with sudo for example.\n`,
      );
    }
  }
  chmodSync(data, 0o755);
  chmodSync(join(data, 'relay.sqlite'), 0o644);
  const { code, error } = await run(['--json', '--port', '0', '--data', data], nobody).ended;
  expect(code).toBe(1);
  expect(error).toContain(
    `${data} cannot be opened or written. Check the folder's permissions, and as whom this runs.`,
  );
});

test('serve --json --report tells how it is, again only when that has changed, and why it could not start', async () => {
  const data = temporaryFolder();
  const args = ['serve', '--json', '--host', '127.0.0.1', '--port', '0', '--data', data, '--report', '1'];
  const { child, ended } = run(args);
  const lines: Record<string, unknown>[] = [];
  createInterface({ input: child.stdout! }).on('line', (line) =>
    lines.push(JSON.parse(line) as object as never),
  );
  await until(() => lines.length >= 2);
  const [first, second] = lines as [{ event: string; invite: string; port: number }, object];
  expect(first.event).toBe('listening');
  const { relays: addresses, relayKey: key } = decodeInvite(first.invite);
  expect(second).toEqual({ event: 'report', connected: 0, messages: 0, bytes: 0, addresses });

  const relay = { port: first.port, key, addresses };
  const [alice, bob] = [device('alice'), device('bob')];
  const sender = await RawClient.signedIn(relay, alice);
  const recipient = await RawClient.signedIn(relay, bob);
  await until(() => lines.length >= 3 && lines.at(-1)!['connected'] === 2);
  recipient.socket.close();
  await recipient.closed;
  const waiting = envelope(alice, bob.address);
  expect(await sender.send(waiting)).toMatchObject({ type: 'accepted' });
  await until(() => lines.at(-1)!['messages'] === 1);
  expect(lines.at(-1)).toMatchObject({ connected: 1, messages: 1, bytes: waiting.length });
  const texts = lines.map((line) => JSON.stringify(line));
  texts.slice(1).forEach((text, i) => expect(text).not.toBe(texts[i]));

  const other = run([
    'serve',
    '--json',
    '--host',
    '127.0.0.1',
    '--port',
    `${first.port}`,
    '--data',
    temporaryFolder(),
    '--report',
    '1',
  ]);
  const { code, out } = await other.ended;
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject({ event: 'failed', code: 'port-unusable' });
  await stop({ child, ended });
});

/** Whoever waits as systemd does: prints what comes to a datagram socket. */
const RECEIVER = `import os, socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
print("waiting", flush=True)
while True:
    data, ancillary, _, _ = receiver.recvmsg(4096, 4096)
    print(data.decode(), flush=True)
    # systemd-notify waits until the descriptor that it hands over ("BARRIER") is closed.
    for _, _, descriptors in ancillary:
        os.close(int.from_bytes(descriptors[:4], sys.byteorder))`;

test.runIf(process.platform === 'linux')(
  'systemd is told when the relay listens, and not before',
  async (context) => {
    const there = ['python3', 'systemd-notify'].every((name) => spawnSync(name, ['--version']).status === 0);
    if (!there) context.skip('python3 or systemd-notify is not installed');
    const path = join(temporaryFolder(), 'notify');
    const systemd = spawn('python3', ['-c', RECEIVER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    afterwards(() => systemd.kill());
    let heard = '';
    systemd.stdout.on('data', (text) => (heard += String(text)));
    await until(() => heard === 'waiting\n');
    const environment = { NOTIFY_SOCKET: path };
    expect((await run(['--json', '--port', '0', '--data', '/proc/none'], [], environment).ended).code).toBe(
      1,
    );
    const relay = await listening(temporaryFolder(), [], { environment });
    await until(() => heard.includes('READY=1'));
    expect(heard.replaceAll('BARRIER=1\n', '')).toBe('waiting\nREADY=1\n');
    relay.child.kill('SIGTERM');
    expect(await relay.ended).toMatchObject({
      code: 0,
      error: expect.not.stringContaining('could not be told') as string,
    });
  },
);

test('the invite is shown as a code at a terminal, and nowhere else', async () => {
  const { child, ended } = run(['--host', '127.0.0.1', '--port', '0', '--data', temporaryFolder()]);
  let printed = '';
  child.stdout!.on('data', (text) => (printed += String(text)));
  await until(() => printed.includes('signet://join?'));
  child.kill('SIGTERM');
  expect((await ended).out).not.toContain('█');
  const screen = openScreen(
    ['relay/index.ts', '--host', '127.0.0.1', '--port', '0', '--data', temporaryFolder()],
    200,
    60,
  );
  await until(async () => (await screen.lines()).some((line) => line.includes('█')));
  screen.type('\u0003');
  expect(await screen.exit).toBe(0);
});
