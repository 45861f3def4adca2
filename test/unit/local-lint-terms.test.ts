import { describe, expect, test } from 'vitest';
import { findRetiredTerms } from '../../scripts/lint/terms.js';
import { lintSnippet } from './local-lint-snippet.js';

const found = (text: string): string[] => findRetiredTerms(text).map((finding) => finding.found);

describe('retired terms', () => {
  const retired = [
    'the second road',
    'const laneId = 1',
    'delivery_lane',
    'one slice of work',
    'const slice = next()',
    'markSwept()',
    'nudgeFeed()',
    'FEED_PARKED',
    'a troubled feed',
    'it told the customer',
    'builds it anew',
    'the hand-off',
    'handOff()',
    'a doubted batch',
    'owed looks',
    'all mutants',
    'npm run kills',
    'the kills of the worker',
    'runKills()',
    'who judges it',
    'refereeRun',
    'settleBatch()',
    'batch.settled_at',
    'refused_by_sage',
    'road_closed',
    'organisation_refused',
    'peer_unavailable',
    'conflict_with_peer',
    'feed_parked',
    'trouble_lasts',
    'transactions_odd',
    'fleet-sweep',
    'bankfeeds_sweep_age_seconds',
  ];
  test.each(retired)('%s is found', (text) => {
    expect(found(text)).not.toEqual([]);
  });

  const standard = [
    'rows.slice(0, 3)',
    'await Promise.allSettled(work)',
    'PromiseSettledResult<void>[]',
    'a handoff, two handoffs, endHandoff()',
    'kill -9 ends it, and a supervisor kills the rest',
    'troubleshooting',
    'broadcast, a plane, the planet',
    'organisations',
  ];
  test.each(standard)('%s is not', (text) => {
    expect(found(text)).toEqual([]);
  });
});

describe('where retired terms are refused', () => {
  const refused: [where: string, file: string, text: string][] = [
    ['a name', 'sandbox/rutter/snippet.ts', 'export const laneId = 1;\n'],
    ['a comment', 'sandbox/rutter/snippet.ts', '// A lane.\nexport const lock = 1;\n'],
    ['a string', 'sandbox/rutter/snippet.ts', "export const text = 'the lane';\n"],
    ['a TypeScript file name', 'sandbox/rutter/lane.ts', 'export const lock = 1;\n'],
    ['a JavaScript file', 'scripts/lint/snippet.js', '// A lane.\n'],
    ['a document', 'sandbox/README.md', 'The lane.\n'],
    ['a document name', 'sandbox/lane.md', 'The lock.\n'],
    ['SQL', 'migrations/0999_snippet.sql', 'CREATE TABLE lanes ();\n'],
    ['YAML', 'docker-compose.yml', '# The lane.\n'],
    ['a shell script', '.ci/run', '# The lane.\n'],
  ];
  test.each(refused)('%s', async (_where, file, text) => {
    expect(await lintSnippet(file, text)).toEqual(['project/terms']);
  });

  test('a provider is quoted as it writes', async () => {
    expect(await lintSnippet('docs/contracts/rutter.md', 'The lane.\n')).toEqual([]);
  });
});
