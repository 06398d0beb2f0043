// How the body of each frame is read and written.
import { field, u16, u32, u64, u8 } from './bytes.ts';
import { USER_NAME_PATTERN } from './user-name.ts';
import { takeEnvelope } from './envelope.ts';
import type { Bodies, FrameType } from './frames.ts';
import { encodeKey, readKey } from './key.ts';
import type { Reader } from './reader.ts';
import { encodeSigned, readSigned, SIGNATURE_BYTES } from './statement.ts';

/** Requests in one `accepted`, positions in one `acknowledge`. */
export const MAX_BATCH = 8_000;

/** What a failure asks of the client: give up, try again later, look the user up again, or leave the connection. */
export const failureClasses = { final: 1, later: 2, lookUp: 3, protocol: 4 } as const;
export type FailureClass = keyof typeof failureClasses;

/** Tags of frames; each frame has one at most. */
export const frameTags = {
  challenge: { features: 128 },
  register: { token: 1 },
  done: { previousNonce: 1 },
} as const;

/** How one frame's body is read and written; what a tag brings is read after the rest. */
export type Codec<Body> = {
  read: (reader: Reader) => Partial<Body>;
  write: (body: Body) => Buffer[];
  tagged?: {
    tag: number;
    /** @param value undefined if the frame has no such tag */
    read: (value: Buffer | undefined, reader: Reader) => Partial<Body>;
    /** @returns undefined to leave the tag out */
    write: (body: Body) => Buffer | undefined;
  };
};

const userName = (reader: Reader): string => {
  const name = reader.text(32);
  if (!USER_NAME_PATTERN.test(name)) throw reader.malformed();
  return name;
};
const device = (reader: Reader): number => {
  const number = reader.u8();
  if (number === 0) throw reader.malformed();
  return number;
};
const many = <Item>(count: number, read: () => Item): Item[] => Array.from({ length: count }, read);
const batch = (reader: Reader): number => {
  const count = reader.u16();
  if (count === 0 || count > MAX_BATCH) throw reader.malformed();
  return count;
};
const position = (reader: Reader): number => {
  const value = reader.u64();
  if (value === 0) throw reader.malformed();
  return value;
};
const request = (reader: Reader): number => {
  const value = reader.u32();
  if (value === 0) throw reader.malformed();
  return value;
};
const ofLength = (reader: Reader, value: Buffer, length: number): Buffer => {
  if (value.length !== length) throw reader.malformed();
  return value;
};
const ascending = (reader: Reader, bytes: Buffer): number[] => {
  const values = [...bytes];
  if (values.some((value, i) => i > 0 && value <= values[i - 1]!)) throw reader.malformed();
  return values;
};
const classNames = new Map(
  Object.entries(failureClasses).map(([name, code]) => [code, name as FailureClass]),
);

