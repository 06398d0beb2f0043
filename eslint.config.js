// Rules, and the rooms: which folder may import from which (README, "Code map").
import { defineConfig } from 'eslint/config';
import vue from 'eslint-plugin-vue';
import tseslint from 'typescript-eslint';
import vueParser from 'vue-eslint-parser';
import { securityRules } from './build/security-rules.mjs';

const all = ['protocol', 'relay', 'preload', 'main', 'renderer', 'cli', 'tests', 'bench', 'examples'];
/** room -> the rooms of ours that it may import from, besides itself; a room within a room comes after it */
const rooms = {
  protocol: [],
  relay: ['protocol'],
  preload: ['protocol', 'main/messenger'],
  main: ['protocol', 'preload'],
  'main/messenger': ['protocol'],
  cli: ['main/messenger', 'protocol'],
  renderer: ['preload/contract', 'protocol/failures'],
};

/** A pattern on the path as it is imported: ../../relay/server.ts. */
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
  const outer = room.includes('/') ? `|^[.][.]/[^.]` : '';
  return {
    regex: `^(?:[.][.]/)+(?:${closed.join('|')})${outer}`,
    message: `${room}/ may import only from ${allowed.join('/, ') || 'nothing of ours'}.`,
  };
}

/** The page has no Node.js and no Electron, and takes nothing but types from other rooms. */
const page = {
  files: ['renderer/**/*.{ts,vue}'],
  rules: {
    'no-restricted-globals': ['error', 'process', 'Buffer', 'require', 'global', '__dirname'],
    'no-restricted-imports': 'off',
    '@typescript-eslint/no-restricted-imports': [
      'error',
      {
        paths: [{ name: 'electron', message: 'The page reaches Electron only over the bridge.' }],
        patterns: [
          zone('renderer'),
          { regex: '^node:', message: 'There is no Node.js in the page.' },
          { regex: '^(?:[.][.]/)+(?:preload|protocol)/', allowTypeImports: true, message: 'Types only.' },
        ],
      },
    ],
  },
};
/** The bridge's contract takes the messenger's types, and none of its code. */
const contract = {
  files: ['preload/**/*.ts'],
  rules: {
    '@typescript-eslint/no-restricted-imports': [
      'error',
      { patterns: [{ regex: '^(?:[.][.]/)+main/', allowTypeImports: true, message: 'Types only.' }] },
    ],
  },
};
/** What stands in one file each. */
const bridge = {
  files: ['renderer/**/*.{ts,vue}'],
  ignores: ['renderer/bridge.ts'],
  rules: {
    'no-restricted-syntax': [
      'error',
      {
        selector: 'MemberExpression[property.name="bridge"]',
        message: 'Only renderer/bridge.ts touches it.',
      },
    ],
  },
};
const ipc = {
  files: ['main/**/*.ts'],
  ignores: ['main/ipc.ts'],
  rules: {
    'no-restricted-syntax': [
      'error',
      { selector: 'ImportSpecifier[imported.name="ipcMain"]', message: 'Only main/ipc.ts touches it.' },
    ],
  },
};

const libraries = [{ name: 'zod', message: 'Import zod/mini: it is a fifth of the size.' }];

export default defineConfig(
  { ignores: ['coverage/', 'out/', 'node_modules/'] },
  ...securityRules,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      eqeqeq: 'error',
      'no-restricted-imports': ['error', { paths: libraries }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      // Statements of SQL are tagged templates.
      '@typescript-eslint/no-unused-expressions': ['error', { allowTaggedTemplates: true }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  ...vue.configs['flat/recommended'].map((config) => ({ ...config, files: ['renderer/**/*.vue'] })),
  {
    files: ['renderer/**/*.{ts,vue}'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        parser: tseslint.parser,
        projectService: false,
        project: './renderer/tsconfig.json',
        extraFileExtensions: ['.vue'],
      },
    },
    rules: {
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['renderer/**/*.vue'],
    languageOptions: { parser: vueParser },
    rules: {
      // vue-tsc checks these; ESLint's own types end where a component is imported.
      ...Object.fromEntries(
        ['argument', 'assignment', 'call', 'member-access', 'return'].map((use) => [
          `@typescript-eslint/no-unsafe-${use}`,
          'off',
        ]),
      ),
      // Prettier's business.
      'vue/max-attributes-per-line': 'off',
      'vue/html-self-closing': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-indent': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/no-v-html': 'error',
      'vue/require-default-prop': 'off',
    },
  },
  page,
  contract,
  bridge,
  ipc,
  ...Object.keys(rooms)
    .filter((room) => room !== 'renderer')
    .map((room) => ({
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
