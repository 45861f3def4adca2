import { ESLint } from 'eslint';
import { describe, expect, test } from 'vitest';
import { lintSnippet, root } from './local-lint-snippet.js';

describe('rules of the project', () => {
  test('a workflow keeps no mutable state at module level, where it would outlive a run', async () => {
    const file = 'src/workflows/rutter/bank-feed/snippet.ts';
    expect(await lintSnippet(file, 'let count = 0;\nexport const next = () => (count += 1);\n')).toEqual([
      'no-restricted-syntax',
    ]);
    expect(await lintSnippet(file, 'export let count = 0;\n')).toEqual(['no-restricted-syntax']);
    expect(
      await lintSnippet(file, 'export const f = () => {\n  let n = 0;\n  n += 1;\n  return n;\n};\n'),
    ).toEqual([]);
  });

  test('the environment is read in one place', async () => {
    const code = "export const port = process.env['PORT'];\n";
    expect(await lintSnippet('src/api/snippet.ts', code)).toEqual(['no-restricted-syntax']);
    expect(await lintSnippet('worker.ts', code)).toEqual(['no-restricted-syntax']);
    expect(await lintSnippet('src/config.ts', code)).toEqual([]);
    expect(await lintSnippet('sandbox/main.ts', code)).toEqual([]);
  });

  test('any, enums and type imports without the word are refused', async () => {
    expect(await lintSnippet('src/db/snippet.ts', 'export const f = (x: any) => x;\n')).toEqual([
      '@typescript-eslint/no-explicit-any',
    ]);
    expect(await lintSnippet('src/db/snippet.ts', "export enum E { A = 'a' }\n")).toEqual([
      'no-restricted-syntax',
    ]);
    expect(
      await lintSnippet('src/db/snippet.ts', "import { X } from './pool.js';\nexport type Y = X;\n"),
    ).toEqual(['@typescript-eslint/consistent-type-imports']);
  });

  test('fields are written without a spread of a literal around them; a conditional spread is allowed', async () => {
    const spread = 'export const f = (a: number) => ({ ...{ a, b: 1 }, c: 2 });\n';
    expect(await lintSnippet('test/unit/snippet.ts', spread)).toEqual(['no-restricted-syntax']);
    expect(await lintSnippet('src/db/snippet.ts', spread)).toEqual(['no-restricted-syntax']);
    const conditional = 'export const f = (a?: number) => ({ ...(a === undefined ? {} : { a }), c: 2 });\n';
    expect(await lintSnippet('src/db/snippet.ts', conditional)).toEqual([]);
  });

  test('functions fit a screen and files stay small', async () => {
    const lines = (count: number): string => '  work();\n'.repeat(count);
    const long = `export function f(work: () => void) {\n${lines(75)}}\n`;
    expect(await lintSnippet('src/db/snippet.ts', long)).toEqual(['max-lines-per-function']);
    expect(await lintSnippet('sandbox/snippet.ts', 'export {};\n'.repeat(301))).toEqual(['max-lines']);
  });
});

test('the project is linted with these rules, not only this test', async () => {
  const project = new ESLint({ cwd: root });
  const config = (await project.calculateConfigForFile(`${root}/src/domain/ids.ts`)) as {
    rules: Record<string, [number, ...unknown[]]>;
  };
  for (const rule of [
    'project/import-rules',
    'project/import-cycles',
    'project/terms',
    '@typescript-eslint/no-floating-promises',
    '@typescript-eslint/no-explicit-any',
    'max-lines',
    'max-lines-per-function',
  ]) {
    expect([rule, config.rules[rule]?.[0]]).toEqual([rule, 2]);
  }
});
