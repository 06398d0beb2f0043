// What the user has chosen, and where the window was: a small file in the profile's folder.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';
import type { Settings as All } from '../preload/contract.ts';
import { Failure } from '../protocol/failures.ts';

const Place = z.object({
  x: z.int(),
  y: z.int(),
  width: z.int(),
  height: z.int(),
  maximized: z.boolean(),
});
export type Place = z.infer<typeof Place>;

const Stored = z.object({
  keepRunning: z._default(z.boolean(), true),
  notifications: z._default(z.boolean(), true),
  hosting: z._default(z.object({ on: z.boolean(), port: z.int(), address: z.string() }), {
    on: false,
    port: 7443,
    address: '',
  }),
  updates: z._default(z.boolean(), true),
  place: z.optional(Place),
});
type Stored = z.infer<typeof Stored>;
/** The system itself knows whether it starts Signet. */
export type Chosen = Omit<All, 'startsWithComputer'>;

export class Settings {
  readonly #file: string;
  #stored: Stored;

  /** @param directory the profile's folder; a file that can't be read there counts as none */
  constructor(directory: string) {
    this.#file = join(directory, 'settings.json');
    this.#stored = read(this.#file);
  }

  get chosen(): Chosen {
    const { keepRunning, notifications, updates } = this.#stored;
    return { keepRunning, notifications, updates };
  }

  /** Whether a relay is hosted here, where it listens, and a further address of it. */
  get hosting(): Stored['hosting'] {
    return this.#stored.hosting;
  }

  get place(): Place | undefined {
    return this.#stored.place;
  }

  /** @throws Failure `folder-unusable`; everything stays as it was */
  change(change: Partial<Stored>): void {
    const next = { ...this.#stored, ...change };
    // Written beside it first, so that a full disk leaves everything as it was.
    const file = `${this.#file}.new`;
    try {
      writeFileSync(file, JSON.stringify(next, undefined, 2), { mode: 0o600 });
      renameSync(file, this.#file);
    } catch (cause) {
      throw new Failure(
        'folder-unusable',
        `The settings can't be written to ${this.#file}: the disk is full, or the folder can't be written. Make room.`,
        { cause },
      );
    }
    this.#stored = next;
  }
}

function read(file: string): Stored {
  try {
    return z.parse(Stored, JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      console.error(`${file} can't be read; the settings are as at first.`);
    }
    return z.parse(Stored, {});
  }
}
