// Builds the app into out/: what Electron runs, and what electron-builder packs.
import { resolve } from 'node:path';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'electron-vite';

/** The licences of the libraries inside ask to be passed on: beside what each part is built into. */
const license = { fileName: 'LICENSES.md' };

export default defineConfig({
  main: {
    build: {
      license,
      rollupOptions: {
        input: resolve('main/index.ts'),
        external: ['keytar', 'bufferutil', 'utf-8-validate'],
      },
      // Everything is bundled but keytar, whose native part has to lie beside it.
      externalizeDeps: false,
    },
  },
  preload: {
    build: {
      license,
      // A sandboxed preload is one CommonJS file that can require only Electron.
      rollupOptions: {
        input: resolve('preload/index.ts'),
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
      externalizeDeps: false,
    },
  },
  renderer: {
    root: 'renderer',
    build: {
      license,
      rollupOptions: { input: resolve('renderer/index.html') },
      // Fonts as files: the page's policy takes no data: addresses.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
    plugins: [vue()],
  },
});
