// What a device that is signed in asks of the relay, and what it gets delivered.
import { type Address, routeOf } from '../protocol/envelope.ts';
import { versionOf } from '../protocol/devices.ts';
import { encodeFrame, type Frame, type FrameOf, MAX_FRAME_BYTES } from '../protocol/frames.ts';
import type { RelayContext } from './context.ts';
import { Delivery } from './delivery.ts';
import { applyStatements, assertNewer, checkPrekey } from './publishing.ts';
import { Refusal } from './refusal.ts';
import { type MailboxName, mailboxOf, type User, type Waiting } from './stores.ts';

/** Each has at most 900 bytes, and a frame 65,536. */
const STATEMENTS_PER_FRAME = 64;

export class Session {
  readonly mailbox: MailboxName;
  readonly #context: RelayContext;
  readonly #address: Address;
  /** The identity in hex. */
  readonly #sender: string;
  readonly #delivery: Delivery;

  constructor(address: Address, context: RelayContext, send: (frame: Frame) => void) {
    this.mailbox = mailboxOf(address);
    this.#context = context;
    this.#address = address;
    this.#sender = address.identity.toString('hex');
    this.#delivery = new Delivery(this.mailbox, context.mailboxes, ({ position, envelope }) =>
      send({ type: 'deliver', request: 0, position, envelope }),
    );
  }

  /** Begins to deliver. @throws what the store throws, like refill */
  start(): Promise<void> {
    return this.#delivery.start();
  }

  end(): void {
    this.#delivery.end();
  }

  offer(waiting: Waiting): boolean {
    return this.#delivery.offer(waiting);
  }

  stored(sender: string, position: number): void {
    this.#delivery.stored(sender, position);
  }

  /** Reads on in the mailbox. */
  refill(): Promise<void> {
    return this.#delivery.refill();
  }

  /** @returns whether there is room for what waits */
  acknowledge({ positions }: FrameOf<'acknowledge'>): boolean {
    for (const position of positions) {
      const waiting = this.#delivery.acknowledged(position);
      if (waiting) this.#context.mailboxes.acknowledge(waiting);
    }
    return this.#delivery.isHungry;
  }

  /** @throws Refusal */
  async publish(frame: FrameOf<'publish'>): Promise<void> {
    const { users, now } = this.#context;
    const { identity, device } = this.#address;
    const user = await this.#self();
    if (!user.identityKey.equals(frame.identityKey))
      throw new Refusal('statement-refused', 'it is of another user');
    const { list, fresh, prekeys } = applyStatements(user.list, frame.statements);
    const added = [...list.devices.keys()].filter((number) => !user.list.devices.has(number));
    const checked = prekeys.map((prekey) => checkPrekey(user.name, list, [device, ...added], prekey, now()));
    assertNewer(await users.prekeysOf(identity), checked);
    if (!(await users.publish(identity, versionOf(user.list), fresh, checked))) {
      throw new Refusal('statement-conflict', 'the list has changed');
    }
    for (const number of user.list.devices.keys()) {
      if (list.devices.has(number)) continue;
      this.#context.connections.find(mailboxOf({ identity, device: number }))?.dismiss();
    }
  }

  /** @throws Refusal */
  async lookUp({ request, of, knownVersion }: FrameOf<'lookup'>): Promise<FrameOf<'bundle'>> {
    const { users } = this.#context;
    const user = 'user' in of ? await users.findByName(of.user) : await users.findByIdentity(of.identity);
    if (!user) throw new Refusal('unknown-user');
    const { name, identityKey, list } = user;
    const missing = user.deviceStatements.slice(knownVersion);
    const prekeys = (await users.prekeysOf(list.identity)).filter(({ device }) => list.devices.has(device));
    const bundle = {
      type: 'bundle' as const,
      request,
      user: name,
      identityKey,
      newestVersion: versionOf(list),
      deviceStatements: missing.slice(0, STATEMENTS_PER_FRAME),
      prekeys: prekeys.map(({ signed }) => signed),
    };
    const isAll = missing.length <= STATEMENTS_PER_FRAME && encodeFrame(bundle).length <= MAX_FRAME_BYTES;
    // The client looks up again for the rest; the prekeys come with the newest statement.
    return isAll ? bundle : { ...bundle, prekeys: [] };
  }

  /** Takes an envelope for somebody's mailbox. @returns when it has its place there, and then when it is on a disk
   * @throws Refusal, NotTaken */
  async take({ envelope }: FrameOf<'send'>): Promise<{ stored: Promise<void> }> {
    const { users, mailboxes, connections } = this.#context;
    const { sender, recipient, listVersion } = routeOf(envelope);
    if (!sender.identity.equals(this.#address.identity) || sender.device !== this.#address.device) {
      throw new Refusal('envelope-refused', 'its sender is another device');
    }
    if (listVersion > versionOf((await this.#self()).list)) {
      throw new Refusal('envelope-refused', 'its list version is not published');
    }
    const user = await users.findByIdentity(recipient.identity);
    if (!user?.list.devices.has(recipient.device)) throw new Refusal('unknown-device');
    const mailbox = mailboxOf(recipient);
    const offer = (waiting: Waiting): boolean => connections.find(mailbox)?.offer(waiting) ?? false;
    return mailboxes.put(mailbox, this.#sender, envelope, offer);
  }

  /** @throws Refusal if the account or this device was removed meanwhile */
  async #self(): Promise<User> {
    const user = await this.#context.users.findByIdentity(this.#address.identity);
    if (!user?.list.devices.has(this.#address.device)) {
      throw new Refusal('not-signed-in', 'this device is not in the list any more');
    }
    return user;
  }
}
