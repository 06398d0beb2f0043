// What the stand-in lacks throws by name: modules, members, events and options.
import { EventEmitter } from 'node:events';

function lacking(name: string): Error {
  return new Error(`The stand-in has no electron.${name}`);
}

/** A module that isn't there at all: importing it is fine, every use of it throws. */
export function missing(name: string): never {
  const fail = (): never => {
    throw lacking(name);
  };
  const get = (_: object, key: string | symbol): never => {
    throw lacking(`${name}.${String(key)}`);
  };
  return new Proxy(class {}, { get, set: fail, apply: fail, construct: fail }) as never;
}

/** Looked up only when neither the object nor its class has the member. */
function lastResort<T extends object>(name: string, parent: T): T {
  return new Proxy(parent, {
    get(target, key, receiver): unknown {
      // Names with an underscore are Node's own; `then` and `toJSON` are asked of every object.
      if (typeof key === 'symbol' || key in target || /^_|^then$|^toJSON$|^domain$/.test(key))
        return Reflect.get(target, key, receiver);
      throw lacking(`${name}.${key}`);
    },
    getPrototypeOf: () => parent,
  });
}

/** An object as it stands, and nothing beside it. */
export function guard<T extends object>(name: string, object: T): T {
  return Object.setPrototypeOf(object, lastResort(name, Object.getPrototypeOf(object) as object)) as T;
}

/** What a class of ours shares with one of Electron's, by Electron's types; what holds or takes other classes is aside. */
export type Mirror<Ours, Theirs, Aside = never> = {
  prototype: Pick<Theirs, Exclude<keyof Ours & keyof Theirs, keyof EventEmitter | Aside>>;
};

/** The same for the statics of a class and for all of its instances. */
export function guardClass(name: string, type: { prototype: object }): void {
  guard(name, type);
  guard(name, type.prototype);
}

export function checkOptions(name: string, options: object, known: string[]): void {
  for (const key of Object.keys(options)) if (!known.includes(key)) throw lacking(`${name} option '${key}'`);
}

export type PreventableEvent = { preventDefault(): void; readonly defaultPrevented: boolean };

export function preventable<T extends object>(details?: T): PreventableEvent & T {
  let prevented = false;
  const event = {
    ...(details as T),
    preventDefault: () => void (prevented = true),
    get defaultPrevented() {
      return prevented;
    },
  };
  return event;
}

/** An emitter that knows its events: a listener for another one would wait forever. */
export class Emitter extends EventEmitter {
  constructor(name: string, events: string[]) {
    super();
    const check = (event: string | symbol): void => {
      if (typeof event === 'string' && event !== 'newListener' && !events.includes(event))
        throw lacking(`${name} event '${event}'`);
    };
    super.on('newListener', check);
  }

  /** @returns whether a listener has called preventDefault() */
  ask(event: string, details: object, ...args: unknown[]): boolean {
    const asked = preventable(details);
    this.emit(event, asked, ...args);
    return asked.defaultPrevented;
  }
}
