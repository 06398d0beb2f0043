// Where an app's process begins: `electron` now means the stand-in; then main, unmodified; then "ready".
import { readFileSync } from 'node:fs';
import { createRequire, registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const standIn = new URL('electron.ts', import.meta.url).href;
registerHooks({
  resolve(specifier, context, next) {
    if (/^electron(\/(main|common))?$/.test(specifier)) return { url: standIn, shortCircuit: true };
    return next(specifier, context);
  },
});
// As Electron's own binary: its program, the app, the app's arguments.
process.argv.splice(1, 2, resolve(process.argv[2]!));
const manifest = createRequire(import.meta.url).resolve('electron/package.json');
const { version: electron } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
const versions = { ...process.versions, electron, chrome: '(stand-in)' };
Object.defineProperties(process, {
  versions: { value: Object.freeze(versions), enumerable: true },
  type: { value: 'browser' },
  defaultApp: { value: true },
});

const { app } = await import('./application.ts');
const { dialog } = await import('./desktop.ts');
const { serveStarter } = await import('./control.ts');
const tell = serveStarter();
// "only side effects from the main process entry point's imports will execute before the `ready` event" (ESM in
// Electron): `ready` waits for main's evaluation. A main that awaits app.whenReady() at its top level waits for ever.
const evaluation = setTimeout(() => {
  console.error('The app has not been evaluated for 20 s. Does it await app.whenReady() at the top level?');
  process.exit(1);
}, 20_000);
await import(pathToFileURL(process.argv[1]!).href);
clearTimeout(evaluation);
// As in Electron, an error that nobody catches from here on is shown, and the app goes on.
process.on('uncaughtException', ({ message, stack }) => {
  if (process.listenerCount('uncaughtException') > 1) return;
  dialog.showErrorBox(
    'A JavaScript error occurred in the main process',
    `Uncaught Exception:\n${stack ?? message}`,
  );
});
await app.start(tell);
