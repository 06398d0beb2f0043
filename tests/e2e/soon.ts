// Waiting for what a busy computer takes a while for. The limit only keeps a broken test from waiting for ever.
import { expect } from 'vitest';

export const PATIENCE_MS = 180_000;

export const soon = <T>(read: () => T, what?: string): ReturnType<typeof expect.poll<T>> =>
  expect.poll(read, { timeout: PATIENCE_MS, ...(what === undefined ? {} : { message: what }) });
