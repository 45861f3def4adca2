import { lintSnippet } from './local-lint-snippet.js';
import { describe, expect, test } from 'vitest';
import { channelExceptions } from '../../scripts/lint/import-rules.js';

const use = (source: string): string => `import { x } from '${source}';\nexport const y = x;\n`;
const useType = (source: string): string => `import type { X } from '${source}';\nexport type Y = X;\n`;

describe('import rules', () => {
  const forbidden: [file: string, source: string][] = [
    ['src/domain/snippet.ts', 'node:crypto'],
    ['src/domain/snippet.ts', 'pg'],
    ['src/domain/snippet.ts', '../db/pool.js'],
    ['src/domain/snippet.ts', '../logger.js'],
    ['src/workflows/rutter/bank-feed/snippet.ts', 'node:fs'],
    ['src/workflows/rutter/bank-feed/snippet.ts', '../../../activities/index.js'],
    ['src/workflows/rutter/bank-feed/snippet.ts', '../../../db/pool.js'],
    ['src/workflows/rutter/bank-feed/snippet.ts', '../../../clients/rutter/client.js'],
    ['src/workflows/rutter/bank-feed/snippet.ts', '@temporalio/client'],
    ['src/crypto/snippet.ts', '../db/pool.js'],
    ['src/crypto/snippet.ts', 'zod'],
    ['src/clients/rutter/snippet.ts', '../../db/pool.js'],
    ['src/clients/rutter/snippet.ts', '@temporalio/common'],
    ['src/db/snippet.ts', '../clients/rutter/client.js'],
    ['src/db/snippet.ts', '@temporalio/common'],
    ['src/activities/snippet.ts', '../workflows/rutter/bank-feed/state.js'],
    ['src/activities/snippet.ts', '../api/app.js'],
    ['src/activities/snippet.ts', '@temporalio/client'],
    ['src/temporal/snippet.ts', '../db/pool.js'],
    ['src/temporal/snippet.ts', '../workflows/rutter/bank-feed/workflow.js'],
    ['src/temporal/snippet.ts', '../clients/rutter/client.js'],
    ['src/api/routes/snippet.ts', '@temporalio/client'],
    ['src/api/routes/snippet.ts', '@temporalio/worker'],
    ['src/api/routes/snippet.ts', '../../activities/index.js'],
    ['src/api/routes/snippet.ts', '../../temporal/codec.js'],
    ['src/api/routes/snippet.ts', '../../clients/rutter/client.js'],
    ['src/api/routes/snippet.ts', '../../config.js'],
    ['src/pages/snippet.ts', '../workflows/rutter/bank-feed/state.js'],
    ['sandbox/rutter/snippet.ts', '../../src/domain/money.js'],
    ['src/api/routes/snippet.ts', '../../../test/support/until.js'],
  ];
  test.each(forbidden)('%s cannot import %s', async (file, source) => {
    expect(await lintSnippet(file, use(source))).toContain('project/import-rules');
    expect(await lintSnippet(file, `export { x } from '${source}';\n`)).toContain('project/import-rules');
    expect(await lintSnippet(file, `export const load = () => import('${source}');\n`)).toContain(
      'project/import-rules',
    );
  });

  const allowed: [file: string, source: string][] = [
    ['src/workflows/rutter/bank-feed/snippet.ts', '@temporalio/workflow'],
    ['src/workflows/rutter/bank-feed/snippet.ts', '../../../domain/ids.js'],
    ['src/activities/snippet.ts', '../db/pool.js'],
    ['src/activities/snippet.ts', '@temporalio/activity'],
    ['src/temporal/snippet.ts', '../workflows/provider-command/messages.js'],
    ['src/temporal/rutter/snippet.ts', '../../workflows/rutter/bank-feed/messages.js'],
    ['src/api/routes/snippet.ts', '../../temporal/facade.js'],
    ['src/api/rutter/routes/snippet.ts', '../../../clients/rutter/schemas.js'],
    ['src/clients/rutter/snippet.ts', '../../crypto/hash.js'],
    ['src/db/snippet.ts', '../logger.js'],
    ['worker.ts', './src/config.js'],
  ];
  test.each(allowed)('%s may import %s', async (file, source) => {
    expect(await lintSnippet(file, use(source))).toEqual([]);
  });

  test('workflows take types from activities, and nothing else of them', async () => {
    const file = 'src/workflows/rutter/bank-feed/snippet.ts';
    expect(await lintSnippet(file, useType('../../../activities/index.js'))).toEqual([]);
    expect(await lintSnippet(file, useType('../../../db/pool.js'))).toEqual(['project/import-rules']);
  });
});

