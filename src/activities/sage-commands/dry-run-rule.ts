import { isSageError } from '../../clients/sage-banking/errors.js';
import type { SageRule } from '../../clients/sage-banking/schemas.js';
import type { SageDryRunBeside, SageDryRunResult } from '../../db/sage-command-types.js';
import { ruleTransactions } from '../../db/sage-rule-transactions.js';
import { matcherOf, type RuleMatcher } from '../../domain/sage-rules/match-rules.js';
import type { RuleDraft } from '../../domain/sage-rules/rule.js';
import { splitShares } from '../../domain/sage-rules/split-shares.js';
import {
  openRuleGround,
  ruleOf,
  type RuleGround,
  type SageCommandContext,
  type SageCommandEnding,
} from './sage-command-context.js';

/** Ids in the answer; the count is exact. */
const listedIdsMax = 1_000;
/** Hits whose split is shown. */
const samplesMax = 20;

/**
 * Which of the account's stored transactions a rule would hit, by our own engine: nothing is sent but one look at the
 * account's rules, to tell which of them would come first. Should Sage not answer that, all else is told.
 */
export async function dryRunRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const ground = await openRuleGround(context);
  const draft = ruleOf(context);
  const rules = await rulesInTime(context, ground);
  return { result: await dryRun(context, { ...ground, draft, rules }) };
}

async function rulesInTime(
  { road }: SageCommandContext,
  { call }: RuleGround,
): Promise<readonly SageRule[] | null> {
  try {
    return await road.client.listRules(call);
  } catch (error) {
    if (isSageError(error)) return null;
    throw error;
  }
}

/** Where the rule would stand among the account's own. */
interface Place {
  readonly rank: number;
  readonly better: RuleMatcher<SageRule>;
  readonly sameNameRuleId: string | null;
}

/** A rule of the same name is the one that is being edited: it is left out, and its rank taken. */
function placeOf(draft: RuleDraft, rules: readonly SageRule[]): Place {
  const sameName = rules.find(({ ruleName }) => ruleName === draft.ruleName);
  const others = rules.filter((rule) => rule !== sameName);
  const last = others.length + 1;
  const rank = Math.min(draft.ruleRank ?? sameName?.ruleRank ?? last, last);
  return {
    rank,
    better: matcherOf(others.filter(({ ruleRank }) => ruleRank < rank)),
    sameNameRuleId: sameName?.ruleId ?? null,
  };
}

async function dryRun(
  { deps, signal }: SageCommandContext,
  {
    account,
    draft,
    rules,
  }: Pick<RuleGround, 'account'> & { draft: RuleDraft; rules: readonly SageRule[] | null },
): Promise<SageDryRunResult> {
  const { sageAccountId, lastTransactionId: upToId } = account;
  const place = rules === null ? null : placeOf(draft, rules);
  const own = matcherOf([{ ...draft, ruleRank: 1 }]);
  const percentages = draft.ruleActions.map(({ splitPercentage }) => splitPercentage);
  const counts = { lookedAt: 0, hits: 0, applied: 0 };
  const ids: number[] = [];
  const samples: SageDryRunResult['samples'][number][] = [];
  const taken = new Map<SageRule, number>();
  for await (const chunk of ruleTransactions(deps.pool, { sageAccountId, upToId })) {
    signal.throwIfAborted();
    counts.lookedAt += chunk.length;
    for (const { transactionId, body } of chunk) {
      if (own.firstMatch(body) === null) continue;
      counts.hits += 1;
      const taker = place?.better.firstMatch(body) ?? null;
      if (taker === null) counts.applied += 1;
      else taken.set(taker, (taken.get(taker) ?? 0) + 1);
      if (ids.length < listedIdsMax) ids.push(transactionId);
      if (samples.length >= samplesMax) continue;
      const amount = String(body['transactionAmount']);
      const currency = typeof body['currency'] === 'string' ? body['currency'] : (account.currency ?? '');
      const shares = splitShares({ amount, currency, percentages }) ?? [];
      samples.push({
        transaction_id: transactionId,
        amount,
        currency,
        shares,
        taken_by: taker?.ruleId ?? null,
      });
    }
  }
  return {
    looked_at: counts.lookedAt,
    hits: counts.hits,
    transaction_ids: ids,
    samples,
    beside: place === null ? null : besideOf(place, counts.applied, taken),
  };
}

function besideOf(place: Place, applied: number, taken: ReadonlyMap<SageRule, number>): SageDryRunBeside {
  const takers = [...taken].sort(([left], [right]) => left.ruleRank - right.ruleRank);
  return {
    rank: place.rank,
    applied,
    taken_first: takers.map(([{ ruleId, ruleRank }, hits]) => ({
      rule_id: ruleId,
      rule_rank: ruleRank,
      hits,
    })),
    not_judged: place.better.unread.map(({ ruleId }) => ruleId),
    same_name_rule_id: place.sameNameRuleId,
  };
}
