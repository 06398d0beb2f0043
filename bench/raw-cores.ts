// Bare RSA on every core: one thread for each, in the synchronous calls of node:crypto. The limit that sealing is held to.
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { rawRsa, type RawRsa } from './keys.ts';

/** How many of which operation. */
export type Work = Partial<Record<keyof RawRsa, number>>;
type Setup = { der: Uint8Array; signedBytes: number };
export type RawCores = { run(work: Work): Promise<void>; close(): Promise<void> };

/** @param der private key, PKCS#8 @param signedBytes length of what is signed */
export async function openRawCores(der: Buffer, signedBytes: number): Promise<RawCores> {
  const setup: Setup = { der, signedBytes };
  const threads = Array.from(
    { length: availableParallelism() },
    () => new Worker(new URL(import.meta.url), { workerData: setup }),
  );
  // It rejects when the thread fails.
  const answer = (thread: Worker): Promise<unknown> => once(thread, 'message');
  await Promise.all(threads.map(answer));
  return {
    run: async (work) => {
      const answers = threads.map(answer);
      threads.forEach((thread, i) => thread.postMessage(share(work, i, threads.length)));
      await Promise.all(answers);
    },
    close: async () => {
      await Promise.all(threads.map((thread) => thread.terminate()));
    },
  };
}

/** The part of the work that falls to one of `count` threads. */
function share(work: Work, index: number, count: number): Work {
  const parts = Object.entries(work).map(([name, times]) => {
    const part = Math.floor(times / count) + (index < times % count ? 1 : 0);
    return [name, part];
  });
  return Object.fromEntries(parts) as Work;
}

if (!isMainThread && parentPort) {
  const port = parentPort;
  const { der, signedBytes } = workerData as Setup;
  const raw = rawRsa(Buffer.from(der), signedBytes);
  port.on('message', (work: Work) => {
    for (const [name, times] of Object.entries(work)) {
      for (let i = 0; i < times; i++) raw[name as keyof RawRsa]();
    }
    port.postMessage('done');
  });
  port.postMessage('ready');
}
