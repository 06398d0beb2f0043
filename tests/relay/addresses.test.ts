// The addresses in an invite: such that others can use them.
import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { decodeInvite, encodeInvite, splitAddress } from '../../protocol/invite.ts';
import { reachableAddresses } from '../../relay/addresses.ts';

const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .filter(({ internal }) => !internal);

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

test('one that listens on IPv6, too, names both kinds, without those that hold on one link only', () => {
  const addresses = reachableAddresses('::', 7443);
  for (const { address, family } of outside.slice(0, 16)) {
    const shown = family === 'IPv4' ? `${address}:7443` : `[${address}]:7443`;
    expect(addresses.includes(shown)).toBe(!address.startsWith('fe80:'));
  }
  expect(addresses.some((address) => address.includes('fe80'))).toBe(false);
});

test.for(['0.0.0.0', '::', '::1', '127.0.0.1'])('an invite carries what a relay on %s names', (host) => {
  const relays = reachableAddresses(host, 7443);
  expect(relays.length).toBeGreaterThan(0);
  for (const address of relays) expect(splitAddress(address).port).toBe(7443);
  expect(decodeInvite(encodeInvite({ relays, key: Buffer.alloc(32) })).relays).toEqual(relays);
});
