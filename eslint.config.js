// Rules, and the rooms: which folder may import from which (README, "Code map").
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const all = ['protocol', 'relay', 'preload', 'main', 'renderer', 'cli', 'tests', 'bench', 'examples'];
/** room -> the rooms of ours that it may import from, besides itself; a room within a room comes after it */
const rooms = {
  protocol: [],
  relay: ['protocol'],
  preload: ['protocol'],
  main: ['protocol', 'preload'],
  'main/messenger': ['protocol'],
  cli: ['main/messenger', 'protocol'],
};

/** A pattern on the path as it is imported: ../../relay/server.ts */
function zone(room) {
  const allowed = rooms[room];
  const closed = all
    .filter((other) => other !== room && !allowed.includes(other))
    .map((other) => {
      const opened = allowed
        .filter((name) => name.startsWith(`${other}/`))
        .map((name) => name.slice(other.length + 1));
      return opened.length > 0 ? `${other}/(?!${opened.join('|')})` : `${other}/`;
    });
  // A room within a room doesn't see the outer one's own files either.
  const outer = room.includes('/') ? '|^[.][.]/[^.]' : '';
  return {
    regex: `^(?:[.][.]/)+(?:${closed.join('|')})${outer}`,
    message: `${room}/ may import only from ${allowed.join('/, ') || 'nothing of ours'}.`,
  };
}

const libraries = [{ name: 'zod', message: 'Import zod/mini: it is a fifth of the size.' }];

export default defineConfig(
  { ignores: ['coverage/', 'out/', 'node_modules/'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      eqeqeq: 'error',
      'no-restricted-imports': ['error', { paths: libraries }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  ...Object.keys(rooms).map((room) => ({
    files: [`${room}/**/*.ts`],
    rules: { 'no-restricted-imports': ['error', { paths: libraries, patterns: [zone(room)] }] },
  })),
  {
    files: ['main/messenger/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [...libraries, { name: 'electron', message: 'The messenger runs without Electron, too.' }],
          patterns: [zone('main/messenger')],
        },
      ],
    },
  },
);
