// The way from one user's mailbox to that user's connection: in order, a window of letters at a time.
import { keyOf, type Letter, type Mailbox } from './mailbox.ts';

/** Letters that may be under way to a client without an acknowledgement. */
const WINDOW = 256;

export class Delivery {
  readonly #recipient: string;
  readonly #mailbox: Mailbox;
  readonly #push: (letter: Letter) => void;
  readonly #underWay = new Set<string>();
  #last = 0;
  /** Some letter is in the mailbox that was not pushed: newer ones have to queue up behind it. */
  #behind = true;

  constructor(recipient: string, mailbox: Mailbox, push: (letter: Letter) => void) {
    this.#recipient = recipient;
    this.#mailbox = mailbox;
    this.#push = push;
  }

  /** Hands over a letter that has just come in, unless others come first. @returns whether it did */
  offer(letter: Letter): boolean {
    if (this.#behind || this.#underWay.size >= WINDOW) {
      this.#behind = true;
      return false;
    }
    this.#hand(letter);
    return true;
  }

  /** The client has a letter: there is room for the next. */
  acknowledged(letter: Omit<Letter, 'envelope'>): void {
    this.#underWay.delete(keyOf(letter));
    this.catchUp();
  }

  /** Reads on in the mailbox as far as the window allows. */
  catchUp(): void {
    while (this.#behind && this.#underWay.size < WINDOW) {
      const room = WINDOW - this.#underWay.size;
      const { letters, last, complete } = this.#mailbox.read(this.#recipient, this.#last, room);
      this.#last = last;
      for (const letter of letters) if (!this.#underWay.has(keyOf(letter))) this.#hand(letter);
      if (!complete) continue;
      this.#behind = this.#mailbox.holdsBack(this.#recipient, this.#underWay);
      return;
    }
  }

  #hand(letter: Letter): void {
    this.#underWay.add(keyOf(letter));
    this.#push(letter);
  }
}
