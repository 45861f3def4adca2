// The rules of this house that need no type information, so that a unit test can lint a snippet with them quickly.
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';
import { importWalls } from './import-rules.js';

const CODE = ['src/**/*.ts', 'sandbox/**/*.ts', 'scripts/**/*.ts', 'bench/**/*.ts', 'worker.ts'];

const noEnvironment = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message: 'Only src/config.ts and sandbox/main.ts read process.env: pass configuration as an argument.',
};
const noEnum = {
  selector: 'TSEnumDeclaration',
  message: 'Use a union of string literals: it is plain JSON on the wire.',
};
const noModuleState = ['Program', 'Program > ExportNamedDeclaration'].map((place) => ({
  selector: `${place} > VariableDeclaration[kind!='const']`,
  message: 'No mutable state at module level: it outlives a workflow run and a test.',
}));

export const houseRules = [
  {
    files: ['**/*.ts'],
    languageOptions: { parser: tseslint.parser },
    plugins: {
      '@typescript-eslint': tseslint.plugin,
      'import-x': importX,
      house: { rules: { 'import-walls': importWalls } },
    },
    settings: {
      // Imports say .js, files are .ts.
      'import-x/resolver-next': [
        importX.createNodeResolver({ extensions: ['.ts', '.js'], extensionAlias: { '.js': ['.ts', '.js'] } }),
      ],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/no-explicit-any': 'error',
      'house/import-walls': 'error',
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'no-restricted-syntax': ['error', noEnum],
    },
  },
  {
    files: CODE,
    rules: {
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      'max-lines': ['error', { max: 300 }],
      'no-restricted-syntax': ['error', noEnum, ...noModuleState],
    },
  },
  {
    files: ['src/**/*.ts', 'sandbox/**/*.ts', 'worker.ts'],
    ignores: ['src/config.ts', 'sandbox/main.ts'],
    rules: { 'no-restricted-syntax': ['error', noEnum, ...noModuleState, noEnvironment] },
  },
];
