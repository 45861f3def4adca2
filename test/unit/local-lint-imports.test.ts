import { describe, expect, test } from 'vitest';
import { channelExceptions } from '../../scripts/lint/import-rules.js';
import { lintSnippets } from './local-lint-snippet.js';
import type { Snippet } from './local-lint-snippet.js';

const use = (source: string): string => `import { x } from '${source}';\nexport const y = x;\n`;
const useType = (source: string): string => `import type { X } from '${source}';\nexport type Y = X;\n`;
const passOn = (source: string): string => `export { x } from '${source}';\n`;
const load = (source: string): string => `export const load = () => import('${source}');\n`;

type Import = [file: string, source: string];

/** These imports, each written in each of these ways. */
function snippetsOf(imports: readonly Import[], ...ways: ((source: string) => string)[]): Snippet[] {
  return imports.flatMap(([file, source]) => ways.map((way) => ({ file, text: way(source) })));
}

/** Which of the snippets the import rules refuse, and which they accept. */
async function sortSnippets(
  snippets: readonly Snippet[],
): Promise<{ refused: Snippet[]; accepted: Snippet[] }> {
  const found = await lintSnippets(snippets);
  const isRefused = (at: number): boolean => found[at]!.includes('project/import-rules');
  return {
    refused: snippets.filter((_, at) => isRefused(at)),
    accepted: snippets.filter((_, at) => !isRefused(at)),
  };
}

describe('import rules', () => {
  const forbidden: Import[] = [
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
    ['src/cli/commands/snippet.ts', '../../db/pool.js'],
    ['src/cli/commands/snippet.ts', '../../temporal/client.js'],
    ['src/cli/commands/snippet.ts', '../../config.js'],
    ['src/cli/commands/snippet.ts', '../local/doctor/doctor.js'],
    ['src/cli/commands/snippet.ts', '@temporalio/client'],
    ['src/cli/local/doctor/snippet.ts', '../../../clients/rutter/client.js'],
    ['src/cli/local/doctor/rutter/snippet.ts', '../../../../db/sage-banking/companies.js'],
    ['sandbox/rutter/snippet.ts', '../../src/domain/money.js'],
    ['src/api/routes/snippet.ts', '../../../test/support/until.js'],
  ];
  test('a layer imports no other layer, package or built-in than its own list says, in no way', async () => {
    expect((await sortSnippets(snippetsOf(forbidden, use, passOn, load))).accepted).toEqual([]);
  });

  const allowed: Import[] = [
    ['src/workflows/rutter/bank-feed/snippet.ts', '@temporalio/workflow'],
    ['src/cli/commands/snippet.ts', '../../domain/limits.js'],
    ['src/cli/commands/snippet.ts', 'commander'],
    ['src/cli/local/doctor/snippet.ts', '../../../db/pool.js'],
    ['src/cli/local/doctor/rutter/snippet.ts', '../../../../clients/rutter/client.js'],
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
  test('what the list of a layer names may be imported', async () => {
    expect((await sortSnippets(snippetsOf(allowed, use))).refused).toEqual([]);
  });

  test('workflows take types from activities, and nothing else of them', async () => {
    const file = 'src/workflows/rutter/bank-feed/snippet.ts';
    const types: Import[] = [
      [file, '../../../activities/index.js'],
      [file, '../../../db/pool.js'],
    ];
    const { refused } = await sortSnippets(snippetsOf(types, useType));
    expect(refused).toEqual([{ file, text: useType('../../../db/pool.js') }]);
  });
});

describe('channels', () => {
  const forbidden: Import[] = [
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
  test('a channel imports no other channel and shared code imports none, not even its types', async () => {
    expect((await sortSnippets(snippetsOf(forbidden, use, useType))).accepted).toEqual([]);
  });

  const allowed: Import[] = [
    ['src/db/rutter/snippet.ts', '../../domain/rutter/handoff.js'],
    ['src/db/rutter/snippet.ts', '../connections.js'],
    ['src/domain/channels.ts', './rutter/handoff.js'],
    ['src/db/channels.ts', './sage-banking/accounts.js'],
    ['src/activities/channels.ts', './rutter/run-command.js'],
    ['src/workflows/index.ts', './sage-banking/bank-link/workflow.js'],
    ['worker.ts', './src/activities/sage-banking/run-command.js'],
  ];
  test('a channel may import shared code and itself, and a registry both channels', async () => {
    expect((await sortSnippets(snippetsOf(allowed, use))).refused).toEqual([]);
  });
});

test('no shared file may import a channel', () => {
  expect(channelExceptions).toEqual([]);
});

describe('import cycles', () => {
  test('a cycle is refused, and so is one of types alone', async () => {
    const found = await lintSnippets([
      { file: 'src/domain/a.ts', text: use('./b.js') },
      { file: 'src/domain/b.ts', text: passOn('./c.js') },
      { file: 'src/domain/c.ts', text: "export * from './a.js';\n" },
      { file: 'test/unit/type-a.ts', text: useType('./type-b.js') },
      { file: 'test/unit/type-b.ts', text: useType('./type-a.js') },
      { file: 'src/domain/leaf.ts', text: useType('./a.js') },
    ]);
    const inCycle = found.map((rules) => rules.includes('import/no-cycle'));
    expect(inCycle).toEqual([true, true, true, true, true, false]);
  });

  test('a dynamic import of our own, which could hide a cycle, occurs in entry points and in tests alone', async () => {
    const found = await lintSnippets([
      { file: 'src/domain/snippet.ts', text: load('./b.js') },
      { file: 'scripts/snippet.ts', text: 'export const load = (path: string) => import(path);\n' },
      { file: 'scripts/snippet.ts', text: load('@temporalio/worker') },
      { file: 'scripts/start.ts', text: load('./local/start-service.js') },
      { file: 'test/unit/snippet.ts', text: load('../../src/domain/ids.js') },
    ]);
    const refused = found.map((rules) => rules.includes('project/no-dynamic-import'));
    expect(refused).toEqual([true, true, false, false, false]);
  });
});
