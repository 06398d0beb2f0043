import { defineConfig } from 'vitest/config';

/** What needs nothing but the crypto library: runs on Node.js and on bun. */
const crypto = ['tests/protocol/**/*.test.ts', 'tests/main/messenger/{rsa,seal,storage}.test.ts'];

/** What runs the app in its window: processes and browsers, which take their time beside each other. */
const app = ['tests/{e2e,stand-in,build}/**/*.test.ts'];

/** A guard against hanging, not a measure of speed: what takes seconds on an idle machine takes minutes on a busy one. */
const GUARD_MS = 15 * 60_000;
const common = {
  testTimeout: GUARD_MS,
  hookTimeout: GUARD_MS,
  teardownTimeout: GUARD_MS,
  expect: { poll: { timeout: 180_000 } },
};

export default defineConfig({
  test: {
    // One more than the smallest machines have cores: now and then a test waits.
    maxWorkers: 3,
    projects: [
      { test: { ...common, name: 'crypto', include: crypto } },
      { test: { ...common, name: 'app', include: app } },
      {
        test: {
          ...common,
          name: 'rest',
          include: ['tests/**/*.test.ts'],
          exclude: [...crypto, ...app],
          setupFiles: 'tests/prepared-primes.ts',
        },
      },
    ],
    coverage: {
      include: ['protocol/**/*.ts', 'relay/**/*.ts', 'main/messenger/**/*.ts', 'cli/**/*.ts'],
      reporter: ['text', 'json-summary'],
      reportOnFailure: true,
      exclude: ['tests/**'],
      thresholds: Object.fromEntries(
        ['protocol', 'relay', 'main/messenger', 'cli'].map((room) => [`${room}/**`, { lines: 90 }]),
      ),
    },
  },
});
