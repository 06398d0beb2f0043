// Hosting a relay on this computer: what was chosen, what the user is asked, and how it looks from the window.
import { existsSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { dialog } from 'electron';
import pLimit from 'p-limit';
import { asData, type Hosting as Shown } from '../preload/contract.ts';
import { Failure } from '../protocol/failures.ts';
import { encodeInvite, splitAddress } from '../protocol/links.ts';
import { HostedRelay } from './hosted-relay.ts';
import type { Profile } from './profile.ts';
import type { Settings } from './settings.ts';
import type { Ask } from './window.ts';

type Options = {
  /** The bundled relay. */
  program: string;
  profile: Profile;
  settings: Settings;
  ask: Ask;
  onChanged: () => void;
};

/** An invite holds 16 addresses at most. */
const MOST_ADDRESSES = 16;
const BACKUPS = [{ name: 'Backup of a Signet relay', extensions: ['signet-relay'] }];

export class Hosting {
  readonly #relay: HostedRelay;
  readonly #data: string;
  readonly #profile: Profile;
  readonly #settings: Settings;
  readonly #ask: Ask;
  /** What starts and ends the relay does so one after the other. */
  readonly #inTurn = pLimit(1);
  /** Where the relay is, or was when it last ran, until hosting ends. */
  #home: { key: string; port: number } | undefined;
  #reached: string[] = [];
  #isClosing = false;
  #restoring: Promise<void> | undefined;

  constructor({ program, profile, settings, ask, onChanged }: Options) {
    this.#data = join(profile.directory, 'relay');
    this.#relay = new HostedRelay(program, this.#data);
    this.#profile = profile;
    this.#settings = settings;
    this.#ask = ask;
    this.#relay.on('changed', () => {
      const { key, port } = this.#relay.state;
      if (key) {
        this.#home = { key: key.toString('hex'), port };
        const before = this.#reached.join();
        this.#reached = this.addresses;
        if (this.#reached.join() !== before) this.pointHome();
      }
      onChanged();
    });
  }

  get shown(): Shown {
    const { state, failure, key, connected, messages, bytes, since } = this.#relay.state;
    const { port, address } = this.#settings.hosting;
    const addresses = this.addresses;
    return {
      ...{ state, port, address, addresses, messages, bytes, since },
      failure: failure && asData(failure),
      invite:
        key &&
        (this.#isOwn()
          ? this.#profile.messenger.invite(addresses)
          : encodeInvite({ relays: addresses, relayKey: key })),
      others: Math.max(0, connected - (this.#isOwn() && this.#profile.connection.state === 'online' ? 1 : 0)),
    };
  }

  get log(): string[] {
    return this.#relay.log;
  }

  /** Where others reach the relay; empty while it doesn't run. */
  get addresses(): string[] {
    const { key, port, addresses } = this.#relay.state;
    const { address } = this.#settings.hosting;
    if (!key) return [];
    const outside = withPort(address, port);
    return [...new Set([...(outside ? [outside] : []), ...addresses])].slice(0, MOST_ADDRESSES);
  }

  /** What others join with, if the relay that this profile is on is hosted here: its addresses of today. */
  get inviteAddresses(): string[] | undefined {
    return this.#isOwn() ? this.#reached : undefined;
  }

  /** The profile's own connection needs no network to a relay on the same computer. */
  pointHome(): void {
    if (!this.#isOwn()) return;
    this.#profile.messenger.setAddresses([`127.0.0.1:${this.#home!.port}`, ...this.#reached]);
  }

  /** Goes on hosting as before Signet was closed. A relay that doesn't start is tried again and again. */
  resume(): void {
    const { on, port } = this.#settings.hosting;
    if (!on) return;
    this.#relay.start(port).catch((error: unknown) => console.error('The relay did not start:', error));
  }

  /** @param address a further one that others reach it at, or empty
   * @throws Failure `command-invalid` for the address; why it does not listen: it is off then */
  host(port: number, address: string): Promise<void> {
    return this.#inTurn(() => this.#host(port, address));
  }

  async #host(port: number, address: string): Promise<void> {
    const given = address.trim();
    if (given !== '' && !withPort(given, port)) {
      throw new Failure(
        'command-invalid',
        `"${given}" is no address. It is a name such as home.example.org.`,
      );
    }
    this.#settings.change({ hosting: { on: true, port, address: given } });
    try {
      await this.#relay.start(port);
    } catch (error) {
      if (this.#isClosing) throw error;
      await this.#relay.stop();
      this.#settings.change({ hosting: { ...this.#settings.hosting, on: false } });
      throw error;
    }
    this.#relay.emit('changed');
  }

  /** @returns whether it has ended: the user may think better of it */
  async stop(): Promise<boolean> {
    if (!(await this.mayLeave('Stop hosting'))) return false;
    await this.#inTurn(() => this.#stop());
    return true;
  }

  async #stop(): Promise<void> {
    this.#settings.change({ hosting: { ...this.#settings.hosting, on: false } });
    await this.#relay.stop();
    // It may have moved: to where this profile was told before.
    if (this.#isOwn()) this.#profile.messenger.setAddresses(this.#profile.messenger.relay.addresses);
    this.#home = undefined;
    this.#reached = [];
  }

  /** Ends the relay until Signet is started again. */
  close(): Promise<void> {
    this.#isClosing = true;
    return this.#relay.stop();
  }

  /** Asks the user if others would be cut off. @param action what the button says
   * @param given ends the question, as if it was answered with no */
  async mayLeave(action: string, given?: AbortSignal): Promise<boolean> {
    // Half a relay is worse than none.
    await this.#restoring;
    const { others } = this.shown;
    if (others === 0) return true;
    const answer = await this.#ask({
      type: 'warning',
      message:
        others === 1 ? 'Somebody is connected to your relay' : `${others} others are connected to your relay`,
      detail:
        'They can reach nobody until it runs here again. Nothing is lost: what they write meanwhile is sent then.',
      buttons: [action, 'Keep hosting'],
      defaultId: 1,
      cancelId: 1,
      ...(given && { signal: given }),
    });
    return answer === 0;
  }

  /** @returns whether a backup was made */
  async backUp(): Promise<boolean> {
    const { filePath } = await dialog.showSaveDialog({
      title: 'Back up the relay',
      defaultPath: `${hostname()}.signet-relay`,
      filters: BACKUPS,
    });
    if (!filePath) return false;
    // The dialog has asked already whether to write over a file.
    await this.#relay.command('backup', filePath, '--force');
    return true;
  }

  /** Puts a backup in the place of the relay here. @returns whether that was done
   * @throws Failure the program's own sentence; the relay is as it was then */
  async restore(): Promise<boolean> {
    const { filePaths } = await dialog.showOpenDialog({
      title: 'Restore a relay',
      properties: ['openFile'],
      filters: [...BACKUPS, { name: 'All files', extensions: ['*'] }],
    });
    const [file] = filePaths;
    if (file === undefined || !(await this.#mayReplace())) return false;
    const restoring = this.#inTurn(() => this.#putInPlace(file));
    this.#restoring = restoring.catch(() => {});
    await restoring;
    return true;
  }

  async #putInPlace(file: string): Promise<void> {
    const { on } = this.#settings.hosting;
    await this.#relay.stop();
    try {
      await this.#relay.command('restore', file, '--force');
    } finally {
      if (on && !this.#isClosing) this.resume();
    }
  }

  async #mayReplace(): Promise<boolean> {
    if (!existsSync(join(this.#data, 'relay.sqlite'))) return true;
    const answer = await this.#ask({
      type: 'warning',
      message: 'Replace the relay on this computer?',
      detail:
        'The backup takes the place of its key, its users and the messages that wait in it. Invites stop working ' +
        "unless the backup is of this same relay. The old relay is kept in the profile's folder.",
      buttons: ['Replace', 'Cancel'],
      defaultId: 1,
      cancelId: 1,
    });
    return answer === 0;
  }

  /** Whether this profile is on the relay that runs here. */
  #isOwn(): boolean {
    const { stage } = this.#profile;
    return stage.name === 'ready' && stage.me.relayKey === this.#home?.key;
  }
}

/** @param address host or host:port; an IPv6 address with a port stands in brackets
 * @returns host:port, undefined for what is no address */
function withPort(address: string, port: number): string | undefined {
  const host = isIPv6(address) ? `[${address}]` : address;
  const whole = /^[^:]+:\d+$|\]:\d+$/.test(host) ? host : `${host}:${port}`;
  try {
    splitAddress(whole);
    return whole;
  } catch {
    return undefined;
  }
}
