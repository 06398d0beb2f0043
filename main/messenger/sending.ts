// What goes out on the user's behalf: texts, and what has to be sealed again or was waiting for a key.
import { Failure } from '../../protocol/failures.ts';
import { type Content, encodeContent, MAX_TEXT_BYTES } from '../../protocol/content.ts';
import { messageId } from '../../protocol/ids.ts';
import { Malformed } from '../../protocol/reader.ts';
import type { Account } from './account.ts';
import { type Contact, type Contacts, identityChanged, mayBeTold } from './contacts.ts';
import type { Conversations } from './conversations.ts';
import type { Deliveries, Due } from './deliveries.ts';
import { SELF } from './devices.ts';
import { type Directory, listChanged } from './directory.ts';
import type { Envelopes, Outgoing } from './envelopes.ts';
import type { Kept, MessageRow, Messages } from './messages.ts';
import { classOf } from './relay-failure.ts';
import type { Sealable, Sealer } from './sealer.ts';

/** How often one message is sealed again for one device. */
const MAX_RESENDS = 3;

type Parts = {
  account: Account;
  contacts: Contacts;
  conversations: Conversations;
  messages: Messages;
  deliveries: Deliveries;
  envelopes: Envelopes;
  directory: Directory;
  sealer: Sealer;
  isOnline: () => boolean;
  /** Tells of a message that is new or changed. */
  announce: (row: MessageRow) => void;
  /** Tells of what went wrong in the background. */
  report: (failure: Failure) => void;
};

