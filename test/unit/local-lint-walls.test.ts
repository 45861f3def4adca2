import { ESLint } from 'eslint';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { houseRules } from '../../scripts/lint/project-rules.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const eslint = new ESLint({ cwd: root, overrideConfigFile: true, overrideConfig: houseRules });

/** The rules that a snippet breaks when it stands in this file. */
async function broken(file: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath: `${root}/${file}` });
  return [...new Set(result!.messages.map((message) => message.ruleId ?? message.message))];
}

const use = (source: string): string => `import { x } from '${source}';\nexport const y = x;\n`;
const useType = (source: string): string => `import type { X } from '${source}';\nexport type Y = X;\n`;

describe('import walls', () => {
  const forbidden: [file: string, source: string][] = [
    ['src/domain/snippet.ts', 'node:crypto'],
    ['src/domain/snippet.ts', 'pg'],
    ['src/domain/snippet.ts', '../db/pool.js'],
    ['src/domain/snippet.ts', '../logger.js'],
    ['src/workflows/bank-feed/snippet.ts', 'node:fs'],
    ['src/workflows/bank-feed/snippet.ts', '../../activities/index.js'],
    ['src/workflows/bank-feed/snippet.ts', '../../db/pool.js'],
    ['src/workflows/bank-feed/snippet.ts', '../../clients/rutter/client.js'],
    ['src/workflows/bank-feed/snippet.ts', '@temporalio/client'],
    ['src/crypto/snippet.ts', '../db/pool.js'],
    ['src/crypto/snippet.ts', 'zod'],
    ['src/clients/rutter/snippet.ts', '../../db/pool.js'],
    ['src/clients/rutter/snippet.ts', '@temporalio/common'],
    ['src/db/snippet.ts', '../clients/rutter/client.js'],
    ['src/db/snippet.ts', '@temporalio/common'],
    ['src/activities/snippet.ts', '../workflows/bank-feed/state.js'],
    ['src/activities/snippet.ts', '../api/app.js'],
    ['src/activities/snippet.ts', '@temporalio/client'],
    ['src/temporal/snippet.ts', '../db/pool.js'],
    ['src/temporal/snippet.ts', '../workflows/bank-feed/workflow.js'],
    ['src/temporal/snippet.ts', '../clients/rutter/client.js'],
    ['src/api/routes/snippet.ts', '@temporalio/client'],
    ['src/api/routes/snippet.ts', '@temporalio/worker'],
    ['src/api/routes/snippet.ts', '../../activities/index.js'],
    ['src/api/routes/snippet.ts', '../../temporal/codec.js'],
    ['src/api/routes/snippet.ts', '../../clients/rutter/client.js'],
    ['src/api/routes/snippet.ts', '../../config.js'],
    ['src/pages/snippet.ts', '../workflows/bank-feed/state.js'],
    ['src/cli/snippet.ts', '../db/pool.js'],
    ['src/cli/snippet.ts', '../temporal/facade.js'],
    ['sandbox/rutter/snippet.ts', '../../src/domain/money.js'],
    ['src/api/routes/snippet.ts', '../../../test/support/until.js'],
  ];
  test.each(forbidden)('%s cannot reach %s', async (file, source) => {
    expect(await broken(file, use(source))).toContain('house/import-walls');
    expect(await broken(file, `export { x } from '${source}';\n`)).toContain('house/import-walls');
    expect(await broken(file, `export const load = () => import('${source}');\n`)).toContain(
      'house/import-walls',
    );
  });

  const allowed: [file: string, source: string][] = [
    ['src/workflows/bank-feed/snippet.ts', '@temporalio/workflow'],
    ['src/workflows/bank-feed/snippet.ts', '../../domain/feed.js'],
    ['src/activities/snippet.ts', '../db/pool.js'],
    ['src/activities/snippet.ts', '@temporalio/activity'],
    ['src/temporal/snippet.ts', '../workflows/bank-feed/messages.js'],
    ['src/api/routes/snippet.ts', '../../temporal/facade.js'],
    ['src/api/routes/snippet.ts', '../../clients/rutter/schemas.js'],
    ['src/clients/rutter/snippet.ts', '../../crypto/hash.js'],
    ['src/db/snippet.ts', '../logger.js'],
    ['worker.ts', './src/config.js'],
  ];
  test.each(allowed)('%s may reach %s', async (file, source) => {
    expect(await broken(file, use(source))).toEqual([]);
  });

  test('workflows take types from activities, and nothing else of them', async () => {
    const file = 'src/workflows/bank-feed/snippet.ts';
    expect(await broken(file, useType('../../activities/index.js'))).toEqual([]);
    expect(await broken(file, useType('../../db/pool.js'))).toEqual(['house/import-walls']);
  });
});

describe('house rules', () => {
  test('a workflow keeps no mutable state at module level, where it would outlive a run', async () => {
    const file = 'src/workflows/bank-feed/snippet.ts';
    expect(await broken(file, 'let count = 0;\nexport const next = () => (count += 1);\n')).toEqual([
      'no-restricted-syntax',
    ]);
    expect(await broken(file, 'export let count = 0;\n')).toEqual(['no-restricted-syntax']);
    expect(
      await broken(file, 'export const f = () => {\n  let n = 0;\n  n += 1;\n  return n;\n};\n'),
    ).toEqual([]);
  });

  test('the environment is read in one place', async () => {
    const code = "export const port = process.env['PORT'];\n";
    expect(await broken('src/api/snippet.ts', code)).toEqual(['no-restricted-syntax']);
    expect(await broken('worker.ts', code)).toEqual(['no-restricted-syntax']);
    expect(await broken('src/config.ts', code)).toEqual([]);
    expect(await broken('sandbox/main.ts', code)).toEqual([]);
  });

  test('any, enums and type imports without the word are refused', async () => {
    expect(await broken('src/db/snippet.ts', 'export const f = (x: any) => x;\n')).toEqual([
      '@typescript-eslint/no-explicit-any',
    ]);
    expect(await broken('src/db/snippet.ts', "export enum E { A = 'a' }\n")).toEqual([
      'no-restricted-syntax',
    ]);
    expect(await broken('src/db/snippet.ts', "import { X } from './pool.js';\nexport type Y = X;\n")).toEqual(
      ['@typescript-eslint/consistent-type-imports'],
    );
  });

  test('functions fit a screen and files stay small', async () => {
    const lines = (count: number): string => '  work();\n'.repeat(count);
    const long = `export function f(work: () => void) {\n${lines(75)}}\n`;
    expect(await broken('src/db/snippet.ts', long)).toEqual(['max-lines-per-function']);
    expect(await broken('sandbox/snippet.ts', 'export {};\n'.repeat(301))).toEqual(['max-lines']);
  });

  test('an import cycle is refused', async () => {
    // These two files are the fixture: each imports the other's name.
    const code = "import { b } from './b.js';\nexport const a = () => b;\n";
    expect(await broken('test/unit/local-lint-cycle/a.ts', code)).toEqual(['import-x/no-cycle']);
  });
});

test('the project is linted with these walls, not only this test', async () => {
  const project = new ESLint({ cwd: root });
  const config = (await project.calculateConfigForFile(`${root}/src/domain/ids.ts`)) as {
    rules: Record<string, [number, ...unknown[]]>;
  };
  for (const rule of [
    'house/import-walls',
    'import-x/no-cycle',
    '@typescript-eslint/no-floating-promises',
    '@typescript-eslint/no-explicit-any',
    'max-lines',
    'max-lines-per-function',
  ]) {
    expect([rule, config.rules[rule]?.[0]]).toEqual([rule, 2]);
  }
});
