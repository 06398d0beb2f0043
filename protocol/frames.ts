// Every frame that a client and a relay exchange: schema, inferred type, version (PROTOCOL.md, "Frames").
import * as z from 'zod/mini';
import { MAX_ENVELOPE_BYTES, MIN_ENVELOPE_BYTES, RSA_BYTES } from './envelope.ts';
import { Failure, relayFailureCodes } from './failures.ts';
import { bytes, MAX_FRAME_BYTES, Time, UserName } from './fields.ts';
import { SPKI_BYTES } from './public-key.ts';

/** The protocol's version, the one that PROTOCOL.md describes. */
export const VERSION = 1;

/** A request's number, chosen by the client; the answer repeats it. */
const Id = z.int().check(z.positive());
const Fingerprint = bytes(32);
const Nonce = bytes(32);
const Signature = bytes(RSA_BYTES);
const Spki = bytes(SPKI_BYTES);
const EnvelopeBytes = bytes(MIN_ENVELOPE_BYTES, MAX_ENVELOPE_BYTES);

const ReceptionKey = z.strictObject({
  class: z.literal('rotating'),
  created: Time,
  expires: Time,
  key: Spki,
  signature: Signature,
});
export type SignedReceptionKey = z.output<typeof ReceptionKey>;

const signIn = { id: Id, user: UserName, clientNonce: Nonce, time: Time, signature: Signature };

export const ClientFrame = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('hello'), id: Id, version: z.int().check(z.positive()) }),
  z.strictObject({ type: z.literal('login'), ...signIn, identity: Fingerprint }),
  z.strictObject({ type: z.literal('register'), ...signIn, identityKey: Spki, receptionKey: ReceptionKey }),
  z.strictObject({ type: z.literal('publish'), id: Id, receptionKey: ReceptionKey }),
  z.strictObject({ type: z.literal('lookup'), id: Id, user: UserName }),
  z.strictObject({ type: z.literal('send'), id: Id, to: UserName, envelope: EnvelopeBytes }),
  z.strictObject({ type: z.literal('acknowledge'), from: UserName, message: bytes(16) }),
]);
export type ClientFrame = z.output<typeof ClientFrame>;

export const RelayFrame = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('challenge'), id: Id, nonce: Nonce, time: Time }),
  z.strictObject({ type: z.literal('done'), id: Id }),
  z.strictObject({
    type: z.literal('user'),
    id: Id,
    user: UserName,
    identityKey: Spki,
    receptionKey: ReceptionKey,
  }),
  z.strictObject({ type: z.literal('accepted'), id: Id }),
  z.strictObject({
    type: z.literal('failure'),
    id: z.optional(Id),
    code: z.enum(relayFailureCodes),
    /** For whoever debugs a client; never shown to its user. */
    detail: z.string().check(z.maxLength(500)),
  }),
  z.strictObject({ type: z.literal('deliver'), from: UserName, envelope: EnvelopeBytes }),
]);
export type RelayFrame = z.output<typeof RelayFrame>;

function parse<Frame>(schema: z.ZodMiniType<Frame>, text: string): Frame {
  if (text.length > MAX_FRAME_BYTES)
    throw new Failure('malformed', `A frame has over ${MAX_FRAME_BYTES} characters.`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Failure('malformed', 'A frame is not JSON.', { cause });
  }
  const result = z.safeParse(schema, value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.join('.') || 'frame';
  throw new Failure('malformed', `${where}: ${issue?.message ?? 'not as the protocol has it'}`.slice(0, 500));
}

/** What a relay reads. @throws Failure `malformed`, its message naming the field */
export const parseClientFrame = (text: string): ClientFrame => parse(ClientFrame, text);
/** What a client reads. @throws Failure `malformed`, its message naming the field */
export const parseRelayFrame = (text: string): RelayFrame => parse(RelayFrame, text);
/** @returns the frame's JSON text */
export const encodeClientFrame = (frame: ClientFrame): string => JSON.stringify(z.encode(ClientFrame, frame));
/** @returns the frame's JSON text */
export const encodeRelayFrame = (frame: RelayFrame): string => JSON.stringify(z.encode(RelayFrame, frame));
