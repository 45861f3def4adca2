import { expect, test } from 'vitest';
import { lintSnippets } from './local-lint-snippet.js';
import type { Snippet } from './local-lint-snippet.js';

/** What a snippet in this file breaks: these rules and no other. */
type Case = [file: string, text: string, rules: string[]];

async function expectRules(cases: readonly Case[], rules?: 'all'): Promise<void> {
  const snippets = cases.map(([file, text]): Snippet => ({ file, text }));
  const found = await lintSnippets(snippets, rules);
  expect(found.map((broken, at) => [snippets[at], broken])).toEqual(
    cases.map(([, , broken], at) => [snippets[at], broken]),
  );
}

test('a workflow keeps no mutable state at module level, where it would outlive a run', async () => {
  const file = 'src/workflows/rutter/bank-feed/snippet.ts';
  await expectRules([
    [file, 'let count = 0;\nexport const next = () => (count += 1);\n', ['project/no-module-state']],
    [file, 'export let count = 0;\nexport const next = () => (count += 1);\n', ['project/no-module-state']],
    [file, 'export const f = () => {\n  let n = 0;\n  n += 1;\n  return n;\n};\n', []],
  ]);
});

test('the environment is read in one place', async () => {
  const code = "export const port = process.env['PORT'];\n";
  await expectRules([
    ['src/api/snippet.ts', code, ['project/no-environment']],
    ['worker.ts', code, ['project/no-environment']],
    ['src/config.ts', code, []],
    ['sandbox/main.ts', code, []],
  ]);
});

test('any, enums and type imports without the word are refused', async () => {
  const typeImport = "import { X } from './x.js';\nexport type Y = X;\n";
  await expectRules([
    ['src/db/x.ts', 'export interface X {\n  id: string;\n}\n', []],
    ['src/db/snippet.ts', 'export type F = (x: any) => void;\n', ['typescript/no-explicit-any']],
    ['src/db/snippet.ts', "export enum E {\n  A = 'a',\n}\n", ['project/no-enum']],
    ['src/db/snippet.ts', typeImport, ['typescript/consistent-type-imports']],
  ]);
});

test('fields are written without a spread of a literal around them; a conditional spread is allowed', async () => {
  const spread = 'export const f = (a: number) => ({ ...{ a, b: 1 }, c: 2 });\n';
  const conditional = 'export const f = (a?: number) => ({ ...(a === undefined ? {} : { a }), c: 2 });\n';
  await expectRules([
    ['test/unit/snippet.ts', spread, ['project/no-literal-spread']],
    ['src/db/snippet.ts', spread, ['project/no-literal-spread']],
    ['src/db/snippet.ts', conditional, []],
  ]);
});

test('functions fit a screen and files stay small', async () => {
  const long = `export function f(work: () => void) {\n${'  work();\n'.repeat(75)}}\n`;
  await expectRules([
    ['src/db/snippet.ts', long, ['eslint/max-lines-per-function']],
    ['sandbox/snippet.ts', `export const a = 1;\n${'// A comment.\n'.repeat(300)}`, ['eslint/max-lines']],
    ['test/unit/snippet.ts', long, []],
  ]);
});

test('a promise that nobody waits for is refused', async () => {
  const work = 'declare function work(): Promise<boolean>;\n';
  await expectRules(
    [
      [
        'src/db/snippet.ts',
        `${work}export const f = () => {\n  work();\n};\n`,
        ['typescript/no-floating-promises'],
      ],
      [
        'src/db/snippet.ts',
        `${work}export const f = () => {\n  if (work()) return 1;\n  return 2;\n};\n`,
        ['typescript/no-misused-promises', 'typescript/no-unnecessary-condition'],
      ],
      [
        'src/db/snippet.ts',
        `${work}export const f = (list: string[]) => {\n  list.forEach(async () => {\n    await work();\n  });\n};\n`,
        ['typescript/no-misused-promises'],
      ],
      [
        'src/db/snippet.ts',
        `${work}export async function f() {\n  try {\n    return work();\n  } catch {\n    return false;\n  }\n}\n`,
        ['typescript/return-await'],
      ],
      ['test/unit/snippet.ts', `${work}export const f = () => {\n  void work();\n};\n`, []],
    ],
    'all',
  );
});

test('a switch names each member of a union, or has a default', async () => {
  const choose = (rest: string): string =>
    `export function f(kind: 'a' | 'b'): number {\n  switch (kind) {\n    case 'a':\n      return 1;\n${rest}  }\n  return 0;\n}\n`;
  await expectRules(
    [
      ['src/db/snippet.ts', choose(''), ['typescript/switch-exhaustiveness-check']],
      ['src/db/snippet.ts', choose('    default:\n      break;\n'), []],
      ['src/db/snippet.ts', choose("    case 'b':\n      break;\n"), []],
    ],
    'all',
  );
});

test('a condition that is always the same is refused, but for the endless loop with a limit inside', async () => {
  const file = 'src/db/snippet.ts';
  await expectRules(
    [
      [file, "export const f = (a: string) => a ?? 'b';\n", ['typescript/no-unnecessary-condition']],
      [file, 'export const f = (a: { b: string }) => a?.b;\n', ['typescript/no-unnecessary-condition']],
      [file, 'export function f(end: () => boolean) {\n  while (true) if (end()) return;\n}\n', []],
    ],
    'all',
  );
});

test('a value of type any goes nowhere in code, and its fields are read in tests alone', async () => {
  const read = 'export const f = (text: string) => JSON.parse(text).id;\n';
  await expectRules(
    [
      ['src/db/snippet.ts', read, ['typescript/no-unsafe-return', 'typescript/no-unsafe-member-access']],
      [
        'src/db/snippet.ts',
        'export const f = (a: string[]) => `${a}`;\n',
        ['typescript/restrict-template-expressions'],
      ],
      ['src/db/snippet.ts', 'export const f = (a: number) => `${a}`;\n', []],
      ['test/unit/snippet.ts', read, []],
    ],
    'all',
  );
});

test('a test is neither skipped nor run alone', async () => {
  const only = (word: string): string =>
    `import { expect, test } from 'vitest';\n\ntest.${word}('a', () => {\n  expect(1).toBe(1);\n});\n`;
  await expectRules([
    ['test/unit/snippet.test.ts', only('only'), ['vitest/no-focused-tests']],
    ['test/unit/snippet.test.ts', only('skip'), ['vitest/no-disabled-tests']],
  ]);
});
