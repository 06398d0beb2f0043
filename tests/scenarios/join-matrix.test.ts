// Joining, by the very code of the app: it works at any address, and where it can't, the sentence says at which step it
// ended and what to do; the profile can be joined by a good invite after that.
import { spawnSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { checkInvite, Profile } from '../../main/profile.ts';
import { type FailureCode, Failure } from '../../protocol/failures.ts';
import { encodeInvite } from '../../protocol/links.ts';
import { listening } from '../relay/program.ts';
import { afterwards, temporaryFolder, until } from '../harness.ts';
import { blackHole, closedPort, type Kind, openDeadEnd } from './dead-ends.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const isLinux = process.platform === 'linux';
const hasIPv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);

afterEach(() => vi.useRealTimers());

/** A new profile at its first start. */
async function openProfile(): Promise<Profile> {
  const profile = new Profile(temporaryFolder());
  afterwards(() => profile.close());
  await profile.open();
  expect(profile.stage.name).toBe('welcome');
  return profile;
}

/** Joins, and sees that it was for good. */
async function joins(profile: Profile, relays: string[], key: Buffer, name = 'alice'): Promise<void> {
  await profile.join(name, encodeInvite({ relays, relayKey: key }));
  expect(profile.stage).toMatchObject({ name: 'ready', me: { name, relays } });
  await until(() => profile.connection.state === 'online');
}

type Refusal = { code: FailureCode; message: string };
const refusalOf = (attempt: Promise<unknown>): Promise<Refusal | undefined> =>
  attempt.then(
    () => undefined,
    (error: unknown) => ({ code: Failure.from(error).code, message: Failure.from(error).message }),
  );

/** Joins in vain, then by a good invite. @param mend what is to be done in between @returns why it was in vain */
async function joinsInVain(relays: string[], key: Buffer, mend = () => {}): Promise<Refusal | undefined> {
  const profile = await openProfile();
  const invite = encodeInvite({ relays, relayKey: key });
  const refusal = await refusalOf(profile.join('alice', invite));
  expect(profile.stage).toEqual({ name: 'welcome', given: { name: 'alice', invite } });
  mend();
  const good = await listening(temporaryFolder());
  await joins(profile, good.addresses, good.key);
  return refusal;
}

const unreachable = (address: string, what: string): Refusal => ({
  code: 'relay-unreachable',
  message: `The relay at ${address} can't be reached: ${what}`,
});
const noRelay = (address: string, why: string): Refusal => ({
  code: 'not-a-relay',
  message: `What answers at ${address} is no Signet relay: ${why}. Check the address and the port; behind a proxy, the relay itself has to get the connection.`,
});
const differs = (address: string, found: Buffer, expected: Buffer): Refusal => ({
  code: 'relay-key-differs',
  message: `What answers at ${address} is not the relay of your invite: its key is ${found.toString('base64url')}, the invite's is ${expected.toString('base64url')}. Nothing was sent to it. Ask for a new invite if the relay was replaced.`,
});
const REFUSED =
  'nothing listens there. Start the relay; if it runs, its address or port has changed: ask for a new invite.';
const SILENT =
  'nothing answers. Check that its computer is on and that its firewall lets this port through; if its address has changed, ask for a new invite.';
const UNKNOWN =
  "its name is not known. Check this computer's connection to the Internet; if that is good, ask for a new invite.";
const NO_NETWORK =
  'this computer has no way to its network. Connect this computer to the Internet, or to the network that the relay is in.';
const NO_ROUTE =
  'there is no way to its computer. Check that it is on, and in the same network as this one; if its address has changed, ask for a new invite.';
const NO_LOOKUP = "names can't be looked up now. Check this computer's connection to its network.";
const DUMB: Refusal = {
  code: 'timeout',
  message:
    "The relay accepted the connection but isn't responding. Try again later; if this continues, restart the relay.",
};

test('the loopback address', async () => {
  const { addresses, key } = await listening(temporaryFolder());
  await joins(await openProfile(), addresses, key);
});

test('an IPv6 address', async ({ skip }) => {
  skip(!hasIPv6, 'this computer has no IPv6');
  const { addresses, port, key } = await listening(temporaryFolder(), [], { host: '::1' });
  expect(addresses).toEqual([`[::1]:${port}`]);
  await joins(await openProfile(), addresses, key);
});

test('a host name', async () => {
  const { port, key } = await listening(temporaryFolder());
  await joins(await openProfile(), [`localhost:${port}`], key);
});

test('a relay that listens everywhere is reached by IPv4, by IPv6, and by a name', async ({ skip }) => {
  skip(!hasIPv6, 'this computer has no IPv6');
  const { port, key } = await listening(temporaryFolder(), [], { host: '::' });
  const names = ['anna', 'ben', 'cleo'];
  for (const [i, host] of ['127.0.0.1', '[::1]', 'localhost'].entries()) {
    await joins(await openProfile(), [`${host}:${port}`], key, names[i]);
  }
});

