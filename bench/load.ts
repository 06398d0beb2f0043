// Pairs of senders and recipients as a process of its own, as cheap as can be, so that the relay is the slower of the two.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type WebSocket } from 'ws';
import { encodeHeader, HEADER_BYTES, MIN_ENVELOPE_BYTES } from '../protocol/envelope.ts';
import { encodeClientFrame } from '../protocol/frames.ts';
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

/** Version, suite and id are 18 bytes: exactly 24 characters of base64url, behind which nothing changes. */
const CHANGING_CHARACTERS = 24;
const DELIVERED = '{"type":"deliver"';
const ACCEPTED = '{"type":"accepted"';
const ENVELOPE = '"envelope":"';

type Pair = { sender: WebSocket; send(): void; underWay: number };

const pairs: Pair[] = [];
let accepted = 0;
let sent = 0;
let onAccepted: (pair: Pair) => void = () => {};
const sentAt = new Map<string, number>();
let latencies: number[] = [];

function befriend(sender: Member, recipient: Member): Pair {
  const header = encodeHeader({
    id: Buffer.alloc(16),
    sender: sender.fingerprint,
    recipient: recipient.fingerprint,
    receptionKey: randomBytes(32),
    blockCount: 1,
  });
  const envelope = Buffer.concat([header, randomBytes(MIN_ENVELOPE_BYTES - HEADER_BYTES)]);
  const rest = encodeClientFrame({ type: 'send', id: 1, to: recipient.name, envelope })
    .split(ENVELOPE)[1]!
    .slice(CHANGING_CHARACTERS);
  const head = Buffer.from(envelope.subarray(0, 18));
  randomBytes(10).copy(head, 2);
  let id = 0;
  const pair: Pair = {
    sender: sender.socket,
    underWay: 0,
    send() {
      head.writeUIntBE(++id, 12, 6);
      const start = head.toString('base64url');
      sentAt.set(start, performance.now());
      pair.underWay++;
      sent++;
      sender.socket.send(`{"type":"send","id":${id},"to":"${recipient.name}","envelope":"${start}${rest}`);
    },
  };
  const acknowledged = `{"type":"acknowledge","from":"${sender.name}","message":"`;
  recipient.socket.on('message', (data: Buffer) => {
    const text = data.toString('latin1', 0, 120);
    if (!text.startsWith(DELIVERED)) throw new Error(`The recipient got ${text}`);
    const at = text.indexOf(ENVELOPE) + ENVELOPE.length;
    const start = text.slice(at, at + CHANGING_CHARACTERS);
    latencies.push(performance.now() - sentAt.get(start)!);
    sentAt.delete(start);
    const message = Buffer.from(start, 'base64url').toString('base64url', 2);
    recipient.socket.send(`${acknowledged}${message}"}`);
  });
  sender.socket.on('message', (data: Buffer) => {
    if (!data.toString('latin1', 0, ACCEPTED.length).startsWith(ACCEPTED)) {
      throw new Error(`The sender got ${data.toString()}`);
    }
    accepted++;
    pair.underWay--;
    onAccepted(pair);
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
