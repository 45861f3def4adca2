import { randomUUID } from 'node:crypto';
import type { Pool } from '../../src/db/pool.js';
import { computePreview } from '../../src/activities/sage-banking/rules/preview-rule.js';
import { ruleTransactions } from '../../src/db/sage-banking/rule-transactions.js';
import { matcherOf } from '../../src/domain/sage-banking/rules/match-rules.js';
import type { RuleCondition } from '../../src/domain/sage-banking/rules/rule.js';
import type { BenchCase, Figure } from '../rutter/bench-case.js';
import { seedSageTransactions, shopOf, shopsCount } from './seed-transactions.js';
import { median, spread } from '../statistics.js';

const transactions = 100_000;
const rulesCount = 300;
const rounds = 3;

interface Timed {
  readonly hits: number;
  readonly seconds: number;
}
type Work = () => Promise<number>;

/** How fast rules are tried on stored transactions, and how fast PostgreSQL alone would find the same texts. */
export const rulePreview: BenchCase = {
  name: 'sage-dry-run',
  about: `${rulesCount} rules over ${transactions.toLocaleString('en')} stored transactions, against a plain LIKE scan of the table`,
  run: async ({ fixture, printLine }) => {
    await fixture.freshSandbox();
    const sageAccountId = await seedSageTransactions(fixture.pool, { count: transactions });
    const works = worksOf(fixture.pool, sageAccountId);
    const timed = Object.fromEntries(Object.keys(works).map((name) => [name, [] as Timed[]]));
    // In turns, so that a slow period affects all of them.
    for (let round = 0; round <= rounds; round += 1) {
      for (const [name, work] of Object.entries(works)) {
        const startedMs = performance.now();
        const hits = await work();
        const seconds = (performance.now() - startedMs) / 1_000;
        // The first round warms up.
        if (round > 0) timed[name]?.push({ hits, seconds });
      }
      printLine(`  round ${round} of ${rounds}`);
    }
    return { figures: figuresOf(timed), faults: faultsOf(timed) };
  },
};

function worksOf(pool: Pool, sageAccountId: string): Record<string, Work> {
  const texts = Array.from({ length: rulesCount }, (_, index) => shopOf(index * 3));
  const containing = texts.map((text) => [condition('transactionNarrative', 'contains', text)]);
  const mixed = texts.map((text, index) => mixedConditions(text, index));
  const account = { sageAccountId, lastTransactionId: transactions, currency: 'GBP' };
  const signal = new AbortController().signal;
  return {
    'set, contains': () => matchAll(pool, sageAccountId, containing),
    'LIKE ANY': () => scan(pool, sageAccountId, 'transaction_narrative LIKE ANY ($2)', texts.map(patternOf)),
    'set, mixed': () => matchAll(pool, sageAccountId, mixed),
    'dry run': async () => {
      const [draft, ...rules] = containing.map(ruleOf);
      if (draft === undefined) throw new Error('no rules');
      // Last in rank: each of its hits is held against all others.
      const result = await computePreview({
        pool,
        signal,
        account,
        draft: { ...draft, ruleRank: rulesCount },
        rules,
      });
      return result.hits;
    },
    LIKE: () => scan(pool, sageAccountId, 'transaction_narrative LIKE $2', patternOf(texts[0] ?? '')),
  };
}

/** Matches each transaction against all rules by rank until one matches. */
async function matchAll(
  pool: Pool,
  sageAccountId: string,
  conditions: readonly (readonly RuleCondition[])[],
): Promise<number> {
  const matcher = matcherOf(conditions.map(ruleOf));
  const fields = new Set(conditions.flat().map(({ ruleField }) => ruleField));
  let hits = 0;
  for await (const chunk of ruleTransactions(pool, { sageAccountId, upToId: transactions, fields })) {
    for (const { body } of chunk) if (matcher.firstMatch(body) !== null) hits += 1;
  }
  return hits;
}

