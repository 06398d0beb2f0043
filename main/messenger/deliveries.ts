// What one device of a recipient has of a message. A message's state follows from its deliveries.
import type { Database } from './database.ts';
import { SELF } from './devices.ts';

/** In the order in which they may follow each other: a failed one may still turn out to have arrived. */
const order = ['pending', 'sent', 'failed', 'delivered', 'read'] as const;
export type DeliveryState = (typeof order)[number];
export type Due = { message: number; contact: number; device: number; resends: number };

export class Deliveries {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** @param due whether there was no key to seal to: it is sealed when there is */
  add(message: number, contact: number, device: number, due: boolean): void {
    this.#database.run`
      INSERT OR IGNORE INTO deliveries (message, contact, device, state, due)
      VALUES (${message}, ${contact}, ${device}, 'pending', ${due})`;
  }

  /** Moves one forward, never back. @returns whether it has moved */
  advance(message: number, contact: number, device: number, state: DeliveryState): boolean {
    const lower = JSON.stringify(order.slice(0, order.indexOf(state)));
    const { changes } = this.#database.run`
      UPDATE deliveries SET state = ${state}
      WHERE message = ${message} AND contact = ${contact} AND device = ${device}
        AND state IN (SELECT value FROM json_each(${lower}))`;
    return changes > 0;
  }

  /** One's own message by what its contact's devices have: the furthest of them; failed if all are. A message that was
   * written on another computer has none here, and was sent there. */
  stateOf(message: number): DeliveryState {
    const states = this.of(message).filter(({ contact }) => contact !== SELF);
    for (const state of ['read', 'delivered', 'sent', 'pending', 'failed'] as const) {
      if (states.some((delivery) => delivery.state === state)) return state;
    }
    return 'sent';
  }

  /** Who was to get it, and how far that is. */
  of(message: number): { contact: number; device: number; state: DeliveryState; resends: number }[] {
    return this.#database
      .all`SELECT contact, device, state, resends FROM deliveries WHERE message = ${message}`;
  }

  /** A device can't open it: it is sealed again, unless that device has confirmed it.
   * @returns whether it is due now */
  requestAgain(message: number, contact: number, device: number): boolean {
    const { changes } = this.#database.run`
      UPDATE deliveries SET due = 1
      WHERE message = ${message} AND contact = ${contact} AND device = ${device}
        AND state IN ('pending', 'sent')`;
    return changes > 0;
  }

  /** What is to be sealed for a contact's devices, oldest first. */
  due(contact: number): Due[] {
    return this.#database.all<Due>`
      SELECT message, contact, device, resends FROM deliveries WHERE contact = ${contact} AND due = 1
      ORDER BY message`;
  }

  /** Whose deliveries are due. */
  dueContacts(): number[] {
    const due = this.#database.all<Due>`SELECT DISTINCT contact FROM deliveries WHERE due = 1`;
    return due.map(({ contact }) => contact);
  }

  /** It was sealed. @param isAgain whether that was not the first time */
  settle({ message, contact, device }: Omit<Due, 'resends'>, isAgain: boolean): void {
    this.#database.run`
      UPDATE deliveries SET due = 0, resends = resends + ${isAgain}
      WHERE message = ${message} AND contact = ${contact} AND device = ${device}`;
  }

  /** The user sends a failed message again. */
  revive(message: number, contact: number, device: number, due: boolean): void {
    this.#database.run`
      UPDATE deliveries SET state = 'pending', resends = 0, due = ${due}
      WHERE message = ${message} AND contact = ${contact} AND device = ${device} AND state = 'failed'`;
  }

  /** The device is gone: nothing is to be delivered to it. */
  remove(message: number, contact: number, device: number): void {
    this.#database.run`
      DELETE FROM deliveries WHERE message = ${message} AND contact = ${contact} AND device = ${device}`;
  }
}
