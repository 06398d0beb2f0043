// contextBridge between the two worlds of a page. Injected into both as source: it refers to nothing outside of itself.

export type Callback = (...args: unknown[]) => unknown;
type Answer = { value: Wire } | { error: string };
type Wire =
  | { value: unknown }
  | { call: number }
  | { promise: number }
  | { error: string }
  | { list: Wire[] }
  | { object: [string, Wire][] };
export type End = { kept: Callback[]; call: (id: number, args: unknown[]) => unknown };

/**
 * One world's end of the bridge. The channel is a DOM node that only the two ends know; an event's `detail`
 * crosses the worlds by structured clone, and dispatchEvent returns when the other end has answered.
 */
export function bridgeEnd(channel: EventTarget, mine: string, theirs: string): End {
  const kept: Callback[] = [];
  let answer: Answer | undefined;
  const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));
  const cloneFailure = (item: unknown): string | undefined => {
    try {
      structuredClone(item);
      return undefined;
    } catch (error) {
      return message(error);
    }
  };
  const keep = (callback: Callback): number => kept.push(callback) - 1;

  /**
   * "Function values are proxied to the other context and all other values are copied and frozen."; and of
   * objects: "Prototype modifications are dropped." of symbols: "Symbols cannot be copied across contexts so
   * they are dropped" (contextBridge). Of an error, Electron carries the message.
   */
  const wrap = (item: unknown): Wire => {
    if (typeof item === 'function') return { call: keep(item as Callback) };
    if (typeof item === 'symbol') return { value: undefined };
    if (typeof item !== 'object' || item === null) return { value: item };
    if (item instanceof Error) return { error: item.message };
    if (item instanceof Promise)
      return { promise: keep((...ways) => void item.then(...(ways as [Callback]))) };
    const failure = cloneFailure(item);
    if (!failure) return { value: structuredClone(item) };
    // What holds functions or promises is taken apart. A JavaScript Proxy (Vue's reactive objects) can't be cloned,
    // and neither does Electron take it apart: it is what fails otherwise than a copy of its contents does.
    const plain = Array.isArray(item) || Object.prototype.toString.call(item) === '[object Object]';
    if (!plain || failure !== cloneFailure(Array.isArray(item) ? [...(item as unknown[])] : { ...item }))
      throw new Error('An object could not be cloned.');
    if (Array.isArray(item)) return { list: item.map(wrap) };
    return { object: Object.entries(item).map(([key, part]) => [key, wrap(part)]) };
  };

  const unwrap = (wire: Wire): unknown => {
    if ('value' in wire) return wire.value;
    if ('error' in wire) return new Error(wire.error);
    if ('call' in wire) return (...args: unknown[]) => call(wire.call, args);
    if ('promise' in wire) return new Promise((...ways) => call(wire.promise, ways));
    if ('list' in wire) return wire.list.map(unwrap);
    return Object.fromEntries(wire.object.map(([key, part]) => [key, unwrap(part)]));
  };

  const call = (id: number, args: unknown[]): unknown => {
    channel.dispatchEvent(new CustomEvent(theirs, { detail: { id, args: args.map(wrap) } }));
    if ('error' in answer!) throw new Error(answer.error);
    return unwrap(answer!.value);
  };

  channel.addEventListener(mine, (event) => {
    const { id, args } = (event as CustomEvent<{ id: number; args: Wire[] }>).detail;
    let detail: Answer;
    try {
      detail = { value: wrap(kept[id]!(...args.map(unwrap))) };
    } catch (error) {
      detail = { error: message(error) };
    }
    channel.dispatchEvent(new CustomEvent(`${theirs} answer`, { detail }));
  });
  channel.addEventListener(`${mine} answer`, (event) => (answer = (event as CustomEvent<Answer>).detail));
  return { kept, call };
}
