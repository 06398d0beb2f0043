// Code that runs in the window as the page's own scripts do.
import type { AppDriver } from './driver.ts';

/** A host that no name server knows; nothing may ever be asked of it. */
export const elsewhere = 'https://elsewhere.invalid';

/** Runs as a script of the page: in a task of its own, since the debugger's protocol is exempt from the policy.
 * @param script the body of an async function */
export function asPage<T>({ page }: AppDriver, script: string): Promise<T> {
  return page.evaluate(`(async () => {
    await new Promise((resolve) => setTimeout(resolve));
    ${script}
  })()`);
}
