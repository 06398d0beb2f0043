// ESLint's rules about security: whole sets, and with a reason what of them is off. For Vue's templates there is
// vue/no-v-html, in eslint.config.js.
import sdl from '@microsoft/eslint-plugin-sdl';
import noUnsanitized from 'eslint-plugin-no-unsanitized';
import security from 'eslint-plugin-security';

const off = (...names) => Object.fromEntries(names.map((name) => [name, 'off']));

/** sdl is made for ESLint 9; its sets for all JavaScript, Electron and Node.js were seen to work with 10 as well. Those
 * for Angular and React are for what isn't used here, and its `typescript` is its set for React once more, by an error
 * of version 1.1.0: what that would hold, no-implied-eval with types, is among typescript-eslint's own. */
export const securityRules = [
  security.configs.recommended,
  noUnsanitized.configs.recommended,
  ...sdl.configs.common,
  ...sdl.configs.electron,
  ...sdl.configs.node,
  {
    rules: {
      '@microsoft/sdl/no-insecure-random': 'error', // in none of its sets
      // Reports every index that is a variable. What comes from outside is parsed by a schema before it is an index.
      'security/detect-object-injection': 'off',
      // Reports every path that is a variable: profile, data folder, backup. The one place where a stranger could name a
      // path is main/page.ts, which tests/e2e/security-ways-out.test.ts is about.
      'security/detect-non-literal-fs-filename': 'off',
    },
  },
  {
    // Goes by names such as "secret": what is compared there is one's own key, on one's own computer.
    files: ['main/messenger/**'],
    rules: off('security/detect-possible-timing-attacks'),
  },
  {
    // They look for what a program has printed, by patterns of their own; and flip bits wherever chance has it.
    files: ['tests/**', 'bench/**', 'examples/**'],
    rules: off(
      'security/detect-non-literal-regexp',
      'security/detect-unsafe-regex',
      '@microsoft/sdl/no-insecure-random',
      // Debugging of Chromium is on http, and what a page may not reach, too.
      '@microsoft/sdl/no-insecure-url',
    ),
  },
  {
    // Starts the program that it is given, as Electron does; its fixture runs what a spec says.
    files: ['tests/stand-in/**'],
    rules: off('no-unsanitized/method', 'no-eval'),
  },
];
