// Structured clone as text: CDP carries only strings. Both functions also run in Chromium, injected as source.

/**
 * "Arguments will be serialized with the Structured Clone Algorithm [...] Sending Functions, Promises, Symbols,
 * WeakMaps, or WeakSets will throw an exception." (ipcRenderer.invoke; the same is said of webContents.send.)
 * The words of that exception are Electron's.
 */
export function pack(value: unknown): string {
  const seen = new Map<object, number>();
  const bytes = (buffer: ArrayBuffer): string =>
    btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(''));
  const list = (items: Iterable<unknown>): unknown[] => Array.from(items, walk);
  const walk = (item: unknown): unknown => {
    if (item === undefined) return ['undefined'];
    if (typeof item === 'bigint') return ['bigint', String(item)];
    if (typeof item === 'number' && (!Number.isFinite(item) || Object.is(item, -0)))
      return ['number', Object.is(item, -0) ? '-0' : String(item)];
    if (typeof item !== 'object' || item === null) return item;
    const earlier = seen.get(item);
    if (earlier !== undefined) return ['seen', earlier];
    seen.set(item, seen.size);
    if (Array.isArray(item)) return ['array', ...list(item)];
    if (item instanceof Date) return ['date', item.getTime()];
    if (item instanceof RegExp) return ['regexp', item.source, item.flags];
    if (item instanceof Map) return ['map', ...list([...item].flat(1))];
    if (item instanceof Set) return ['set', ...list(item)];
    if (item instanceof Error) return ['error', item.name, item.message, item.stack ?? ''];
    if (item instanceof ArrayBuffer) return ['buffer', bytes(item)];
    if (ArrayBuffer.isView(item)) {
      const { buffer, byteOffset, byteLength } = item;
      const part = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
      return ['view', item.constructor.name, bytes(part)];
    }
    if (Object.getPrototypeOf(item) !== Object.prototype)
      throw new Error(`The stand-in can't carry a ${item.constructor.name}`);
    return ['object', ...list(Object.entries(item).flat(1))];
  };
  let copy: unknown;
  try {
    copy = structuredClone(value);
  } catch {
    throw new Error('An object could not be cloned.');
  }
  return JSON.stringify(walk(copy));
}

export function unpack(text: string): unknown {
  const seen: unknown[] = [];
  const bytes = (base64: string): ArrayBuffer =>
    Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer;
  const kept = <T>(item: T): T => (seen.push(item), item);
  const globals = globalThis as unknown as Record<string, new (value: unknown) => unknown>;
  const walk = (item: unknown): unknown => {
    if (!Array.isArray(item)) return item;
    const [kind, ...rest] = item as [string, ...unknown[]];
    const [first, second, third] = rest as [string, string, string];
    if (kind === 'undefined') return undefined;
    if (kind === 'bigint') return BigInt(first);
    if (kind === 'number') return Number(first);
    if (kind === 'seen') return seen[Number(first)];
    if (kind === 'date') return kept(new Date(first));
    if (kind === 'regexp') return kept(new RegExp(first, second));
    if (kind === 'buffer') return kept(bytes(first));
    if (kind === 'view') return kept(new globals[first]!(bytes(second)));
    if (kind === 'error') return kept(Object.assign(new globals[first]!(second) as Error, { stack: third }));
    if (kind === 'array') {
      const array = kept<unknown[]>([]);
      for (const part of rest) array.push(walk(part));
      return array;
    }
    if (kind === 'set') {
      const set = kept(new Set());
      for (const part of rest) set.add(walk(part));
      return set;
    }
    const map = kind === 'map' ? kept(new Map<unknown, unknown>()) : undefined;
    const object = map ? undefined : kept<Record<string, unknown>>({});
    for (let at = 0; at < rest.length; at += 2) {
      const key = walk(rest[at]);
      const part = walk(rest[at + 1]);
      if (map) map.set(key, part);
      else object![key as string] = part;
    }
    return map ?? object;
  };
  return walk(JSON.parse(text));
}
