// The way from one device's mailbox to its connection: the envelopes of one sender in their order, and no more under way than
// the device can acknowledge, so that no sender blocks the others.
import type { Mailboxes } from './mailboxes.ts';
import type { MailboxName, Waiting } from './stores.ts';

/** Envelopes that may be under way without an acknowledgement: in all, and of one sender's identity. */
export const WINDOW = 256;
export const WINDOW_PER_SENDER = 64;

type Queue = {
  underWay: number;
  /** The last position that was handed over. */
  last: number;
  /** Something behind it is stored, or will be: newer ones queue up. */
  isBehind: boolean;
  /** Something was stored while the mailbox was being read: that reading may have missed it. */
  hasNews: boolean;
};

export class Delivery {
  readonly #mailbox: MailboxName;
  readonly #mailboxes: Mailboxes;
  readonly #push: (waiting: Waiting) => void;
  /** By sender. Kept as long as the connection: a late read must not bring again what `last` has passed. */
  readonly #queues = new Map<string, Queue>();
  readonly #underWay = new Map<number, Waiting>();
  #filling: Promise<void> | undefined;
  #isAskedAgain = false;
  #isStarted = false;
  #isEnded = false;

  constructor(mailbox: MailboxName, mailboxes: Mailboxes, push: (waiting: Waiting) => void) {
    this.#mailbox = mailbox;
    this.#mailboxes = mailboxes;
    this.#push = push;
  }

  /** Begins with what is stored. @throws what the store throws */
  async start(): Promise<void> {
    for (const sender of await this.#mailboxes.senders(this.#mailbox)) this.#queueOf(sender).isBehind = true;
    this.#isStarted = true;
    await this.refill();
  }

  end(): void {
    this.#isEnded = true;
  }

  /** Hands over an envelope that has just come in, unless others come first. @returns whether it did */
  offer(waiting: Waiting): boolean {
    const queue = this.#queueOf(waiting.sender);
    if (!this.#isStarted || queue.isBehind || this.#room(queue) === 0) {
      queue.isBehind = true;
      return false;
    }
    this.#hand(queue, waiting);
    return true;
  }

  /** The device has an envelope. @returns it; undefined if it was not under way on this connection */
  acknowledged(position: number): Waiting | undefined {
    const waiting = this.#underWay.get(position);
    if (!waiting) return undefined;
    this.#underWay.delete(position);
    this.#queueOf(waiting.sender).underWay--;
    return waiting;
  }

  /** Told after a commit. */
  stored(sender: string, position: number): void {
    if (this.#underWay.has(position)) return;
    const queue = this.#queueOf(sender);
    if (position > queue.last) queue.isBehind = queue.hasNews = true;
  }

  /** Whether a half of some window is free for what waits. */
  get isHungry(): boolean {
    if (this.#underWay.size > WINDOW / 2) return false;
    for (const { isBehind, underWay } of this.#queues.values()) {
      if (isBehind && underWay <= WINDOW_PER_SENDER / 2) return true;
    }
    return false;
  }

  /** Reads on in the mailbox as far as the windows allow. @throws what the store throws */
  refill(): Promise<void> {
    this.#isAskedAgain = true;
    this.#filling ??= this.#fill().finally(() => (this.#filling = undefined));
    return this.#filling;
  }

  async #fill(): Promise<void> {
    while (this.#isAskedAgain && this.#isStarted && !this.#isEnded) {
      this.#isAskedAgain = false;
      for (const [sender, queue] of this.#queues) {
        const room = this.#room(queue);
        if (!queue.isBehind || room === 0) continue;
        queue.hasNews = false;
        const { envelopes, isAll } = await this.#mailboxes.read(this.#mailbox, sender, queue.last, room);
        if (this.#isEnded) return;
        for (const waiting of envelopes)
          if (!this.#underWay.has(waiting.position)) this.#hand(queue, waiting);
        if (!isAll) continue;
        // What isn't stored yet is told by `stored`.
        queue.isBehind = queue.hasNews || this.#mailboxes.isStoring(this.#mailbox, sender, queue.last);
      }
    }
  }

  #room(queue: Queue): number {
    return Math.max(0, Math.min(WINDOW - this.#underWay.size, WINDOW_PER_SENDER - queue.underWay));
  }

  #hand(queue: Queue, waiting: Waiting): void {
    this.#underWay.set(waiting.position, waiting);
    queue.underWay++;
    queue.last = Math.max(queue.last, waiting.position);
    this.#push(waiting);
  }

  #queueOf(sender: string): Queue {
    const known = this.#queues.get(sender);
    if (known) return known;
    const queue = { underWay: 0, last: 0, isBehind: false, hasNews: false };
    this.#queues.set(sender, queue);
    return queue;
  }
}
