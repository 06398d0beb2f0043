// Sealing and opening against the RSA operations that are in them: short messages one at a time, long ones on all cores.
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import { isAuthentic, open, seal } from '../main/messenger/seal.ts';
import { encodeContent, MAX_TEXT_BYTES } from '../protocol/content.ts';
import { BLOCK_BYTES, decodeEnvelope, HEADER_BYTES, MAX_BLOCKS } from '../protocol/envelope.ts';
import { watchEventLoop } from './blocking.ts';
import { compare, type Figure, median, throughput } from './figures.ts';
import { type Correspondents, makeCorrespondents, rawRsa } from './keys.ts';
import { openRawCores } from './raw-cores.ts';

/** Short runs and many pairs: what else the computer does comes and goes. */
const SHORT = { text: 'x'.repeat(140), messages: 50, pairs: 41 };
const LONG = { text: 'x'.repeat(MAX_TEXT_BYTES), seals: 30, opens: 4, pairs: 13 };
/** Messages under way at once on all cores. */
const IN_FLIGHT = 4 * availableParallelism();

const OPENINGS = 20;

const signedBytes = (blocks: number): number => 20 + HEADER_BYTES + blocks * BLOCK_BYTES;

function sealText({ sender, encryption, recipient }: Correspondents, text: string): Promise<Buffer> {
  return seal({
    sender: { identity: sender.publicKey.fingerprint, device: 1 },
    listVersion: 0,
    signer: sender,
    recipient: { identity: recipient, device: 1 },
    encryptionKey: encryption.publicKey,
    payload: {
      chain: randomBytes(8),
      sequence: 1,
      previous: Buffer.alloc(16),
      timestamp: Date.now(),
      salt: randomBytes(16),
      content: encodeContent({ kind: 'text', text }),
    },
  });
}

async function openText({ sender, encryption }: Correspondents, bytes: Buffer): Promise<void> {
  const envelope = decodeEnvelope(bytes);
  if (!(await isAuthentic(envelope, sender.publicKey))) throw new Error('It is not authentic.');
  await open(envelope, encryption);
}

/** One block, one message after the other: what a chat feels like. */
export async function measureShort(): Promise<Figure[]> {
  const pair = await makeCorrespondents();
  const raw = rawRsa(pair.der, signedBytes(1));
  const envelope = await sealText(pair, SHORT.text);
  const { messages, pairs } = SHORT;
  const sealing = await compare(
    async () => {
      for (let i = 0; i < messages; i++) await sealText(pair, SHORT.text);
    },
    () => {
      for (let i = 0; i < messages; i++) {
        raw.encrypt();
        raw.sign();
      }
    },
    pairs,
  );
  const opening = await compare(
    async () => {
      for (let i = 0; i < messages; i++) await openText(pair, envelope);
    },
    () => {
      for (let i = 0; i < messages; i++) {
        raw.verify();
        raw.decrypt();
      }
    },
    pairs,
  );
  return [
    ...throughput('seal 1 block, one at a time', messages, sealing, 0.8),
    ...throughput('open 1 block, one at a time', messages, opening, 0.8),
  ];
}

/** The longest text there is, many at once: the computer does nothing else. */
export async function measureLong(): Promise<Figure[]> {
  const pair = await makeCorrespondents();
  const envelope = await sealText(pair, LONG.text);
  const raw = await openRawCores(pair.der, signedBytes(MAX_BLOCKS));
  const limit = pLimit(IN_FLIGHT);
  const together = (count: number, work: () => Promise<unknown>): Promise<unknown> =>
    Promise.all(Array.from({ length: count }, () => limit(work)));
  const { seals, opens, pairs } = LONG;
  try {
    const sealing = await compare(
      () => together(seals, () => sealText(pair, LONG.text)),
      () => raw.run({ encrypt: seals * MAX_BLOCKS, sign: seals }),
      pairs,
    );
    const opening = await compare(
      () => together(opens, () => openText(pair, envelope)),
      () => raw.run({ verify: opens, decrypt: opens * MAX_BLOCKS }),
      pairs,
    );
    return [
      ...throughput('seal 32 KiB, all cores', seals, sealing, 0.85),
      ...throughput('open 32 KiB, all cores', opens, opening, 0.85),
    ];
  } finally {
    await raw.close();
  }
}

/** How long the event loop stands still while the longest text is opened. */
export async function measureBlocking(): Promise<Figure[]> {
  const pair = await makeCorrespondents();
  const envelope = await sealText(pair, LONG.text);
  await openText(pair, envelope);
  const longest: number[] = [];
  let own = 0;
  for (let i = 0; i < OPENINGS; i++) {
    const stop = watchEventLoop();
    await openText(pair, envelope);
    const standstill = stop();
    longest.push(standstill.longest);
    own = Math.max(own, standstill.own);
  }
  return [
    {
      name: 'event loop blocked while opening 32 KiB',
      value: Math.max(...longest),
      unit: 'ms',
      target: { below: 20 },
      detail: `longest of ${OPENINGS}, median ${median(longest).toFixed(1)}; own work at most ${own.toFixed(1)}`,
    },
  ];
}
