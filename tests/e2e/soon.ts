// Waiting for what a slow computer takes a while for: the test's own time limit is the only one that matters.
import { expect } from 'vitest';

export const soon = <T>(read: () => T, what?: string): ReturnType<typeof expect.poll<T>> =>
  expect.poll(read, { timeout: 50_000, ...(what === undefined ? {} : { message: what }) });
