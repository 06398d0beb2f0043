// The binary frames between a client and a relay: u8 type | u32 request | body | tlv*. Request 0 is a push, which has no
// answer.
import { u32, u8 } from './bytes.ts';
import { type Codec, codecs, type FailureClass } from './frame-bodies.ts';
import { Reader } from './reader.ts';
import type { Signed } from './statement.ts';
import { encodeTlvs, isCritical, readTlvs } from './tlv.ts';

/** Of one WebSocket message. */
export const MAX_FRAME_BYTES = 65_536;
/** type | request */
const HEAD_BYTES = 5;

export type Bodies = {
  hello: { lowest: number; highest: number };
  /** nonce: 32 bytes. time: the relay's clock. features: one byte each, ascending. */
  challenge: { version: number; nonce: Buffer; time: number; features: number[] };
  /** identity and clientNonce: 32 bytes; signature: 384 bytes, of loginStatement. */
  login: { identity: Buffer; device: number; clientNonce: Buffer; time: number; signature: Buffer };
  /** identityKey: the modulus, 384 bytes. prekey: the device's first one. token: 16 bytes. */
  register: {
    user: string;
    identityKey: Buffer;
    device: number;
    prekey: Signed;
    clientNonce: Buffer;
    time: number;
    signature: Buffer;
    token?: Buffer;
  };
  /** previousNonce: the client nonce of this device's login before this one, 32 bytes. */
  done: { previousNonce?: Buffer };
  /** Device statements in the order of their versions, and prekeys; each says by its label which it is. */
  publish: { identityKey: Buffer; statements: Signed[] };
  lookup: { of: { user: string } | { identity: Buffer }; knownVersion: number };
  /** deviceStatements: those after the version that was known, as many as fit. */
  bundle: {
    user: string;
    identityKey: Buffer;
    newestVersion: number;
    deviceStatements: Signed[];
    prekeys: Signed[];
  };
  send: { envelope: Buffer };
  accepted: { requests: number[] };
  /** position: 1 to 2^53 - 1; it names the envelope on this connection, and says nothing about an order. */
  deliver: { position: number; envelope: Buffer };
  acknowledge: { positions: number[] };
  /** code: of the registry, or one of a newer relay. detail: for developers, never shown. */
  failure: { class: FailureClass; code: string; detail: string };
};
export type FrameType = keyof Bodies;
export type Frame = { [Type in FrameType]: { type: Type; request: number } & Bodies[Type] }[FrameType];
export type FrameOf<Type extends FrameType> = Extract<Frame, { type: Type }>;
/** A frame of a newer version: a request gets `unknown-frame`, a push is ignored. */
export type UnknownFrame = { type: 'unknown'; request: number };

export const frameTypes = {
  hello: 1,
  challenge: 2,
  login: 3,
  register: 4,
  done: 5,
  publish: 6,
  lookup: 7,
  bundle: 8,
  send: 9,
  accepted: 10,
  deliver: 11,
  acknowledge: 12,
  failure: 13,
} as const satisfies Record<FrameType, number>;
/** What has no answer. A failure answers a request, or tells on its own why the relay closes. */
const pushes: ReadonlySet<FrameType> = new Set(['accepted', 'deliver', 'acknowledge']);
const typesByNumber = new Map(
  Object.entries(frameTypes).map(([name, number]) => [number as number, name as FrameType]),
);

/** @param bytes one WebSocket message
 * @returns an UnknownFrame also if a critical tag is unknown: then nothing of the frame is understood
 * @throws Malformed */
export function decodeFrame(bytes: Buffer): Frame | UnknownFrame {
  const reader = new Reader(bytes, 'frame');
  if (bytes.length > MAX_FRAME_BYTES) throw reader.malformed();
  const type = typesByNumber.get(reader.u8());
  const number = reader.u32();
  if (!type) return { type: 'unknown', request: number };
  const isPush = number === 0;
  if (type !== 'failure' && isPush !== pushes.has(type)) throw reader.malformed();
  const { read, tagged } = codecs[type] as Codec<object>;
  const body = read(reader);
  const tlvs = readTlvs(reader);
  const known = tlvs.find(({ tag }) => tag === tagged?.tag);
  if (tlvs.some((tlv) => isCritical(tlv.tag) && tlv !== known)) return { type: 'unknown', request: number };
  return { type, request: number, ...body, ...tagged?.read(known?.value, reader) } as Frame;
}

/** @returns the request's number of a frame that is malformed, 0 if it has none */
export const requestOf = (bytes: Buffer): number => (bytes.length < HEAD_BYTES ? 0 : bytes.readUInt32BE(1));

/** @returns one WebSocket message */
export function encodeFrame(frame: Frame): Buffer {
  const { write, tagged } = codecs[frame.type] as unknown as Codec<Frame>;
  const value = tagged?.write(frame);
  return Buffer.concat([
    u8(frameTypes[frame.type]),
    u32(frame.request),
    ...write(frame),
    ...(value ? [encodeTlvs([{ tag: tagged!.tag, value }])] : []),
  ]);
}
