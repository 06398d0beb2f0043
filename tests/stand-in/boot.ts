// Where an app's process begins: `electron` now means the stand-in; then main, unmodified; then "ready".
import { readFileSync } from 'node:fs';
import { createRequire, registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { entry, settings } from './settings.ts';

const standIn = new URL('electron.ts', import.meta.url).href;
registerHooks({
  resolve(specifier, context, next) {
    if (/^electron(\/(main|common))?$/.test(specifier)) return { url: standIn, shortCircuit: true };
    return next(specifier, context);
  },
});
// As Electron's own binary: its program, the app, the app's arguments. A packaged app is a program by itself.
process.argv.splice(1, 2, ...(settings.resources ? [] : [entry]));
const manifest = createRequire(import.meta.url).resolve('electron/package.json');
const { version: electron } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
const versions = { ...process.versions, electron, chrome: '(stand-in)' };
Object.defineProperties(process, {
  versions: { value: Object.freeze(versions), enumerable: true },
  type: { value: 'browser' },
  // "set during app startup [...] when the app is started by being passed as parameter to the default Electron executable.
  // [...] For production apps the property will be `undefined`"
  defaultApp: { value: settings.resources ? undefined : true },
  // "A `string` representing the path to the resources directory."
  resourcesPath: { value: settings.resources },
});

const { app } = await import('./application.ts');
const { dialog } = await import('./desktop.ts');
const { serveStarter } = await import('./control.ts');
const tell = serveStarter();
// "only side effects from the main process entry point's imports will execute before the `ready` event" (ESM in
// Electron): `ready` waits for main's evaluation. A main that awaits app.whenReady() at its top level waits for ever.
const evaluation = setTimeout(() => {
  console.error(
    'The app has not been evaluated for two minutes. Does it await app.whenReady() at the top level?',
  );
  process.exit(1);
}, 120_000);
await import(pathToFileURL(entry).href);
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