export class Sending {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Seals a text for all devices of a contact, and for one's own others, and puts it into the outbox. Whoever is written
   * to is accepted. @returns its row, once that is on the disk
   * @throws Failure `text-empty`, `text-too-long`, `unknown-user`, `identity-changed`, `list-changed`, `offline`, ... */
  async sendText(to: string, text: string): Promise<MessageRow> {
    const content = encodeText(text);
    const { conversations, contacts, directory, sealer } = this.#parts;
    const { contact, identity } = contacts.byName(to) ?? (await directory.meet(to));
    const draft = conversations.draftRow(conversations.withContact(contact, identity).conversation);
    return sealer.inTurn(contact, async () => {
      const recipient = await this.#upToDate(contact);
      const sealable = sealer.sealable(content);
      return this.#sendMessage(recipient, sealable, (conversation) => {
        // This is what has become of the draft, and must not come back as one, whenever Signet ends.
        if (draft) conversations.removeDraft(conversation, draft);
      });
    });
  }

  /** Sends a failed message again: the same envelope where the relay has refused it, so that no number in a chain stays
   * empty; sealed again under the same id where it could not be opened.
   * @throws Failure `command-invalid` if it isn't a failed one */
  async retry(id: Buffer): Promise<void> {
    const { messages, deliveries, envelopes, conversations, sealer, announce } = this.#parts;
    const found = messages.find(id);
    if (found?.author !== SELF) throw new Failure('command-invalid', 'There is no such message.');
    const { position } = found;
    if (deliveries.stateOf(position) !== 'failed') {
      throw new Failure('command-invalid', 'This message has not failed.');
    }
    const contact = conversations.contactOf(found.conversation);
    await sealer.inTurn(contact, async () => {
      await this.#upToDate(contact, true);
      const ready = [...sealer.targets(contact).ready, ...sealer.targets(SELF).ready];
      for (const { contact: whose, device, state, resends } of deliveries.of(position)) {
        if (state !== 'failed') continue;
        const isReady = ready.some((target) => target.contact === whose && target.device === device);
        const wasRefused = resends < MAX_RESENDS;
        const envelope = isReady && wasRefused ? envelopes.newestTo(position, whose, device) : undefined;
        // In this order: ended in between, it is on its way, and not waiting for ever.
        if (envelope) sealer.postAgain(envelope);
        deliveries.revive(position, whose, device, envelope === undefined);
      }
    });
    announce(messages.changed(position));
    this.inBackground(() => this.sealDue(SELF));
    await this.sealDue(contact);
  }

  /** Seals everything that is due for a contact's devices: what waited for a key, and what couldn't be opened. */
  async sealDue(contact: number): Promise<void> {
    const { deliveries, sealer, directory } = this.#parts;
    if (deliveries.due(contact).length === 0) return;
    await sealer.inTurn(contact, async () => {
      if (contact === SELF) await directory.refreshSelf();
      const recipient = contact === SELF ? undefined : await this.#upToDate(contact, true);
      for (const due of deliveries.due(contact)) await this.#sealAgain(due, recipient);
    });
  }

  /** On a new connection, and after something became due. */
  sealAllDue(): void {
    for (const contact of this.#parts.deliveries.dueContacts())
      this.inBackground(() => this.sealDue(contact));
  }

  /** A recipient's device is unknown at the relay: looks up, and seals for the devices that there are now.
   * @returns whether the look-up brought something new */
  async redirect({ contact, device, message }: Outgoing): Promise<boolean> {
    const { contacts, deliveries, directory, envelopes, sealer } = this.#parts;
    const refreshed =
      contact === SELF ? await directory.refreshSelf() : await directory.refresh(contacts.get(contact));
    const { ready, waiting } = sealer.targets(contact);
    const isGone = ![...ready, ...waiting].some((target) => target.device === device);
    if (isGone) {
      const messages = envelopes.removeDevice(contact, device);
      for (const one of new Set([...messages, ...(message === null ? [] : [message])])) {
        deliveries.remove(one, contact, device);
        for (const target of [...ready, ...waiting]) deliveries.add(one, contact, target.device, true);
      }
      this.inBackground(() => this.sealDue(contact));
    }
    return isGone || (typeof refreshed !== 'string' && refreshed.isNew);
  }

  /** Tells every contact of a new version of one's own device list: a null's header carries it. */
  announceDevices(): void {
    const { contacts, sealer } = this.#parts;
    for (const contact of contacts.list().filter(mayBeTold)) {
      this.inBackground(() =>
        sealer.inTurn(contact.contact, async () => {
          const { ready } = sealer.targets(contact.contact);
          const sealable = sealer.sealable(encodeContent({ kind: 'null' }));
          const envelopes = await Promise.all(ready.map((target) => sealer.seal(target, sealable)));
          sealer.post(envelopes, () => ({ message: null, result: undefined }));
        }),
      );
    }
  }

  /** Runs what nobody waits for; what fails for a passing reason stays due. */
  inBackground(work: () => Promise<unknown>): void {
    work().catch((error: unknown) => {
      const failure = Failure.from(error);
      // Whoever has left the relay can't be told anything; a changed identity was announced.
      const isQuiet = ['offline', 'unknown-user', 'identity-changed', 'list-changed'].includes(failure.code);
      if (!isQuiet) this.#parts.report(failure);
    });
  }

  async #sendMessage(
    recipient: Contact,
    sealable: Sealable,
    also: (conversation: number) => void,
  ): Promise<MessageRow> {
    const { account, contacts, conversations, deliveries, messages, sealer, announce } = this.#parts;
    const { contact, identity } = recipient;
    const { conversation, id: conversationId } = conversations.withContact(contact, identity);
    const id = messageId({ author: account.identity, conversation: conversationId, ...sealable });
    const { ready, waiting } = sealer.targets(contact);
    const own = sealer.targets(SELF);
    const sealCopies = async (): Promise<Outgoing[]> => {
      const copy = { ...sealable, content: encodeSync(identity, sealable) };
      return Promise.all(own.ready.map((target) => sealer.seal(target, copy)));
    };
    const [stored, envelopes] = await Promise.all([
      messages.seal(sealable.content),
      Promise.all(ready.map((target) => sealer.seal(target, sealable))),
    ]);
    const store = (copies: Outgoing[]): MessageRow =>
      sealer.post([...envelopes, ...copies], () => {
        const { timestamp, salt } = sealable;
        const author = { author: SELF, device: account.device };
        const row = messages.insert({
          ...stored,
          ...author,
          conversation,
          id,
          kind: 'text',
          timestamp,
          salt,
        })!;
        const due = [...(ready.length === 0 ? waiting : []), ...(own.ready.length === 0 ? [] : own.waiting)];
        for (const { contact: whose, device } of [...ready, ...own.ready])
          deliveries.add(row.position, whose, device, false);
        for (const { contact: whose, device } of due) deliveries.add(row.position, whose, device, true);
        if (recipient.status !== 'accepted') contacts.setStatus(contact, 'accepted');
        also(conversation);
        return { message: row.position, result: messages.at(row.position) };
      });
    const row =
      own.ready.length === 0 ? store([]) : await sealer.inTurn(SELF, async () => store(await sealCopies()));
    announce(row);
    return row;
  }

  /** Seals a message once more, or for the first time, under its id and with a new number. */
  async #sealAgain(due: Due, recipient: Contact | undefined): Promise<void> {
    const { conversations, contacts, deliveries, envelopes, messages, sealer, announce } = this.#parts;
    const { message, contact, device } = due;
    const { ready, waiting } = sealer.targets(contact);
    const target = ready.find((one) => one.device === device);
    if (!target) {
      // It goes on waiting for a key, unless the device is gone.
      if (!waiting.some((one) => one.device === device)) deliveries.remove(message, contact, device);
      return;
    }
    const kept = await messages.kept(message);
    if (!kept) return deliveries.settle(due, false);
    const isAgain = envelopes.newestTo(message, contact, device) !== undefined;
    if (isAgain && due.resends >= MAX_RESENDS) {
      deliveries.settle(due, false);
      if (deliveries.advance(message, contact, device, 'failed')) announce(messages.changed(message));
      return;
    }
    const content = recipient
      ? kept.content
      : encodeSync(contacts.get(conversations.contactOf(kept.conversation)).identity, kept);
    const envelope = await sealer.seal(target, { ...sealableOf(kept), content });
    sealer.post([envelope], () => {
      deliveries.settle(due, isAgain);
      return { message, result: undefined };
    });
  }

  /** The contact as it is to be sealed to: looked up once a connection; offline, what is known will do.
   * @param again asks in any case: what is known has turned out to be old */
  async #upToDate(contact: number, again = false): Promise<Contact> {
    const { contacts, directory, isOnline, sealer } = this.#parts;
    const known = contacts.get(contact);
    if (again) await directory.refresh(known);
    else if (isOnline() && !directory.isFresh(contact)) {
      try {
        await directory.refresh(known);
      } catch (error) {
        // A connection that is dying must not keep a message from the outbox.
        const isPassing =
          ['offline', 'timeout'].includes(Failure.from(error).code) || classOf(error) === 'later';
        if (!isPassing) throw error;
      }
    }
    const recipient = contacts.get(contact);
    if (recipient.offered) throw identityChanged(recipient.name);
    if (recipient.held) throw listChanged(recipient.name);
    const { ready, waiting } = sealer.targets(contact);
    if (ready.length + waiting.length === 0) {
      const why = `There is no connection to the relay, and ${recipient.name} isn't known yet. Try again later.`;
      throw new Failure('offline', why);
    }
    return recipient;
  }
}

const sealableOf = ({ timestamp, salt, content }: Kept): Sealable => ({ timestamp, salt, content });

/** @param peer whom the message was for: an identity, 32 bytes */
const encodeSync = (peer: Buffer, { timestamp, salt, content }: Sealable): Buffer =>
  encodeContent({ kind: 'sync', wrapped: { conversation: { pair: peer }, timestamp, salt, content } });

function encodeText(text: string): Buffer {
  const bytes = Buffer.byteLength(text.toWellFormed());
  if (bytes === 0) throw new Failure('text-empty', 'There is no text to send.');
  if (bytes > MAX_TEXT_BYTES) {
    throw new Failure(
      'text-too-long',
      `This text has ${bytes} bytes; a message holds ${MAX_TEXT_BYTES}. Send it in parts.`,
    );
  }
  const content: Content = { kind: 'text', text };
  try {
    return encodeContent(content);
  } catch (error) {
    if (error instanceof Malformed)
      throw new Failure('text-empty', 'There is no text to send.', { cause: error });
    throw error;
  }
}
