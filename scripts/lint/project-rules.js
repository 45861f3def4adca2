// The project's own rules, none of which needs type information, so that a unit test can lint a snippet quickly.
import tseslint from 'typescript-eslint';
import { importCycles } from './import-cycles.js';
import { importRules } from './import-rules.js';
import { plainText } from './plain-text.js';
import { terms } from './terms.js';

const code = ['src/**/*.ts', 'sandbox/**/*.ts', 'scripts/**/*.ts', 'bench/**/*.ts', 'worker.ts'];

/** Documents, SQL and scripts: read as text, for their terms only. */
const texts = ['**/*.{md,sql,yml,yaml,sh,patch}', '.ci/run', '.env.example', 'Dockerfile'];

/** They quote the retired terms, or a provider. */
const termsExempt = [
  'CHANGELOG.md',
  'docs/contracts/',
  'scripts/lint/terms.js',
  'test/unit/local-lint-terms.test.ts',
];

const plugin = {
  languages: { text: plainText },
  rules: { 'import-rules': importRules, 'import-cycles': importCycles, terms },
};

const noEnvironment = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message: 'Only src/config.ts and sandbox/main.ts read process.env: pass configuration as an argument.',
};
const noEnum = {
  selector: 'TSEnumDeclaration',
  message: 'Use a union of string literals: it is plain JSON on the wire.',
};
const noLiteralSpread = {
  selector: 'ObjectExpression > SpreadElement > ObjectExpression',
  message: 'Write the fields themselves, without a spread around them.',
};
const noModuleState = ['Program', 'Program > ExportNamedDeclaration'].map((parent) => ({
  selector: `${parent} > VariableDeclaration[kind!='const']`,
  message: 'No mutable state at module level: it outlives a workflow run and a test.',
}));

export const projectRules = [
  {
    files: ['**/*.ts'],
    languageOptions: { parser: tseslint.parser },
    plugins: { '@typescript-eslint': tseslint.plugin, project: plugin },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/no-explicit-any': 'error',
      'project/import-rules': 'error',
      'project/import-cycles': 'error',
      'no-restricted-syntax': ['error', noEnum, noLiteralSpread],
    },
  },
  {
    files: code,
    rules: {
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      'max-lines': ['error', { max: 300 }],
      'no-restricted-syntax': ['error', noEnum, noLiteralSpread, ...noModuleState],
    },
  },
  {
    files: ['src/**/*.ts', 'sandbox/**/*.ts', 'worker.ts'],
    ignores: ['src/config.ts', 'sandbox/main.ts'],
    rules: { 'no-restricted-syntax': ['error', noEnum, noLiteralSpread, ...noModuleState, noEnvironment] },
  },
  { files: texts, plugins: { project: plugin }, language: 'project/text' },
  {
    files: ['**/*.ts', '**/*.js', ...texts],
    ignores: termsExempt.map((path) => path.replace(/\/$/, '/**')),
    plugins: { project: plugin },
    rules: { 'project/terms': 'error' },
  },
];
