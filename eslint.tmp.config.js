import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { projectRules } from './scripts/lint/project-rules.js';

export default defineConfig(
  { ignores: ['dist/', '.local/', '.cache/', 'coverage/', 'node_modules/'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      // A lost await is a lost step.
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // `return response.json(…)` and `return complete()` end a branch in one line.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // `for (;;)` with a named limit inside is our idiom for a bounded loop.
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // `== null` means null or undefined, and nothing else.
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  {
    // Fakes implement asynchronous interfaces without awaiting, a test reads better with `result!`, and rows and JSON
    // answers come as `any`: reading a field that is not there fails the assertion on it.
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  ...projectRules,
);
