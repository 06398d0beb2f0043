// Device lists: alice's grows change by change, and what nobody may add to it.
import { sign, type SigningKey } from '../../main/messenger/rsa.ts';
import { encodeDeviceChange, type DeviceChange } from '../../protocol/devices.ts';
import { sha256 } from '../../protocol/key.ts';
import type { Signed } from '../../protocol/statement.ts';
import { anyModulus, identityOf, modulusOf, shortModulus } from './keys.ts';

export type Signers = Record<'alice' | 'alice2' | 'alice3' | 'alice4' | 'mallory', SigningKey>;
/** What nobody may add after the first `after` changes. */
export type BadChange = { name: string; after: number; change: Signed };
export type Step = { by: number; change: Signed; answer: 'done' | 'statement-conflict' };
export type DeviceVectors = {
  changes: Signed[];
  bad: BadChange[];
  full: Signed[];
  ninth: Signed;
  race: Step[];
};

const CREATED = Date.UTC(2026, 10, 17);
const ZEROS = Buffer.alloc(32);

export async function deviceLists(signers: Signers): Promise<DeviceVectors> {
  const identity = identityOf('alice');
  const add = (number: number, key: Buffer): DeviceChange['change'] => ({ action: 'add', number, key });
  const bytesOf = (
    version: number,
    previous: Buffer,
    signer: number,
    change: DeviceChange['change'],
  ): Buffer =>
    encodeDeviceChange({ identity, version, previous, created: CREATED + version, signer, change });
  const signedBy = async (name: keyof Signers, bytes: Buffer): Promise<Signed> => ({
    bytes,
    signature: await sign(signers[name], bytes),
  });
  const changes: Signed[] = [];
  const hashAfter = (count: number): Buffer => (count === 0 ? ZEROS : sha256(changes[count - 1]!.bytes));
  const next = async (name: keyof Signers, signer: number, change: DeviceChange['change']): Promise<void> => {
    const version = changes.length + 1;
    changes.push(await signedBy(name, bytesOf(version, hashAfter(version - 1), signer, change)));
  };
  await next('alice', 1, add(2, modulusOf('alice2')));
  await next('alice2', 2, add(3, modulusOf('alice3')));
  await next('alice3', 3, { action: 'remove', number: 1 });
  await next('alice2', 2, add(4, modulusOf('alice4')));
  // With a tag of the future that may be ignored; the device removes itself.
  const tagged = Buffer.concat([
    bytesOf(5, hashAfter(4), 3, { action: 'remove', number: 3 }),
    Buffer.of(200, 0, 3, 1, 2, 3),
  ]);
  changes.push(await signedBy('alice3', tagged));

  const bad: BadChange[] = [];
  const refuse = async (
    name: string,
    after: number,
    by: keyof Signers,
    signer: number,
    change: DeviceChange['change'],
    other: { version?: number; previous?: Buffer; alter?: (bytes: Buffer) => Buffer } = {},
  ): Promise<void> => {
    const bytes = bytesOf(other.version ?? after + 1, other.previous ?? hashAfter(after), signer, change);
    bad.push({ name, after, change: await signedBy(by, other.alter?.(bytes) ?? bytes) });
  };
  const key = anyModulus('a new device');
  await refuse('a skipped version', 0, 'alice', 1, add(2, key), { version: 2 });
  await refuse('a version again', 1, 'alice', 1, add(3, key), { version: 1 });
  await refuse('another predecessor', 1, 'alice', 1, add(3, key), { previous: ZEROS });
  await refuse('a signer who is not listed', 0, 'alice2', 2, add(2, key));
  await refuse('a signer who was removed', 3, 'alice', 1, add(4, key));
  await refuse('a signer under the number of another', 1, 'alice2', 1, add(3, key));
  await refuse("a stranger's signature", 0, 'mallory', 1, add(2, key));
  await refuse('a number that is skipped', 0, 'alice', 1, add(3, key));
  await refuse('a number that is taken', 1, 'alice', 1, add(2, key));
  await refuse('a number that was removed', 3, 'alice2', 2, add(1, key));
  await refuse('number 0', 0, 'alice', 1, add(0, key));
  await refuse('a key that is listed', 1, 'alice', 1, add(3, modulusOf('alice2')));
  await refuse('a key that was removed', 3, 'alice2', 2, add(4, modulusOf('alice')));
  await refuse('the removal of one that is not listed', 0, 'alice', 1, { action: 'remove', number: 2 });
  await refuse('the removal of the last one', 0, 'alice', 1, { action: 'remove', number: 1 });
  await refuse('a key of 3,071 bits', 0, 'alice', 1, add(2, shortModulus()));
  await refuse('an even modulus', 0, 'alice', 1, add(2, Buffer.alloc(384, 0xfe)));
  await refuse('the list of another account', 0, 'alice', 1, add(2, key), {
    alter: (bytes) => Buffer.concat([bytes.subarray(0, 18), identityOf('bob'), bytes.subarray(50)]),
  });
  await refuse(
    'an unknown action',
    0,
    'alice',
    1,
    { action: 'remove', number: 1 },
    {
      alter: (bytes) => Buffer.concat([bytes.subarray(0, -2), Buffer.of(3, 1)]),
    },
  );
  await refuse(
    'an unknown action, where a removal would do',
    1,
    'alice',
    1,
    { action: 'remove', number: 2 },
    {
      alter: (bytes) => Buffer.concat([bytes.subarray(0, -2), Buffer.of(3, 2)]),
    },
  );
  await refuse('an unknown critical tag', 0, 'alice', 1, add(2, key), {
    alter: (bytes) => Buffer.concat([bytes, Buffer.of(9, 0, 0)]),
  });
  await refuse('a byte too many', 0, 'alice', 1, add(2, key), {
    alter: (bytes) => Buffer.concat([bytes, Buffer.of(200)]),
  });
  await refuse('another label', 0, 'alice', 1, add(2, key), {
    alter: (bytes) => Buffer.from(bytes.toString('latin1').replace('/device', '/prekey'), 'latin1'),
  });

  // Eight devices fill a list.
  const full: Signed[] = [];
  for (let number = 2; number <= 9; number++) {
    const previous = full.length === 0 ? ZEROS : sha256(full.at(-1)!.bytes);
    full.push(
      await signedBy('alice', bytesOf(number - 1, previous, 1, add(number, anyModulus(`device ${number}`)))),
    );
  }
  const ninth = full.pop()!;

  // Two devices change the list at the same time: the first to reach the relay counts, the other starts over.
  const first = await signedBy('alice', bytesOf(2, hashAfter(1), 1, add(3, modulusOf('alice3'))));
  const loser = await signedBy('alice2', bytesOf(2, hashAfter(1), 2, add(3, modulusOf('alice4'))));
  const again = await signedBy('alice2', bytesOf(3, sha256(first.bytes), 2, add(4, modulusOf('alice4'))));
  const race: Step[] = [
    { by: 1, change: changes[0]!, answer: 'done' },
    { by: 1, change: first, answer: 'done' },
    { by: 2, change: loser, answer: 'statement-conflict' },
    // Its answer was lost on the way: sent again unchanged.
    { by: 1, change: first, answer: 'done' },
    { by: 2, change: again, answer: 'done' },
  ];
  return { changes, bad, full, ninth, race };
}
