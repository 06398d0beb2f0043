// The addresses in an invite: such that others can use them.
import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { decodeInvite, encodeInvite, splitAddress } from '../../protocol/links.ts';
import { canonicalHost, everywhere, parsePassing, reachableAddresses } from '../../relay/addresses.ts';
import { countedAs, networkOf } from '../../relay/peer-address.ts';

const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .filter(({ internal, address }) => !internal && !/^(fe80:|169\.254\.)/.test(address));
const shown = ({ address, family }: { address: string; family: string }): string =>
  family === 'IPv4' ? `${address}:7443` : `[${address}]:7443`;

test.for([
  ['127.0.0.1', '127.0.0.1:7443'],
  ['chat.example.org', 'chat.example.org:7443'],
  ['::1', '[::1]:7443'],
  ['2001:db8::1', '[2001:db8::1]:7443'],
])('a relay that listens on %s alone is reached there', ([host, address]) => {
  expect(reachableAddresses(host!, 7443)).toEqual([address]);
});

test('a relay that listens everywhere names the addresses of this computer in its networks', () => {
  const addresses = reachableAddresses('0.0.0.0', 7443);
  const v4 = outside.filter(({ family }) => family === 'IPv4').map(({ address }) => `${address}:7443`);
  expect(addresses).toEqual(v4.length > 0 ? v4.slice(0, 16) : ['127.0.0.1:7443']);
});

test('one that listens on IPv6, too, names both kinds, IPv4 first, without those that hold on one link only', () => {
  const addresses = reachableAddresses('::', 7443);
  expect(addresses.every((address) => outside.map(shown).includes(address))).toBe(outside.length > 0);
  const families = addresses.map((address) => (address.startsWith('[') ? 6 : 4));
  expect(families).toEqual(families.toSorted());
  for (const family of ['IPv4', 'IPv6']) {
    const some = outside.find((entry) => entry.family === family);
    if (some) expect(addresses).toContain(shown(some));
  }
});

test.for([
  ['0', '0.0.0.0'],
  ['0x0', '0.0.0.0'],
  ['127.1', '127.0.0.1'],
  ['::0', '::'],
  ['0:0::0:0', '::'],
  ['[::]', '::'],
  ['::ffff:0.0.0.0', '0.0.0.0'],
  ['2001:DB8:0::1', '2001:db8::1'],
  ['Chat.example.org', 'Chat.example.org'],
  ['localhost', 'localhost'],
  ['127.0.0.1:80', '127.0.0.1:80'],
  ['fe80::1%eth0', 'fe80::1%eth0'],
  ['300.1.1.1', '300.1.1.1'],
  ['a@0', 'a@0'],
])('--host %s means %s', ([given, host]) => {
  expect(canonicalHost(given!)).toBe(host);
});

test('where the system has IPv6, everywhere is both families', () => {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  expect(everywhere()).toBe(all.some(({ family }) => family === 'IPv6') ? '::' : '0.0.0.0');
});

test('temporary and deprecated IPv6 addresses are known by their flags', () => {
  const table = `00000000000000000000000000000001 01 80 10 80       lo
20010db8000000010000000000000007 02 40 00 80     eth0
20010db80000000145fe0001abcd0001 02 40 00 01     eth0
fd000000000000000000000000000002 02 40 00 20     eth0
fe8000000000000000fc00fffe000001 02 40 20 80     eth0
`;
  expect([...parsePassing(table)]).toEqual(['2001:db8:0:1:45fe:1:abcd:1', 'fd00::2']);
});

test.for([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '::ffff:192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
  ['2001:db8::6', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
])('%s takes from what %s may take', ([address, counted]) => {
  expect(countedAs(address!)).toBe(counted);
});

test.for([
  ['203.0.113.77', '203.0.113.0/24'],
  ['::ffff:203.0.113.77', '203.0.113.0/24'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
  ['2001:db8:1::7', '2001:db8:1::/48'],
  ['2001:db8::7', '2001:db8::/48'],
  ['::1', '::/48'],
])('of %s, the log tells %s', ([address, network]) => {
  expect(networkOf(address!)).toBe(network);
});

test.for(['0.0.0.0', '::', '::1', '127.0.0.1'])('an invite carries what a relay on %s names', (host) => {
  const relays = reachableAddresses(host, 7443);
  expect(relays.length).toBeGreaterThan(0);
  for (const address of relays) expect(splitAddress(address).port).toBe(7443);
  expect(decodeInvite(encodeInvite({ relays, relayKey: Buffer.alloc(32) })).relays).toEqual(relays);
});