test('of several addresses one that is alive is enough, wherever it stands', async () => {
  const { addresses, key } = await listening(temporaryFolder());
  const [alive] = addresses as [string];
  const dead = [await closedPort(), 'no-such-relay.invalid:7443', '224.0.0.1:7443'];
  if (isLinux) dead.push(await blackHole());
  await joins(await openProfile(), [...dead, alive], key, 'anna');
  await joins(await openProfile(), [alive, ...dead], key, 'ben');
  const other = await openDeadEnd('a web server with TLS');
  await joins(await openProfile(), [other.address, alive], key, 'cleo');
});

test('a port that is closed', async () => {
  const address = await closedPort();
  expect(await joinsInVain([address], Buffer.alloc(32))).toEqual(unreachable(address, REFUSED));
});

test('a name that is in no DNS', async () => {
  const address = 'no-such-relay.invalid:7443';
  expect(await joinsInVain([address], Buffer.alloc(32))).toEqual(unreachable(address, UNKNOWN));
});

test.runIf(isLinux)('a network that there is no way to', async () => {
  // Multicast, which a TCP connection has no way to anywhere.
  const address = '224.0.0.1:7443';
  expect(await joinsInVain([address], Buffer.alloc(32))).toEqual(unreachable(address, NO_NETWORK));
});

test('who keeps one waiting, all at a time: who does not answer, and who says nothing before TLS, in it, or after', async () => {
  const nobody = async (): Promise<void> => {
    const address = await blackHole();
    expect(await joinsInVain([address], Buffer.alloc(32))).toEqual(unreachable(address, SILENT));
  };
  const dumb = async (kind: Kind, expected: (address: string) => Refusal): Promise<void> => {
    const { address, certificate } = await openDeadEnd(kind);
    expect(await joinsInVain([address], certificate.pin), kind).toEqual(expected(address));
  };
  await Promise.all([
    ...(isLinux ? [nobody()] : []),
    dumb('a server that says nothing', (address) =>
      unreachable(
        address,
        'it takes the connection and says nothing. Check that this is the port of the relay; if it is, restart the relay.',
      ),
    ),
    dumb('a server of TLS that says nothing', () => DUMB),
    dumb('a WebSocket server that says nothing', () => DUMB),
  ]);
});

test.runIf(isLinux)('a computer without a network', ({ skip }) => {
  // A network of its own, in which there is nothing but a route that is barred.
  const apart = ['--user', '--map-current-user', '--keep-caps', '--net', '--'];
  skip(spawnSync('unshare', [...apart, 'ip', 'link']).status !== 0, 'networks can not be made here');
  const ask = (address: string): string => {
    const invite = encodeInvite({ relays: [address], relayKey: Buffer.alloc(32) });
    const script = join(import.meta.dirname, 'checks-invite.ts');
    const steps = `ip link set lo up && ip route add unreachable 198.51.100.0/24 && exec "$@"`;
    const args = [...apart, 'sh', '-c', steps, 'sh', process.execPath, script, invite];
    return spawnSync('unshare', args, { encoding: 'utf8' }).stdout.trim();
  };
  for (const [address, what] of [
    ['198.51.100.7:7443', NO_ROUTE],
    ['203.0.113.7:7443', NO_NETWORK],
    ['[2001:db8::7]:7443', NO_NETWORK],
    ['relay.example:7443', NO_LOOKUP],
  ] as const) {
    expect(ask(address)).toBe(unreachable(address, what).message);
  }
});

test.for<[Kind, (address: string) => Refusal]>([
  ['a plain web server', (a) => noRelay(a, 'it speaks no TLS, like a plain web server')],
  ['a server of TLS 1.2', (a) => noRelay(a, 'it speaks an older TLS than 1.3')],
  ['a server of TLS that wants another protocol', (a) => noRelay(a, 'it refuses the TLS connection')],
  [
    'a server that hangs up',
    (a) =>
      unreachable(
        a,
        'it ends the connection at once. Check that the relay runs, and that this is its own port; if it is behind a proxy, look there.',
      ),
  ],
])('%s', async ([kind, expected]) => {
  const { address, certificate } = await openDeadEnd(kind);
  expect(await joinsInVain([address], certificate.pin)).toEqual(expected(address));
});

test('a web server with TLS, and a relay that is another: both keys are shown', async () => {
  const key = Buffer.alloc(32, 7);
  const { address, certificate } = await openDeadEnd('a web server with TLS');
  expect(await joinsInVain([address], key)).toEqual(differs(address, certificate.pin, key));
  const relay = await listening(temporaryFolder());
  expect(await joinsInVain(relay.addresses, key)).toEqual(differs(relay.addresses[0]!, relay.key, key));
});

