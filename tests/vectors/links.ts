// Links: what they say, and which ones a reader must refuse.
import { encodeInvite, encodeVerification, type Invite } from '../../protocol/links.ts';
import { identityOf } from './keys.ts';

export type LinkVectors = {
  invites: { link: string; invite: Invite }[];
  badInvites: { link: string; why: string }[];
  verification: { link: string; identities: [Buffer, Buffer] };
  badVerifications: { link: string; why: string }[];
};

export function links(): LinkVectors {
  const relayKey = Buffer.alloc(32, 0xaa);
  const key = relayKey.toString('base64url');
  const inviter = { user: 'bob', identity: identityOf('bob'), listVersion: 0 };
  const plain: Invite = { relays: ['192.168.1.7:7443'], relayKey };
  const full: Invite = {
    relays: ['chat.example.org:7443', '[2001:db8::7]:7443'],
    relayKey,
    inviter: { ...inviter, listVersion: 3 },
    token: Buffer.alloc(16, 0xdd),
  };
  const link = encodeInvite(plain);
  const identities = [identityOf('alice'), identityOf('bob')].sort(Buffer.compare) as [Buffer, Buffer];
  const verification = encodeVerification(...identities);
  const swapped = verification.replace(/a=([^&]*)&b=(.*)/, 'a=$2&b=$1');
  return {
    invites: [
      { link, invite: plain },
      { link: encodeInvite(full), invite: full },
      { link: encodeInvite({ ...plain, inviter }), invite: { ...plain, inviter } },
      { link: link.replace('signet://join', 'SIGNET://Join/'), invite: plain },
      { link: `  ${link.slice(0, 40)}\r\n ${link.slice(40)}\n`, invite: plain },
      { link: `${link}#top`, invite: plain },
      { link: `${link}&colour=red&colour=blue`, invite: plain },
      { link: `${link}&KEY=another&`, invite: plain },
      { link: `${link}&list=7`, invite: plain },
      { link: link.replace('%3A', ':'), invite: plain },
      { link: `signet://join?key=${key}&relay=192.168.1.7%3A7443&v=1`, invite: plain },
    ],
    badInvites: [
      { link: 'https://example.org/join', why: 'another scheme' },
      { link: link.replace('join', 'verify'), why: 'another kind of link' },
      { link: link.replace('join?', 'join/now?'), why: 'a path' },
      { link: link.replace('v=1', 'v=2'), why: 'another version' },
      { link: link.replace('v=1', 'v=1&v=1'), why: 'the version twice' },
      { link: link.replace('v=1&', ''), why: 'no version' },
      { link: link.slice(0, -1), why: 'a cut key' },
      { link: `${link}AA`, why: 'a longer key' },
      { link: link.replace(/&key=.*/, ''), why: 'no key' },
      { link: `${link}&key=${key}`, why: 'two keys' },
      { link: link.replace(/relay=[^&]*&/, ''), why: 'no address' },
      { link: link.replace('7443', '0'), why: 'port 0' },
      { link: link.replace('7443', '07443'), why: 'a port with a zero in front' },
      { link: link.replace('192.168.1.7', ''), why: 'no host' },
      { link: link.replace('192.168.1.7', 'a'.repeat(254)), why: 'a host of 254 characters' },
      { link: link.replace('192.168.1.7', 'a%ZZ'), why: 'an escape that is none' },
      { link: link.replace('192.168.1.7', '2001:db8::7'), why: 'an IPv6 address without brackets' },
      { link: `${link}A`, why: 'a key of one character too many' },
      { link: link.replace('7443', '65536'), why: 'port 65536' },
      { link: link.replace('%3A7443', ''), why: 'no port' },
      { link: `${link}&from=bob`, why: 'an inviter without an identity' },
      { link: `${link}&identity=${key}`, why: 'an identity without an inviter' },
      { link: `${link}&from=B%20b&identity=${key}`, why: 'a name that is none' },
      { link: `${link}&from=bob%0A&identity=${key}`, why: 'a name with a line feed' },
      { link: `${link}&from=bob&identity=${key}&list=01`, why: 'a list version with a zero in front' },
      { link: `${link}&from=bob&identity=${key}&list=4294967296`, why: 'a list version of 2^32' },
      { link: `${link}&token=AAAA`, why: 'a token of 3 bytes' },
      { link: `${link}${'&relay=h%3A1'.repeat(16)}`, why: '17 addresses' },
      { link: `${link}&x=${'x'.repeat(4096)}`, why: 'over 4,096 characters' },
    ],
    verification: { link: verification, identities },
    badVerifications: [
      { link: swapped, why: 'the higher identity first' },
      {
        link: verification.replace(/b=.*/, `b=${/a=([^&]*)/.exec(verification)![1]}`),
        why: 'one identity twice',
      },
      { link: verification.replace(/&b=.*/, ''), why: 'one identity' },
      { link: verification.slice(0, -1), why: 'a cut identity' },
      { link, why: 'an invite' },
    ],
  };
}
