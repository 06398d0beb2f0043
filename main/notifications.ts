// Tells the user of what has come in while the conversation isn't looked at: who wrote, never what.
import { Notification } from 'electron';

/** Messages that come together, after having been offline, make one notification for each sender. */
const GATHER_MS = 250;

type Options = {
  /** Whether the user sees the conversation with this contact now, or wants no notifications. */
  isNeedless: (contact: string) => boolean;
  onClick: (contact: string) => void;
};

export class Notifications {
  readonly #options: Options;
  /** Those that stand on the screen, one a contact; kept, since a collected one can't be clicked. */
  readonly #shown = new Map<string, { notification: Notification; count: number }>();
  readonly #gathering = new Map<string, { count: number; timer: NodeJS.Timeout }>();

  constructor(options: Options) {
    this.#options = options;
  }

  /** A text has come in. */
  announce(contact: string): void {
    if (!Notification.isSupported() || this.#options.isNeedless(contact)) return;
    const gathered = this.#gathering.get(contact);
    if (gathered) {
      gathered.count++;
      return;
    }
    const timer = setTimeout(() => this.#show(contact), GATHER_MS);
    this.#gathering.set(contact, { count: 1, timer });
  }

  /** The conversation was looked at. */
  withdraw(contact: string): void {
    clearTimeout(this.#gathering.get(contact)?.timer);
    this.#gathering.delete(contact);
    this.#shown.get(contact)?.notification.close();
    this.#shown.delete(contact);
  }

  #show(contact: string): void {
    const before = this.#shown.get(contact);
    const count = (before?.count ?? 0) + (this.#gathering.get(contact)?.count ?? 0);
    this.withdraw(contact);
    // The system keeps what a notification says, in files of its own: the text stays out of it.
    const notification = new Notification({
      title: contact,
      body: count === 1 ? 'New message' : `${count} new messages`,
    });
    notification.on('click', () => {
      this.#shown.delete(contact);
      this.#options.onClick(contact);
    });
    this.#shown.set(contact, { notification, count });
    notification.show();
  }
}
