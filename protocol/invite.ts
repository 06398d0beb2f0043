// The invite: one link with all that a client needs to join (PROTOCOL.md, "Invite").
import { Failure } from './failures.ts';
import { decodeBase64url, USER_NAME_PATTERN } from './fields.ts';

export type Invite = {
  /** host:port, 1 to 16 of them; an IPv6 host stands in brackets. */
  relays: string[];
  /** SHA-256 of the SPKI in the relay's TLS certificate, 32 bytes. */
  key: Buffer;
  /** Who invites, and the fingerprint of that person's identity key (32 bytes). */
  inviter?: { name: string; identity: Buffer };
};

const MAX_INVITE_CHARACTERS = 4096;
const MAX_RELAYS = 16;
const refuse = (why: string): Failure =>
  new Failure('invite-invalid', `This is not a usable invite: ${why}. Ask for it again and paste all of it.`);

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

/** @returns signet://join?v=1&relay=...&key=... */
export function encodeInvite(invite: Invite): string {
  const parameters = [
    'v=1',
    ...invite.relays.map((address) => `relay=${encodeURIComponent(address)}`),
    `key=${invite.key.toString('base64url')}`,
  ];
  if (invite.inviter) {
    parameters.push(
      `from=${invite.inviter.name}`,
      `identity=${invite.inviter.identity.toString('base64url')}`,
    );
  }
  return `signet://join?${parameters.join('&')}`;
}

/** Reads an invite; white space around and line breaks within it (from mail programs) are dropped.
 * @throws Failure `invite-invalid` that says what is wrong */
export function decodeInvite(text: string): Invite {
  const link = text.replace(/\s+/g, '');
  if (link.length > MAX_INVITE_CHARACTERS) throw refuse('it is too long');
  const query = /^signet:\/\/join\/?\?(.*)$/i.exec(link)?.[1];
  if (query === undefined) throw refuse('it does not start with signet://join?');
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) {
    if (!['v', 'relay', 'key', 'from', 'identity'].includes(name))
      throw refuse(`it has an unknown part "${name}"`);
    if (name !== 'relay' && parameters.getAll(name).length > 1) throw refuse(`"${name}" stands in it twice`);
  }
  if (parameters.get('v') !== '1') throw refuse('it is of another version of Signet');
  const relays = parameters.getAll('relay');
  if (relays.length < 1 || relays.length > MAX_RELAYS)
    throw refuse('it needs 1 to 16 addresses of the relay');
  relays.forEach(splitAddress);
  const hashOf = (name: string) => {
    const bytes = decodeBase64url(parameters.get(name) ?? '');
    if (bytes?.length !== 32) throw refuse(`its "${name}" is not 32 bytes in base64url`);
    return bytes;
  };
  const invite: Invite = { relays, key: hashOf('key') };
  const name = parameters.get('from');
  if (name === null && !parameters.has('identity')) return invite;
  if (name === null || !USER_NAME_PATTERN.test(name))
    throw refuse('the name of the inviter is not a user name');
  return { ...invite, inviter: { name, identity: hashOf('identity') } };
}
