// Frames: each type, with and without its tag, and what a reader must refuse or leave alone.
import { field, u16, u32, u64, u8 } from '../../protocol/bytes.ts';
import { encodeFrame, type Frame } from '../../protocol/frames.ts';
import { encodeKey } from '../../protocol/key.ts';
import type { Signed } from '../../protocol/statement.ts';
import { identityOf, modulusOf } from './keys.ts';

export type FrameVectors = {
  good: { name: string; bytes: Buffer; frame: Frame }[];
  unknown: { name: string; bytes: Buffer; request: number }[];
  bad: { name: string; bytes: Buffer }[];
};

export type Parts = {
  device: Signed;
  prekey: Signed;
  login: Signed;
  register: Signed;
  envelope: Buffer;
  withRatchetKey: Buffer;
};

export function frames({ device, prekey, login, register, envelope, withRatchetKey }: Parts): FrameVectors {
  const [identity, identityKey] = [identityOf('bob'), modulusOf('bob')];
  const [nonce, clientNonce] = [Buffer.alloc(32, 0xbb), Buffer.alloc(32, 0xcc)];
  const time = Date.UTC(2026, 10, 17);
  const registering = {
    user: 'bob',
    identityKey,
    device: 1,
    prekey,
    clientNonce,
    time,
    signature: register.signature,
  };
  const all: [name: string, frame: Frame][] = [
    ['hello', { type: 'hello', request: 1, lowest: 1, highest: 1 }],
    ['challenge', { type: 'challenge', request: 1, version: 1, nonce, time, features: [] }],
    ['challenge with features', { type: 'challenge', request: 1, version: 1, nonce, time, features: [3, 7] }],
    [
      'login',
      { type: 'login', request: 2, identity, device: 1, clientNonce, time, signature: login.signature },
    ],
    ['register', { type: 'register', request: 2, ...registering }],
    [
      'register with a token',
      { type: 'register', request: 2, ...registering, token: Buffer.alloc(16, 0xdd) },
    ],
    ['done', { type: 'done', request: 2 }],
    ['done after a login', { type: 'done', request: 2, previousNonce: clientNonce }],
    ['publish', { type: 'publish', request: 3, identityKey, statements: [device, prekey] }],
    ['lookup by name', { type: 'lookup', request: 4, of: { user: 'bob' }, knownVersion: 0 }],
    ['lookup by identity', { type: 'lookup', request: 4, of: { identity }, knownVersion: 7 }],
    [
      'bundle',
      {
        type: 'bundle',
        request: 4,
        user: 'bob',
        identityKey,
        newestVersion: 1,
        deviceStatements: [device],
        prekeys: [prekey],
      },
    ],
    [
      'bundle of a single device',
      {
        type: 'bundle',
        request: 4,
        user: 'bob',
        identityKey,
        newestVersion: 0,
        deviceStatements: [],
        prekeys: [prekey],
      },
    ],
    ['send', { type: 'send', request: 0xffff_ffff, envelope }],
    ['send with a ratchet key', { type: 'send', request: 5, envelope: withRatchetKey }],
    ['accepted', { type: 'accepted', request: 0, requests: [5, 6, 0xffff_ffff] }],
    ['deliver', { type: 'deliver', request: 0, position: Number.MAX_SAFE_INTEGER, envelope }],
    ['acknowledge', { type: 'acknowledge', request: 0, positions: [1, Number.MAX_SAFE_INTEGER] }],
    ['failure', { type: 'failure', request: 5, class: 'lookUp', code: 'unknown-device', detail: 'device 2' }],
    [
      'failure that answers nothing',
      { type: 'failure', request: 0, class: 'later', code: 'replaced', detail: '' },
    ],
    [
      'failure with the longest code and detail',
      { type: 'failure', request: 5, class: 'final', code: 'x'.repeat(64), detail: 'é'.repeat(250) },
    ],
    [
      'failure of a newer relay',
      { type: 'failure', request: 5, class: 'later', code: 'some-day', detail: '' },
    ],
  ];
  const good = all.map(([name, frame]) => ({ name, frame, bytes: encodeFrame(frame) }));
  const bytesOf = (name: string): Buffer => good.find((one) => one.name === name)!.bytes;
  const head = (type: number, request: number): Buffer => Buffer.concat([u8(type), u32(request)]);
  const body = (type: number, ...parts: Buffer[]): Buffer => Buffer.concat([head(type, 9), ...parts]);
  const ignorable = Buffer.of(200, 0, 1, 7);
  const critical = Buffer.of(99, 0, 0);
  const as = (request: number, frame: Buffer): Buffer =>
    Buffer.concat([frame.subarray(0, 1), u32(request), frame.subarray(5)]);
  const push = (type: number, ...parts: Buffer[]): Buffer => as(0, body(type, ...parts));
  const failing = (code: string, detail: string): Buffer[] => [u8(1), field(code), field(detail)];
  good.push({
    name: 'hello with an unknown ignorable tag',
    frame: all[0]![1],
    bytes: Buffer.concat([bytesOf('hello'), ignorable]),
  });
  good.push({
    name: 'send with an unknown ignorable tag behind the envelope',
    frame: { type: 'send', request: 5, envelope },
    bytes: Buffer.concat([body(9, envelope).fill(5, 4, 5), ignorable]),
  });
  return {
    good,
    unknown: [
      {
        name: 'a type of the future',
        bytes: Buffer.concat([head(99, 9), Buffer.from('anything')]),
        request: 9,
      },
      { name: 'a push of the future', bytes: head(99, 0), request: 0 },
      { name: 'type 0', bytes: head(0, 9), request: 9 },
      { name: 'an upload, which this version reserves', bytes: head(32, 9), request: 9 },
      {
        name: 'an unknown critical tag',
        bytes: Buffer.concat([bytesOf('lookup by name'), critical]),
        request: 4,
      },
      {
        name: 'a tag of another frame',
        bytes: Buffer.concat([bytesOf('hello'), Buffer.of(1, 0, 0)]),
        request: 1,
      },
    ],
    bad: [
      { name: 'no bytes', bytes: Buffer.alloc(0) },
      { name: 'a type alone', bytes: Buffer.of(1) },
      { name: 'half a head', bytes: Buffer.of(1, 0, 0, 0) },
      { name: 'over 65,536 bytes', bytes: Buffer.concat([head(99, 9), Buffer.alloc(65_532)]) },
      { name: 'hello: version 0', bytes: body(1, u16(0), u16(1)) },
      { name: 'hello: lowest above highest', bytes: body(1, u16(2), u16(1)) },
      {
        name: 'challenge: features that descend',
        bytes: Buffer.concat([bytesOf('challenge'), Buffer.of(128, 0, 2, 7, 3)]),
      },
      {
        name: 'challenge: a time beyond any calendar',
        bytes: body(2, u16(1), nonce, u64(8_640_000_000_000_001)),
      },
      { name: 'login: device 0', bytes: body(3, identity, u8(0), clientNonce, u64(time), login.signature) },
      {
        name: 'register: a token of 15 bytes',
        bytes: Buffer.concat([bytesOf('register'), Buffer.of(1, 0, 15), Buffer.alloc(15)]),
      },
      { name: 'done: a nonce of 31 bytes', bytes: body(5, Buffer.of(1, 0, 31), Buffer.alloc(31)) },
      { name: 'publish: nothing', bytes: body(6, encodeKey(identityKey), u8(0)) },
      { name: 'publish: fewer statements than said', bytes: body(6, encodeKey(identityKey), u8(1)) },
      { name: 'lookup: by 2', bytes: body(7, u8(2), u16(3), Buffer.from('bob'), u32(0)) },
      { name: 'lookup: a name that is none', bytes: body(7, u8(0), u16(3), Buffer.from('Bob'), u32(0)) },
      { name: 'lookup: a name and a line feed', bytes: body(7, u8(0), u16(4), Buffer.from('bob\n'), u32(0)) },
      { name: 'lookup: an identity of 31 bytes', bytes: body(7, u8(1), u16(31), Buffer.alloc(31), u32(0)) },
      { name: 'accepted: none', bytes: push(10, u16(0)) },
      { name: 'accepted: request 0', bytes: push(10, u16(1), u32(0)) },
      { name: 'acknowledge: position 0', bytes: push(12, u16(1), u64(0)) },
      { name: 'acknowledge: position 2^53', bytes: push(12, u16(1), u64(2n ** 53n)) },
      {
        name: 'acknowledge: 8,001 positions',
        bytes: push(12, u16(8001), ...Array.from({ length: 8001 }, () => u64(1))),
      },
      { name: 'deliver: position 0', bytes: push(11, u64(0), envelope) },
      { name: 'acknowledge: a request', bytes: as(9, bytesOf('acknowledge')) },
      { name: 'accepted: a request', bytes: as(9, bytesOf('accepted')) },
      { name: 'deliver: a request', bytes: as(9, bytesOf('deliver')) },
      { name: 'send: a push', bytes: as(0, bytesOf('send')) },
      { name: 'done: a push', bytes: as(0, bytesOf('done')) },
      {
        name: 'send: an envelope of version 2',
        bytes: body(9, Buffer.concat([u8(2), envelope.subarray(1)])),
      },
      { name: 'failure: no code', bytes: body(13, ...failing('', '')) },
      { name: 'failure: a code of 65 characters', bytes: body(13, ...failing('x'.repeat(65), '')) },
      { name: 'failure: a detail of 501 bytes', bytes: body(13, ...failing('busy', 'x'.repeat(501))) },
      {
        name: 'failure: a detail that is not UTF-8',
        bytes: body(13, u8(1), field('busy'), field(Buffer.of(0xff))),
      },
      { name: 'failure: class 0', bytes: body(13, u8(0), u16(4), Buffer.from('busy'), u16(0)) },
      { name: 'failure: class 5', bytes: body(13, u8(5), u16(4), Buffer.from('busy'), u16(0)) },
      { name: 'failure: a code that is none', bytes: body(13, u8(1), u16(4), Buffer.from('B y!'), u16(0)) },
      {
        name: 'send: block count 3',
        bytes: body(9, Buffer.concat([envelope.subarray(0, 104), u16(3), envelope.subarray(106)])),
      },
    ],
  };
}