test.for<[Kind, Refusal]>([
  [
    'a web server with TLS',
    {
      code: 'not-a-relay',
      message:
        "The server has your relay's key but isn't a Signet relay. Ask the person who runs the relay what else uses its key.",
    },
  ],
  [
    'a WebSocket server that hangs up',
    {
      code: 'relay-unreachable',
      message:
        'The relay closed the connection before the sign-in was complete. Try again later; if this continues, look at its log.',
    },
  ],
  [
    'a WebSocket server that chats',
    {
      code: 'not-a-relay',
      message:
        'The relay sent something that is not in the protocol. It may be another version: update the older one.',
    },
  ],
])('%s, with the key of the invite', async ([kind, expected]) => {
  const { address, certificate } = await openDeadEnd(kind);
  expect(await joinsInVain([address], certificate.pin)).toEqual(expected);
});

test('of several addresses that fail, the one that tells most is named', async () => {
  const key = Buffer.alloc(32);
  const refuses = await closedPort();
  const web = await openDeadEnd('a plain web server');
  const stranger = await openDeadEnd('a web server with TLS');
  const ask = (...relays: string[]): Promise<Refusal | undefined> =>
    refusalOf(checkInvite(encodeInvite({ relays, relayKey: key })));
  const lost = ['no-such-relay.invalid:7443', '224.0.0.1:7443'];
  expect(await ask(...lost)).toEqual(unreachable(lost[1]!, NO_NETWORK));
  expect(await ask(refuses, ...lost)).toEqual(unreachable(refuses, REFUSED));
  expect(await ask(refuses, ...lost, web.address)).toMatchObject({ code: 'not-a-relay' });
  expect(await ask(stranger.address, web.address, ...lost)).toEqual(
    differs(stranger.address, stranger.certificate.pin, key),
  );
});

/** A relay's program whose every module is as it is, but for what the code replaces. */
const altered = (code: string): Record<string, string> => ({
  NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(code)}`,
});

test.for([0, 2])('a relay that speaks version %i of the protocol', async (version) => {
  const environment = altered(`
    import { registerHooks } from 'node:module';
    registerHooks({
      load(url, context, next) {
        const loaded = next(url, context);
        if (!url.endsWith('/relay/connection.ts')) return loaded;
        return { ...loaded, source: String(loaded.source).replace('VERSION = 1', 'VERSION = ${version}') };
      },
    });`);
  const { addresses, key } = await listening(temporaryFolder(), [], { environment });
  expect(await joinsInVain(addresses, key)).toEqual({
    code: 'version-unsupported',
    message:
      'The relay speaks another version of the protocol. Update Signet; if that is up to date, the relay.',
  });
});

test('a name that somebody else has', async () => {
  const { addresses, key } = await listening(temporaryFolder());
  await joins(await openProfile(), addresses, key);
  expect(await joinsInVain(addresses, key)).toEqual({
    code: 'name-taken',
    message: 'Somebody else has this name on the relay. Choose another.',
  });
});

const APART = {
  code: 'clock-wrong',
  message:
    "This computer's clock and the relay's are more than an hour apart. Set the wrong one right, then try again.",
};

test.for([-DAY_MS, DAY_MS])("the relay's clock is off by %i ms", async (off) => {
  const environment = altered(`const now = Date.now; Date.now = () => now() + ${off};`);
  const { addresses, key } = await listening(temporaryFolder(), [], { environment });
  expect(await joinsInVain(addresses, key)).toEqual(APART);
});

test.for([-DAY_MS, DAY_MS])("this computer's clock is off by %i ms, then set right", async (off) => {
  const { addresses, key } = await listening(temporaryFolder());
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + off });
  expect(await joinsInVain(addresses, key, () => void vi.useRealTimers())).toEqual(APART);
});

test('a member whose relay has moved pastes an invite with its new address', async () => {
  const data = temporaryFolder();
  const relay = await listening(data);
  const profile = await openProfile();
  await joins(profile, relay.addresses, relay.key);
  relay.child.kill('SIGTERM');
  await relay.ended;
  await until(() => profile.connection.trouble);

  const moved = await listening(data, [], { host: isLinux ? '127.0.0.2' : '127.0.0.1' });
  const bob = await openProfile();
  await joins(bob, moved.addresses, moved.key, 'bob');
  expect(profile.messenger.acceptInvite(bob.messenger.invite())).toBe('bob');
  await until(() => profile.connection.state === 'online');
  expect(profile.connection.trouble).toBeNull();

  // It is where the profile looks from now on, and what it invites others to.
  expect(profile.messenger.relay.addresses).toEqual(moved.addresses);
  await profile.close();
  const again = new Profile(profile.directory);
  afterwards(() => again.close());
  await again.open();
  await until(() => again.connection.state === 'online');
  expect(again.messenger.invite()).toContain(encodeURIComponent(moved.addresses[0]!));

  const stranger = await listening(temporaryFolder());
  const elsewhere = encodeInvite({ relays: stranger.addresses, relayKey: stranger.key });
  expect(() => again.messenger.acceptInvite(elsewhere)).toThrow('The invite is for another relay');
});
