// Builds the relay into one file that runs on plain Node.js with nothing beside it: out/relay/index.mjs.
import { defineConfig } from 'vite';

export default defineConfig({
  build: {
    ssr: 'relay/index.ts',
    outDir: 'out/relay',
    target: 'node24',
    // The licences of the libraries inside ask to be passed on.
    license: { fileName: 'LICENSES.md' },
    rolldownOptions: {
      // What ws makes use of where it happens to be installed.
      external: ['bufferutil', 'utf-8-validate'],
      // The name alone says that it is an ES module: no package.json lies beside it that would.
      output: { entryFileNames: 'index.mjs', codeSplitting: false },
    },
  },
  ssr: { noExternal: true },
});
