// A bridge whose other end is the test: it sees what the page asks, and answers when it likes. The real one is covered
// by the app in its window (tests/e2e). To be imported before anything of the page.
import { createPinia, setActivePinia } from 'pinia';
import { afterEach, beforeEach, vi } from 'vitest';
import {
  type Bridge,
  type CallName,
  calls,
  type EventName,
  events,
  type FailureData,
  type InputOf,
  type OutputOf,
  type Result,
  type ValueOf,
} from '../../preload/contract.ts';

// As the DOM declares it: the other tests are checked without one.
declare global {
  var window: Window & typeof globalThis;
}

/** A call that waits for its answer. */
export type Asked<Name extends CallName> = {
  input: InputOf<Name>;
  answer(value: OutputOf<Name>): Promise<void>;
  refuse(failure: FailureData): Promise<void>;
};

const waiting = new Map<CallName, Asked<CallName>[]>();

function ask<Name extends CallName>(name: Name, input: InputOf<Name>): Promise<Result<OutputOf<Name>>> {
  return new Promise((resolve) => {
    const settle = (result: Result<OutputOf<Name>>): Promise<void> => {
      resolve(result);
      return settled();
    };
    const asked: Asked<Name> = {
      // As it is when it crosses: a copy.
      input: structuredClone(input),
      answer: (value) => settle({ ok: true, value: structuredClone(value) }),
      refuse: (failure) => settle({ ok: false, failure }),
    };
    waiting.set(name, [...(waiting.get(name) ?? []), asked]);
  });
}

const listeners = new Map<string, ((value: never) => void)[]>();

const bridge = {
  calls: Object.fromEntries(
    Object.keys(calls).map((name) => [
      name,
      (input: InputOf<CallName>) => ask(name as CallName, input as never),
    ]),
  ),
  on: Object.fromEntries(
    Object.keys(events).map((name) => [
      name,
      (listener: (value: never) => void) => listeners.set(name, [...(listeners.get(name) ?? []), listener]),
    ]),
  ),
} as unknown as Bridge;
// All of a window that stores need.
Object.assign(globalThis, { window: { bridge } });

/** The calls of that name that were made since it was asked last, oldest first. */
export function asked<Name extends CallName>(name: Name): Asked<Name>[] {
  const all = waiting.get(name) ?? [];
  waiting.delete(name);
  return all;
}

/** The one call of that name that was made. */
export function askedOnce<Name extends CallName>(name: Name): Asked<Name> {
  const all = asked(name);
  if (all.length !== 1) throw new Error(`${name} was called ${all.length} times.`);
  return all[0]!;
}

/** Tells the page what main would. */
export async function tell<Name extends EventName>(name: Name, value: ValueOf<Name>): Promise<void> {
  for (const listener of listeners.get(name) ?? []) listener(structuredClone(value) as never);
  await settled();
}

/** Waits for all that follows without more time passing. */
export async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

// Each test has stores and a clock of its own.
beforeEach(() => {
  vi.useFakeTimers({ now: new Date(2026, 10, 23, 12) });
  setActivePinia(createPinia());
});
afterEach(() => {
  vi.useRealTimers();
  waiting.clear();
  listeners.clear();
});