async function scan(pool: Pool, sageAccountId: string, where: string, pattern: unknown): Promise<number> {
  const { rows } = await pool.query<{ hits: number }>(
    `SELECT count(*)::int AS hits FROM sage_transactions WHERE sage_account_id = $1 AND ${where}`,
    [sageAccountId, pattern],
  );
  return rows[0]?.hits ?? 0;
}

function condition(ruleField: string, ruleOperation: string, ruleCriteria: string): RuleCondition {
  return { ruleField, ruleOperation, ruleCriteria };
}

/** Typical rules: words, a range of amounts, a month. */
function mixedConditions(text: string, index: number): RuleCondition[] {
  const words = condition('transactionNarrative', 'containsWords', text);
  const byAmount = [
    condition('transactionAmount', 'lt', '-10'),
    condition('transactionAmount', 'ge', '-100.50'),
  ];
  const byDate = [condition('datePosted', 'ge', '2024-03-01'), condition('datePosted', 'lt', '2024-04-01')];
  return [[words], [...byAmount, words], [...byDate, words], [condition('$baseType', 'eq', 'debit'), words]][
    index % 4
  ] as RuleCondition[];
}

function ruleOf(ruleConditions: readonly RuleCondition[], index: number) {
  return {
    ruleId: randomUUID(),
    ruleName: `Rule ${index}`,
    ruleRank: index + 1,
    ruleConditions: [...ruleConditions],
    ruleActions: [
      { splitPercentage: 50, accountsPostings: [{ type: 'nominal', code: '7200' }] },
      { splitPercentage: 100, accountsPostings: [{ type: 'nominal', code: '7201' }] },
    ],
  };
}

/** No shop's name holds a sign that LIKE reads. */
function patternOf(text: string): string {
  return `%${text}%`;
}

function figuresOf(timed: Readonly<Record<string, readonly Timed[]>>): Figure[] {
  const secondsOf = (name: string) => (timed[name] ?? []).map(({ seconds }) => seconds);
  const rate = (name: string) => transactions / median(secondsOf(name));
  const noteOf = (name: string) => `${spread(secondsOf(name), 2)} s, ${timed[name]?.[0]?.hits ?? 0} hits`;
  const unit = 'transactions/s';
  const share = `each shop has ${Math.round(transactions / shopsCount)} transactions`;
  return [
    {
      name: `${rulesCount} rules, a text each`,
      value: rate('set, contains'),
      unit,
      note: noteOf('set, contains'),
    },
    { name: `plain LIKE, ${rulesCount} texts`, value: rate('LIKE ANY'), unit, note: noteOf('LIKE ANY') },
    {
      name: `${rulesCount} rules, ratio to plain LIKE`,
      digits: 2,
      unit: '',
      value: rate('set, contains') / rate('LIKE ANY'),
    },
    {
      name: `${rulesCount} rules of words, ranges and dates`,
      value: rate('set, mixed'),
      unit,
      note: noteOf('set, mixed'),
    },
    {
      name: `dry run of a rule beside ${rulesCount - 1}`,
      value: rate('dry run'),
      unit,
      note: `${noteOf('dry run')}; ${share}`,
    },
    { name: 'plain LIKE, one text', value: rate('LIKE'), unit, note: noteOf('LIKE') },
    { name: 'dry run, ratio to plain LIKE', digits: 2, unit: '', value: rate('dry run') / rate('LIKE') },
  ];
}

/** The two must find the same: else one was fast because it was wrong. */
function faultsOf(timed: Readonly<Record<string, readonly Timed[]>>): string[] {
  return [
    ['set, contains', 'LIKE ANY'],
    ['dry run', 'LIKE'],
  ].flatMap(([ours = '', theirs = '']) => {
    const [found, wanted] = [timed[ours]?.[0]?.hits ?? 0, timed[theirs]?.[0]?.hits ?? 0];
    return found === wanted && found > 0 ? [] : [`${ours} found ${found}, ${theirs} found ${wanted}`];
  });
}
