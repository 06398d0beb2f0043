// Public keys that were imported in this run: an import costs more than an operation with the key.
import { importPublicKey, type PublicKey } from '../../protocol/public-key.ts';
import { spkiOf } from '../../protocol/key.ts';

/** Keys that are kept: those of a few hundred devices. */
const MAX_KEYS = 1000;

export class PublicKeys {
  readonly #keys = new Map<string, Promise<PublicKey>>();

  /** @param modulus 384 bytes @throws Failure `key-refused` */
  of(modulus: Buffer): Promise<PublicKey> {
    const name = modulus.toString('latin1');
    const known = this.#keys.get(name);
    // Used again: it moves to the end, and the first is the one that was used longest ago.
    if (known) this.#keys.delete(name);
    const key = known ?? importPublicKey(spkiOf(modulus));
    this.#keys.set(name, key);
    if (this.#keys.size > MAX_KEYS) this.#keys.delete(this.#keys.keys().next().value!);
    return key;
  }
}
