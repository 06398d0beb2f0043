// Starts the fixture app with a test's own main, and ends it after the test.
import { join } from 'node:path';
import { onTestFailed } from 'vitest';
import { afterwards, temporaryFolder } from '../harness.ts';
import { type App, launchApp, type LaunchOptions } from './app.ts';
import type { Script } from './fixtures/main.ts';

type Options = Partial<LaunchOptions> & { html?: string; preload?: string; data?: string };

/** @param script runs in the app's process, by itself: it sees nothing of the test */
export async function launch(
  script: Script,
  { html, preload, data, ...options }: Options = {},
): Promise<App> {
  const app = await launchApp({
    main: join(import.meta.dirname, 'fixtures', 'main.ts'),
    ...options,
    env: {
      ...options.env,
      FIXTURE_SCRIPT: String(script),
      FIXTURE_DATA: data ?? temporaryFolder(),
      ...(html && { FIXTURE_PAGE: html }),
      ...(preload && { FIXTURE_PRELOAD: preload }),
    },
  });
  afterwards(() => app.kill());
  onTestFailed(() => console.log(app.log()));
  return app;
}
