// Reads the frozen vectors, with the keys to use them.
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  importOpeningKey,
  importSigningKey,
  type OpeningKey,
  type SigningKey,
} from '../../main/messenger/rsa.ts';

const read = <T>(name: string): T => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')) as T;

type KeyName = 'alice' | 'bob' | 'mallory' | 'bobReception' | 'otherReception';
type StoredKey = { pem: string; spki: string; fingerprint: string };
type StoredInner = {
  chain: string;
  sequence: number;
  previous: string;
  sentAt: number;
  type: number;
  body: string;
};
type StoredSignIn = Record<'relayKey' | 'identity' | 'serverNonce' | 'clientNonce', string> &
  Record<'login' | 'loginSignature' | 'register' | 'registerSignature', string> & {
    user: string;
    time: number;
  };

export const keys = read<Record<KeyName, StoredKey>>('keys.json');
export const envelopes = read<{
  good: { name: string; id: string; envelope: string; inner: StoredInner }[];
  bad: { name: string; step: number; envelope: string }[];
}>('envelopes.json');
export const statements = read<{
  receptionKey: {
    user: string;
    class: 'rotating';
    created: number;
    expires: number;
    key: string;
    statement: string;
    signature: string;
  };
  signIn: StoredSignIn;
}>('statements.json');
export const safetyNumbers = read<{
  numbers: { one: string; other: string; keys: [KeyName, KeyName]; digits: string }[];
  link: string;
}>('safety-numbers.json');
export const invites = read<{
  good: { link: string; relays: string[]; key: string; inviter?: { name: string; identity: string } }[];
  bad: { link: string; why: string }[];
}>('invites.json');

function primes(name: KeyName): Buffer {
  const { p = '', q = '' } = createPrivateKey(keys[name].pem).export({ format: 'jwk' });
  return Buffer.concat([Buffer.from(p, 'base64url'), Buffer.from(q, 'base64url')]);
}

export const signingKey = (name: KeyName): Promise<SigningKey> => importSigningKey(primes(name));
export const openingKey = (name: KeyName): Promise<OpeningKey> => importOpeningKey(primes(name));