export const codecs: { [Type in FrameType]: Codec<Bodies[Type]> } = {
  hello: {
    read: (reader) => {
      const [lowest, highest] = [reader.u16(), reader.u16()];
      if (lowest === 0 || lowest > highest) throw reader.malformed();
      return { lowest, highest };
    },
    write: ({ lowest, highest }) => [u16(lowest), u16(highest)],
  },
  challenge: {
    read: (reader) => ({ version: reader.u16(), nonce: reader.bytes(32), time: reader.time() }),
    write: ({ version, nonce, time }) => [u16(version), nonce, u64(time)],
    tagged: {
      tag: frameTags.challenge.features,
      read: (value, reader) => ({ features: ascending(reader, value ?? Buffer.alloc(0)) }),
      write: ({ features }) => (features.length > 0 ? Buffer.from(features) : undefined),
    },
  },
  login: {
    read: (reader) => {
      const body = {
        identity: reader.bytes(32),
        device: device(reader),
        clientNonce: reader.bytes(32),
        time: reader.time(),
        signature: reader.bytes(SIGNATURE_BYTES),
      };
      return body;
    },
    write: (body) => [body.identity, u8(body.device), body.clientNonce, u64(body.time), body.signature],
  },
  register: {
    read: (reader) => {
      const body = {
        user: userName(reader),
        identityKey: readKey(reader),
        device: device(reader),
        prekey: readSigned(reader),
        clientNonce: reader.bytes(32),
        time: reader.time(),
        signature: reader.bytes(SIGNATURE_BYTES),
      };
      return body;
    },
    write: (body) => [
      field(body.user),
      encodeKey(body.identityKey),
      u8(body.device),
      encodeSigned(body.prekey),
      body.clientNonce,
      u64(body.time),
      body.signature,
    ],
    tagged: {
      tag: frameTags.register.token,
      read: (value, reader) => (value ? { token: ofLength(reader, value, 16) } : {}),
      write: ({ token }) => token,
    },
  },
  done: {
    read: () => ({}),
    write: () => [],
    tagged: {
      tag: frameTags.done.previousNonce,
      read: (value, reader) => (value ? { previousNonce: ofLength(reader, value, 32) } : {}),
      write: ({ previousNonce }) => previousNonce,
    },
  },
  publish: {
    read: (reader) => {
      const identityKey = readKey(reader);
      const count = reader.u8();
      if (count === 0) throw reader.malformed();
      const body = { identityKey, statements: many(count, () => readSigned(reader)) };
      return body;
    },
    write: ({ identityKey, statements }) => [
      encodeKey(identityKey),
      u8(statements.length),
      ...statements.map(encodeSigned),
    ],
  },
  lookup: {
    read: (reader) => {
      const by = reader.u8();
      if (by > 1) throw reader.malformed();
      const of = by === 0 ? { user: userName(reader) } : { identity: ofLength(reader, reader.field(32), 32) };
      const knownVersion = reader.u32();
      return { of, knownVersion };
    },
    write: ({ of, knownVersion }) => [
      ...('user' in of ? [u8(0), field(of.user)] : [u8(1), field(of.identity)]),
      u32(knownVersion),
    ],
  },
  bundle: {
    read: (reader) => {
      const body = {
        user: userName(reader),
        identityKey: readKey(reader),
        newestVersion: reader.u32(),
        deviceStatements: many(reader.u8(), () => readSigned(reader)),
        prekeys: many(reader.u8(), () => readSigned(reader)),
      };
      return body;
    },
    write: ({ user, identityKey, newestVersion, deviceStatements, prekeys }) => [
      field(user),
      encodeKey(identityKey),
      u32(newestVersion),
      u8(deviceStatements.length),
      ...deviceStatements.map(encodeSigned),
      u8(prekeys.length),
      ...prekeys.map(encodeSigned),
    ],
  },
  send: {
    read: (reader) => {
      const envelope = takeEnvelope(reader);
      return { envelope };
    },
    write: ({ envelope }) => [envelope],
  },
  accepted: {
    read: (reader) => {
      const requests = many(batch(reader), () => request(reader));
      return { requests };
    },
    write: ({ requests }) => [u16(requests.length), ...requests.map(u32)],
  },
  deliver: {
    read: (reader) => {
      const body = { position: position(reader), envelope: takeEnvelope(reader) };
      return body;
    },
    write: (body) => [u64(body.position), body.envelope],
  },
  acknowledge: {
    read: (reader) => {
      const positions = many(batch(reader), () => position(reader));
      return { positions };
    },
    write: ({ positions }) => [u16(positions.length), ...positions.map((value) => u64(value))],
  },
  failure: {
    read: (reader) => {
      const name = classNames.get(reader.u8() as 1);
      const [code, detail] = [reader.text(64), reader.text(500)];
      if (!name || !/^[a-z-]{1,64}$/.test(code)) throw reader.malformed();
      return { class: name, code, detail };
    },
    write: (body) => [u8(failureClasses[body.class]), field(body.code), field(body.detail)],
  },
};
