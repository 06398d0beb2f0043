// The way from one device's mailbox to its connection: the envelopes of one sender in their order, and no more under way than
// the device can acknowledge, so that no sender blocks the others.
import type { Mailboxes } from './mailboxes.ts';
import type { MailboxName, Waiting } from './stores.ts';

/** Envelopes that may be under way without an acknowledgement: in all, and of one sender's identity. */
export const WINDOW = 256;
export const WINDOW_PER_SENDER = 64;
/** Bytes of envelopes that are held in memory for a connection until there is room. */
export const HELD_BYTES = 512 * 1024;

type Queue = {
  underWay: number;
  /** The last position that was handed over. */
  last: number;
  /** What comes next, without a gap: it came in while the window was full. */
  held: Waiting[];
  /** Something behind that is stored, or will be: newer ones queue up. */
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
  #heldBytes = 0;
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

  /** Takes an envelope that has just come in: hands it over, or holds it until there is room.
   * @returns false if it is to be read from the store, because others come first or too much is held */
  offer(waiting: Waiting): boolean {
    const queue = this.#queueOf(waiting.sender);
    queue.isBehind ||= !this.#isStarted || !this.#holdIfSmall(queue, waiting);
    if (queue.isBehind) return false;
    this.#drain(queue);
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
    if (position > endOf(queue)) queue.isBehind = queue.hasNews = true;
  }

  /** Whether a half of some window is free for what waits. */
  get isHungry(): boolean {
    if (this.#underWay.size > WINDOW / 2) return false;
    for (const { isBehind, held, underWay } of this.#queues.values()) {
      if ((isBehind || held.length > 0) && underWay <= WINDOW_PER_SENDER / 2) return true;
    }
    return false;
  }

  /** Hands over what is held and reads on in the mailbox, as far as the windows allow. @throws what the store throws */
  refill(): Promise<void> {
    this.#isAskedAgain = true;
    this.#filling ??= this.#fill().finally(() => (this.#filling = undefined));
    return this.#filling;
  }

  async #fill(): Promise<void> {
    while (this.#isAskedAgain && this.#isStarted && !this.#isEnded) {
      this.#isAskedAgain = false;
      for (const [sender, queue] of this.#queues) {
        this.#drain(queue);
        const room = this.#room(queue);
        if (!queue.isBehind || room === 0) continue;
        queue.hasNews = false;
        const { envelopes, isAll } = await this.#mailboxes.read(this.#mailbox, sender, endOf(queue), room);
        if (this.#isEnded) return;
        // Others may have taken the room meanwhile.
        for (const waiting of envelopes) this.#hold(queue, waiting);
        if (isAll && !queue.hasNews) {
          // What isn't stored yet follows on what was stored. If it is too much to hold, `stored` tells of the rest.
          const unstored = this.#mailboxes.unstored(this.#mailbox, sender, endOf(queue));
          queue.isBehind = !unstored.every((waiting) => this.#holdIfSmall(queue, waiting));
        }
        this.#drain(queue);
      }
    }
  }

  #room(queue: Queue): number {
    return Math.max(0, Math.min(WINDOW - this.#underWay.size, WINDOW_PER_SENDER - queue.underWay));
  }

  /** @returns false if too much is held already */
  #holdIfSmall(queue: Queue, waiting: Waiting): boolean {
    if (this.#heldBytes + waiting.envelope.length > HELD_BYTES) return false;
    this.#hold(queue, waiting);
    return true;
  }

  #hold(queue: Queue, waiting: Waiting): void {
    this.#heldBytes += waiting.envelope.length;
    queue.held.push(waiting);
  }

  #drain(queue: Queue): void {
    for (const waiting of queue.held.splice(0, this.#room(queue))) {
      this.#heldBytes -= waiting.envelope.length;
      this.#hand(queue, waiting);
    }
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
    const queue = { underWay: 0, last: 0, held: [], isBehind: false, hasNews: false };
    this.#queues.set(sender, queue);
    return queue;
  }
}

/** The position up to which nothing needs to be read. */
const endOf = ({ held, last }: Queue): number => held.at(-1)?.position ?? last;
