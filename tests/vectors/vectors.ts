// Reads the frozen vectors. Bytes are in hex.
import { readFileSync } from 'node:fs';
import type { Frame } from '../../protocol/frames.ts';
import type { Signed } from '../../protocol/statement.ts';

const read = <T>(name: string): T => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')) as T;
/** A value as JSON has it. */
export const inHex = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, function (this: Record<string, unknown>, key, plain: unknown) {
      const own = this[key];
      return Buffer.isBuffer(own) ? own.toString('hex') : plain;
    }),
  ) as unknown;
export const fromHex = (text: string): Buffer => Buffer.from(text, 'hex');

type Bytes = { name: string; bytes: string };
type Hexed<T> = {
  [Key in keyof T]: T[Key] extends Buffer ? string : T[Key] extends object ? Hexed<T[Key]> : T[Key];
};
export type SignedHex = Hexed<Signed>;
export const signedOf = ({ bytes, signature }: SignedHex): Signed => ({
  bytes: fromHex(bytes),
  signature: fromHex(signature),
});

export const contents = read<{
  good: (Bytes & { content: object })[];
  unknown: Bytes[];
  silent: Bytes[];
  bad: Bytes[];
}>('contents.json');
export const envelopes = read<{
  conversation: string;
  good: {
    name: string;
    envelope: string;
    hash: string;
    id: string;
    payload: {
      chain: string;
      sequence: number;
      previous: string;
      timestamp: number;
      salt: string;
      content: string;
    };
  }[];
  bad: { name: string; step: number; envelope: string }[];
}>('envelopes.json');
export const deviceLists = read<{
  changes: SignedHex[];
  bad: { name: string; after: number; change: SignedHex }[];
  full: SignedHex[];
  ninth: SignedHex;
  race: { by: number; change: SignedHex; answer: 'done' | 'statement-conflict' }[];
}>('device-lists.json');
export const prekeys = read<{
  good: { name: string; prekey: object; signed: SignedHex }[];
  bad: { name: string; signed: SignedHex }[];
}>('prekeys.json');
export const signIn = read<
  Record<'relayKey' | 'identity' | 'serverNonce' | 'clientNonce', string> & {
    user: string;
    device: number;
    time: number;
    login: SignedHex;
    register: SignedHex;
  }
>('sign-in.json');
export const frames = read<{
  good: (Bytes & { frame: Hexed<Frame> })[];
  unknown: (Bytes & { request: number })[];
  bad: Bytes[];
}>('frames.json');
export const links = read<{
  invites: { link: string; invite: object }[];
  badInvites: { link: string; why: string }[];
  verification: { link: string; identities: [string, string] };
  badVerifications: { link: string; why: string }[];
}>('links.json');
export const safetyNumbers = read<{ numbers: { one: string; other: string; digits: string }[] }>(
  'safety-numbers.json',
);
