// Reads bytes strictly, in one pass: every length is checked before it is used, and nothing may be left over.

/** Why bytes were not taken. It says nothing about what is in them: one same refusal for everything malformed. */
export class Malformed extends Error {
  /** @param what the part that is wrong, such as "content" */
  constructor(what: string) {
    super(`The bytes are not a valid ${what}.`);
    this.name = 'Malformed';
  }
}

export class Reader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at = 0;

  /** @param what the structure, named if it is malformed */
  constructor(bytes: Buffer, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  /** Where the next byte is. */
  get position(): number {
    return this.#at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** @throws Malformed if fewer are left */
  bytes(length: number): Buffer {
    if (length > this.left) throw this.malformed();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** The next bytes, without going past them. @throws Malformed if fewer are left */
  peek(length: number): Buffer {
    if (length > this.left) throw this.malformed();
    return this.#bytes.subarray(this.#at, this.#at + length);
  }

  u8(): number {
    return this.bytes(1).readUInt8();
  }

  u16(): number {
    return this.bytes(2).readUInt16BE();
  }

  u32(): number {
    return this.bytes(4).readUInt32BE();
  }

  /** @throws Malformed above 2^53 - 1, which this program can't count to */
  u64(): number {
    const value = this.bytes(8).readBigUInt64BE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.malformed();
    return Number(value);
  }

  /** Milliseconds since 1970, up to the last day that dates can have (ECMA-262, "Time Values and Time Range"). */
  time(): number {
    const value = this.u64();
    if (value > 8_640_000_000_000_000) throw this.malformed();
    return value;
  }

  /** u16 length, then the bytes. */
  field(most = 65_535): Buffer {
    const length = this.u16();
    if (length > most) throw this.malformed();
    return this.bytes(length);
  }

  /** A field of UTF-8, without an encoding of surrogates and other mistakes. @param most bytes */
  text(most = 65_535): string {
    return this.decodeText(this.field(most));
  }

  decodeText(bytes: Buffer): string {
    try {
      return utf8.decode(bytes);
    } catch {
      throw this.malformed();
    }
  }

  /** @throws Malformed if anything is left */
  end(): void {
    if (this.left > 0) throw this.malformed();
  }

  malformed(): Malformed {
    return new Malformed(this.#what);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
