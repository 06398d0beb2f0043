// What devices sign besides envelopes and device lists: prekeys, logins, registrations.
import { sign, type SigningKey } from '../../main/messenger/rsa.ts';
import { field, u16, u64, u8 } from '../../protocol/bytes.ts';
import { encodePrekey, type Prekey, PREKEY_LIFETIME_MS, SIGNED_PREKEY } from '../../protocol/prekey.ts';
import { loginStatement, registerStatement, type SignIn } from '../../protocol/sign-in.ts';
import { encodeStatement, labels, type Signed } from '../../protocol/statement.ts';
import { identityOf, modulusOf, shortModulus } from './keys.ts';

/** When the prekeys were made and are judged. */
export const CREATED = Date.UTC(2026, 10, 17);

export const bobsPrekey = (): Prekey => ({
  user: 'bob',
  identity: identityOf('bob'),
  device: 1,
  class: SIGNED_PREKEY,
  created: CREATED,
  expires: CREATED + PREKEY_LIFETIME_MS,
  key: modulusOf('bobPrekey'),
  knownKinds: [1, 128, 129, 131, 134, 135],
});

export type PrekeyVectors = {
  good: { name: string; prekey: Prekey; signed: Signed }[];
  bad: { name: string; signed: Signed }[];
};

export async function prekeys(bob: SigningKey, mallory: SigningKey): Promise<PrekeyVectors> {
  const prekey = bobsPrekey();
  const signed = async (bytes: Buffer, by = bob): Promise<Signed> => ({
    bytes,
    signature: await sign(by, bytes),
  });
  const tagged = (tag: number, value: Buffer): Buffer =>
    Buffer.concat([encodePrekey({ ...prekey, knownKinds: [] }), u8(tag), u16(value.length), value]);
  const change = (changed: Partial<Prekey>): Buffer => encodePrekey({ ...prekey, ...changed });
  /** As the encoder would never write it. */
  const raw = (user: string, created: number, expires: number, key: Buffer): Buffer =>
    encodeStatement(labels.prekey, [
      field(user),
      prekey.identity,
      ...[u8(1), u8(1), u64(created), u64(expires), u8(1), field(key)],
    ]);
  const { created, expires, key } = prekey;
  return {
    good: [
      { name: 'with the kinds it knows', prekey, signed: await signed(encodePrekey(prekey)) },
      {
        name: 'without',
        prekey: { ...prekey, knownKinds: [] },
        signed: await signed(change({ knownKinds: [] })),
      },
      {
        name: 'made an hour from now, by a clock that is fast',
        prekey: { ...prekey, created: created + 3_600_000, expires: expires + 3_600_000 },
        signed: await signed(change({ created: created + 3_600_000, expires: expires + 3_600_000 })),
      },
      {
        name: 'with an unknown ignorable tag',
        prekey: { ...prekey, knownKinds: [] },
        signed: await signed(tagged(200, Buffer.from('some day'))),
      },
    ],
    bad: [
      { name: 'an unknown critical tag', signed: await signed(tagged(9, Buffer.alloc(0))) },
      { name: 'known kinds that descend', signed: await signed(tagged(128, Buffer.of(2, 1))) },
      { name: 'a known kind twice', signed: await signed(tagged(128, Buffer.of(1, 1))) },
      { name: 'device 0', signed: await signed(change({ device: 0 })) },
      { name: 'a name that is none', signed: await signed(raw('Bob', created, expires, key)) },
      {
        name: 'a name of two characters and a line feed',
        signed: await signed(raw('bo\n', created, expires, key)),
      },
      { name: 'of another name', signed: await signed(change({ user: 'bobby' })) },
      { name: 'of another identity', signed: await signed(change({ identity: identityOf('mallory') })) },
      { name: "of a device that isn't listed", signed: await signed(change({ device: 2 })) },
      { name: 'a one-time prekey, which is reserved', signed: await signed(change({ class: 2 })) },
      { name: "the owner's signing key", signed: await signed(change({ key: modulusOf('bob') })) },
      { name: 'a day longer than others', signed: await signed(change({ expires: expires + 86_400_000 })) },
      { name: 'a millisecond shorter', signed: await signed(change({ expires: expires - 1 })) },
      {
        name: 'made over an hour from now',
        signed: await signed(change({ created: created + 3_600_001, expires: expires + 3_600_001 })),
      },
      { name: 'an expiry before the creation', signed: await signed(raw('bob', expires, created, key)) },
      { name: 'a key of 3,071 bits', signed: await signed(raw('bob', created, expires, shortModulus())) },
      { name: 'a key of 383 bytes', signed: await signed(raw('bob', created, expires, key.subarray(1))) },
      {
        name: 'an even modulus',
        signed: await signed(raw('bob', created, expires, Buffer.alloc(384, 0xfe))),
      },
      { name: 'cut by a byte', signed: await signed(encodePrekey(prekey).subarray(0, -1)) },
      { name: "a stranger's signature", signed: await signed(encodePrekey(prekey), mallory) },
      {
        name: 'signed without its label',
        signed: {
          bytes: encodePrekey(prekey),
          signature: await sign(bob, encodePrekey(prekey).subarray(2 + labels.prekey.length)),
        },
      },
    ],
  };
}

export const signIn = (): SignIn => ({
  relayKey: Buffer.alloc(32, 0xaa),
  identity: identityOf('bob'),
  device: 1,
  serverNonce: Buffer.alloc(32, 0xbb),
  clientNonce: Buffer.alloc(32, 0xcc),
  time: CREATED,
});

export async function signIns(bob: SigningKey): Promise<Record<'login' | 'register', Signed>> {
  const [login, register] = [loginStatement(signIn()), registerStatement('bob', signIn())];
  return {
    login: { bytes: login, signature: await sign(bob, login) },
    register: { bytes: register, signature: await sign(bob, register) },
  };
}