describe('channels', () => {
  const forbidden: [file: string, source: string][] = [
    // From one channel to the other, in a layer and across layers, nested or not.
    ['src/db/rutter/snippet.ts', '../sage-banking/accounts.js'],
    ['src/db/sage-banking/snippet.ts', '../rutter/feeds.js'],
    ['src/activities/rutter/delivery/snippet.ts', '../../sage-banking/run-command.js'],
    ['src/activities/sage-banking/rules/snippet.ts', '../../../db/rutter/feeds.js'],
    ['src/api/sage-banking/routes/snippet.ts', '../../../domain/rutter/handoff.js'],
    ['src/workflows/rutter/bank-feed/snippet.ts', '../../../domain/sage-banking/states.js'],
    // From shared code to a channel.
    ['src/domain/snippet.ts', './rutter/handoff.js'],
    ['src/db/snippet.ts', './rutter/feeds.js'],
    ['src/db/snippet.ts', '../domain/sage-banking/states.js'],
    ['src/clients/http/snippet.ts', '../rutter/errors.js'],
    ['src/activities/snippet.ts', './sage-banking/run-command.js'],
    ['src/temporal/snippet.ts', '../workflows/rutter/bank-feed/messages.js'],
    ['src/api/routes/snippet.ts', '../sage-banking/account-json.js'],
    ['src/pages/status/snippet.ts', '../rutter/connect.js'],
    ['src/workflows/provider-command/snippet.ts', '../rutter/bank-feed/messages.js'],
    // A registry of one layer does not import the implementation of another.
    ['src/api/channels.ts', '../activities/rutter/channel.js'],
    ['src/db/channels.ts', '../activities/rutter/channel.js'],
    ['src/activities/channels.ts', '../api/rutter/channel.js'],
  ];
  test.each(forbidden)('%s cannot import %s, not even its types', async (file, source) => {
    expect(await lintSnippet(file, use(source))).toContain('project/import-rules');
    expect(await lintSnippet(file, useType(source))).toContain('project/import-rules');
  });

  const allowed: [file: string, source: string][] = [
    ['src/db/rutter/snippet.ts', '../../domain/rutter/handoff.js'],
    ['src/db/rutter/snippet.ts', '../connections.js'],
    ['src/domain/channels.ts', './rutter/handoff.js'],
    ['src/db/channels.ts', './sage-banking/accounts.js'],
    ['src/activities/channels.ts', './rutter/run-command.js'],
    ['src/workflows/index.ts', './sage-banking/bank-link/workflow.js'],
    ['worker.ts', './src/activities/sage-banking/run-command.js'],
  ];
  test.each(allowed)('%s may import %s', async (file, source) => {
    expect(await lintSnippet(file, use(source))).toEqual([]);
  });
});

test('no shared file may import a channel', () => {
  expect(channelExceptions).toEqual([]);
});

describe('import cycles', () => {
  // The files of local-lint-cycle/: b.ts imports a.ts, type-b.ts imports a type of type-a.ts.
  test('a cycle is refused, and so is one of dynamic imports', async () => {
    const file = 'test/unit/local-lint-cycle/a.ts';
    const expected = ['project/import-cycles'];
    expect(await lintSnippet(file, "import { b } from './b.js';\nexport const a = () => b;\n")).toEqual(
      expected,
    );
    expect(await lintSnippet(file, "export const a = () => import('./b.js');\n")).toEqual(expected);
  });

  test('a cycle of types alone is refused too', async () => {
    const code = "import type { B } from './type-b.js';\nexport type A = B | null;\n";
    expect(await lintSnippet('test/unit/local-lint-cycle/type-a.ts', code)).toEqual([
      'project/import-cycles',
    ]);
  });
});
