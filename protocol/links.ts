// The links that people pass on: an invite to a relay, and two identities to compare. Parameters that this program doesn't
// know are ignored, so that a newer Signet can add some.
import { Failure } from './failures.ts';
import { USER_NAME_PATTERN } from './user-name.ts';

export type Invite = {
  /** host:port, 1 to 16 of them; an IPv6 host stands in brackets. */
  relays: string[];
  /** SHA-256 of the SPKI in the relay's TLS certificate, 32 bytes. */
  relayKey: Buffer;
  inviter?: {
    user: string;
    /** 32 bytes. */
    identity: Buffer;
    /** Version of the inviter's device list; an older one isn't taken from a relay. */
    listVersion: number;
  };
  /** Lets somebody register at a relay that asks for it, 16 bytes. */
  token?: Buffer;
};

const MAX_LINK_CHARACTERS = 4096;
const MAX_RELAYS = 16;
const MAX_LIST_VERSION = 0xffff_ffff;

const refuse = (why: string): Failure =>
  new Failure('invite-invalid', `This is not a usable invite: ${why}. Ask for it again and paste all of it.`);
const refuseCode = (why: string): Failure =>
  new Failure('invite-invalid', `This is not a verification code of Signet: ${why}.`);

type Refuse = (why: string) => Failure;

/** Reads signet://KIND?PARAMETERS. White space goes (mail programs break lines), so does a fragment. */
function parameters(text: string, kind: string, once: readonly string[], refuse: Refuse): URLSearchParams {
  const link = text.replace(/\s+/g, '');
  if (link.length > MAX_LINK_CHARACTERS) throw refuse('it is too long');
  const [, found, query] = /^signet:\/\/([^/?#]*)\/?\?([^#]*)/i.exec(link) ?? [];
  if (query === undefined || found?.toLowerCase() !== kind)
    throw refuse(`it doesn't start with signet://${kind}?`);
  const all = new URLSearchParams(query);
  for (const name of ['v', ...once])
    if (all.getAll(name).length > 1) throw refuse(`it names "${name}" twice`);
  if (all.get('v') !== '1') throw refuse('it is for another version of Signet');
  return all;
}

/** Strict base64url: no padding, no other characters, no stray bits in the last one. */
function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

function bytesOf(all: URLSearchParams, name: string, length: number, refuse: Refuse): Buffer {
  const bytes = decodeBase64url(all.get(name) ?? '');
  if (bytes?.length !== length) throw refuse(`its "${name}" is not ${length} bytes in base64url`);
  return bytes;
}

/** Checks host:port. @returns the host without brackets, and the port
 * @throws Failure `invite-invalid` */
export function splitAddress(address: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+|[0-9a-fA-F:.]+%[\w.-]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (!host || host.length > 253) throw refuse(`"${address.slice(0, 80)}" is not host:port`);
  if (port < 1 || port > 65535 || match![3] !== String(port))
    throw refuse(`${port} is not a port from 1 to 65535`);
  return { host, port };
}

/** @throws Failure `invite-invalid` that says what is wrong */
export function decodeInvite(text: string): Invite {
  const all = parameters(text, 'join', ['key', 'from', 'identity', 'list', 'token'], refuse);
  const relays = all.getAll('relay');
  if (relays.length < 1 || relays.length > MAX_RELAYS)
    throw refuse('it needs 1 to 16 addresses of the relay');
  relays.forEach(splitAddress);
  const invite: Invite = { relays, relayKey: bytesOf(all, 'key', 32, refuse) };
  if (all.has('token')) invite.token = bytesOf(all, 'token', 16, refuse);
  const user = all.get('from');
  if (user === null && !all.has('identity')) return invite;
  if (user === null || !USER_NAME_PATTERN.test(user)) throw refuse("the inviter's name is not a user name");
  const list = all.get('list') ?? '0';
  if (!/^(0|[1-9]\d{0,9})$/.test(list) || Number(list) > MAX_LIST_VERSION)
    throw refuse('its "list" is not a version');
  return {
    ...invite,
    inviter: { user, identity: bytesOf(all, 'identity', 32, refuse), listVersion: Number(list) },
  };
}

/** @returns signet://join?v=1&relay=...&key=... */
export function encodeInvite({ relays, relayKey, inviter, token }: Invite): string {
  const parts = [
    'v=1',
    ...relays.map((address) => `relay=${encodeURIComponent(address)}`),
    `key=${relayKey.toString('base64url')}`,
  ];
  if (inviter) parts.push(`from=${inviter.user}`, `identity=${inviter.identity.toString('base64url')}`);
  if (inviter && inviter.listVersion > 0) parts.push(`list=${inviter.listVersion}`);
  if (token) parts.push(`token=${token.toString('base64url')}`);
  return `signet://join?${parts.join('&')}`;
}

/** The text in a verification's QR code: both identities, the lower first. @param one @param other 32 bytes each */
export function encodeVerification(one: Buffer, other: Buffer): string {
  const [a, b] = [one, other].sort(Buffer.compare).map((identity) => identity.toString('base64url'));
  return `signet://verify?v=1&a=${a}&b=${b}`;
}

/** @returns both identities, 32 bytes each, the lower first @throws Failure `invite-invalid` */
export function decodeVerification(text: string): [Buffer, Buffer] {
  const all = parameters(text, 'verify', ['a', 'b'], refuseCode);
  const [a, b] = ['a', 'b'].map((name) => bytesOf(all, name, 32, refuseCode)) as [Buffer, Buffer];
  if (Buffer.compare(a, b) >= 0) throw refuseCode('its identities are not in order');
  return [a, b];
}
