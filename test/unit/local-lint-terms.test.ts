import { describe, expect, test } from 'vitest';
import { findRetiredTerms } from '../../scripts/lint/terms.js';
import { documents, filesBelow, readText } from './docs-files.js';
import { lintSnippets } from './local-lint-snippet.js';

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

test('lint refuses them in names, comments, strings and file names of code', async () => {
  const refused = [
    { file: 'sandbox/rutter/snippet.ts', text: 'export const laneId = 1;\n' },
    { file: 'sandbox/rutter/snippet.ts', text: '// A lane.\nexport const lock = 1;\n' },
    { file: 'sandbox/rutter/snippet.ts', text: "export const text = 'the lane';\n" },
    { file: 'sandbox/rutter/lane.ts', text: 'export const lock = 1;\n' },
    { file: 'scripts/lint/snippet.js', text: '// A lane.\n' },
  ];
  expect(await lintSnippets(refused)).toEqual(refused.map(() => ['project/terms']));
});

/** They quote the retired terms, or a provider. */
const mayQuote = (path: string): boolean => path === 'CHANGELOG.md' || path.startsWith('docs/contracts/');

test('documents, SQL and scripts contain none', () => {
  const others = filesBelow('', '.sql', '.yml', '.yaml', '.sh', '.patch');
  const texts = [...documents, ...others, '.ci/run', '.env.example', 'Dockerfile'];
  expect(others.length).toBeGreaterThan(20);
  const retired = texts
    .filter((path) => !mayQuote(path))
    .flatMap((path) =>
      [path, readText(path)].flatMap((text) =>
        findRetiredTerms(text).map(({ found, use }) => `${path}: use ${use} instead of ${found}`),
      ),
    );
  expect(retired).toEqual([]);
});
