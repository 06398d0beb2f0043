// The scripts that Chromium runs in each new document, before any of the page's own: the preload, and what it needs.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { bridgeEnd } from './bridge.ts';
import { pack, unpack } from './clone.ts';
import { mainWorld, preloadWorld } from './page.ts';

export const world = 'Electron Isolated Context';
const secret = randomUUID();

/** @param preload path of one CommonJS file */
export function preloadScripts(preload: string | undefined): { source: string; worldName?: string }[] {
  if (!preload) return [];
  const process = {
    ...{ type: 'renderer', sandboxed: true, contextIsolated: true },
    ...{ platform: globalThis.process.platform, arch: globalThis.process.arch },
    versions: globalThis.process.versions,
  };
  const polyfills = 'require, module, exports, process, Buffer, setImmediate, clearImmediate';
  const body = `(${polyfills}) => {${readFileSync(preload, 'utf8')}\n}`;
  const clone = `{ pack: ${String(pack)}, unpack: ${String(unpack)} }`;
  const ends = `${JSON.stringify(secret)}, ${String(bridgeEnd)}`;
  const preloaded = `(${String(preloadWorld)})(${ends}, ${clone}, ${JSON.stringify(process)}, ${body})`;
  return [{ source: `(${String(mainWorld)})(${ends})` }, { source: preloaded, worldName: world }];
}
