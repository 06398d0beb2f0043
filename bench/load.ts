// Pairs of senders and recipients as a process of its own, as cheap as can be, so that the relay is the slower of the two.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type WebSocket } from 'ws';
import { encodeHeader, HEADER_BYTES, MIN_ENVELOPE_BYTES } from '../protocol/envelope.ts';
import { encodeFrame, frameTypes } from '../protocol/frames.ts';
import { join, type Member } from './membership.ts';

export type Order =
  | { kind: 'join'; port: number; key: string; pairs: number; prefix: string }
  /** As many as the windows let through. */
  | { kind: 'saturate'; window: number; milliseconds: number }
  /** So many a second over all pairs. */
  | { kind: 'pace'; perSecond: number; milliseconds: number };
export type Outcome = {
  accepted: number;
  milliseconds: number;
  /** Milliseconds from send to deliver, one for each message. */
  latencies: Float64Array;
  /** Microseconds of this process's processor time. */
  cpu: number;
};

type Pair = { sender: WebSocket; send(): void; underWay: number };

const pairs: Pair[] = [];
let accepted = 0;
let sent = 0;
let onAccepted: (pair: Pair) => void = () => {};
const sentAt = new Map<number, number>();
let latencies: number[] = [];

/** Bytes of an envelope that no relay looks at: the middle of the fingerprint of the encryption key. */
const CHANGING = 80;
const CHANGING_BYTES = 6;
/** In front of the envelope: type and request; in a delivery the position, too. */
const SEND_BYTES = 5;
const DELIVER_BYTES = 13;

function befriend(sender: Member, recipient: Member): Pair {
  const header = encodeHeader({
    sender: { identity: sender.identity, device: 1 },
    listVersion: 0,
    recipient: { identity: recipient.identity, device: 1 },
    encryptionKey: randomBytes(32),
    blockCount: 1,
  });
  const envelope = Buffer.concat([header, randomBytes(MIN_ENVELOPE_BYTES - HEADER_BYTES)]);
  let id = randomBytes(4).readUInt32BE() * 2 ** 16;
  let request = 0;
  const pair: Pair = {
    sender: sender.socket,
    underWay: 0,
    send() {
      // ws masks in place what it is given; a new frame each time is what a client makes, too.
      const frame = encodeFrame({ type: 'send', request: ++request, envelope });
      frame.writeUIntBE(++id, SEND_BYTES + CHANGING, CHANGING_BYTES);
      sentAt.set(id, performance.now());
      pair.underWay++;
      sent++;
      sender.socket.send(frame);
    },
  };
  let positions: number[] = [];
  const acknowledge = (): void => {
    recipient.socket.send(encodeFrame({ type: 'acknowledge', request: 0, positions }));
    positions = [];
  };
  recipient.socket.on('message', (data: Buffer) => {
    if (data[0] !== frameTypes.deliver) throw new Error(`The recipient got a frame of type ${data[0]}`);
    const id = data.readUIntBE(DELIVER_BYTES + CHANGING, CHANGING_BYTES);
    latencies.push(performance.now() - sentAt.get(id)!);
    sentAt.delete(id);
    // What has come in one turn is acknowledged together, as a client does.
    if (positions.push(Number(data.readBigUInt64BE(5))) === 1) setImmediate(acknowledge);
  });
  sender.socket.on('message', (data: Buffer) => {
    if (data[0] !== frameTypes.accepted) throw new Error(`The sender got a frame of type ${data[0]}`);
    const count = data.readUInt16BE(5);
    accepted += count;
    pair.underWay -= count;
    for (let i = 0; i < count; i++) onAccepted(pair);
  });
  return pair;
}

const pause = (milliseconds: number): Promise<void> => new Promise((r) => setTimeout(r, milliseconds));

async function saturate(window: number, milliseconds: number): Promise<void> {
  onAccepted = (pair) => pair.send();
  for (const pair of pairs) while (pair.underWay < window) pair.send();
  await pause(milliseconds);
  onAccepted = () => {};
}

/** Sends when it is time, whatever has been answered by then. */
async function pace(perSecond: number, milliseconds: number): Promise<void> {
  const start = performance.now();
  const before = sent;
  for (let elapsed = 0; elapsed < milliseconds; elapsed = performance.now() - start) {
    while (sent - before < (elapsed * perSecond) / 1000) pairs[sent % pairs.length]!.send();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function obey(order: Order): Promise<Outcome | undefined> {
  if (order.kind === 'join') {
    const { port, prefix } = order;
    const names = Array.from({ length: 2 * order.pairs }, (_, i) => `${prefix}${i}`);
    const members = await Promise.all(
      names.map((name) => join(port, Buffer.from(order.key, 'base64url'), name)),
    );
    for (let i = 0; i < order.pairs; i++) pairs.push(befriend(members[2 * i]!, members[2 * i + 1]!));
    return undefined;
  }
  const [start, cpu, before] = [performance.now(), process.cpuUsage(), accepted];
  latencies = [];
  if (order.kind === 'saturate') await saturate(order.window, order.milliseconds);
  else await pace(order.perSecond, order.milliseconds);
  const { user, system } = process.cpuUsage(cpu);
  const outcome = {
    accepted: accepted - before,
    milliseconds: performance.now() - start,
    cpu: user + system,
  };
  while (pairs.some(({ underWay }) => underWay > 0) || sentAt.size > 0) await pause(5);
  return { ...outcome, latencies: Float64Array.from(latencies) };
}

process.on('disconnect', () => process.exit());
while (process.connected) {
  const [order] = (await once(process, 'message')) as [Order];
  process.send?.((await obey(order)) ?? 'joined');
}
