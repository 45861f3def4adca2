import { isSageError } from '../../../clients/sage-banking/errors.js';
import type { Pool } from '../../../db/pool.js';
import type { SageAccountRow } from '../../../db/sage-banking/accounts.js';
import type {
  SageRulePreviewBeside,
  SageRulePreviewResult,
  SageRulePreviewSample,
  SageRuleResult,
} from '../../../db/sage-banking/command-types.js';
import { ruleTransactions, type RuleTransactionRow } from '../../../db/sage-banking/rule-transactions.js';
import { matcherOf, type RuleMatcher } from '../../../domain/sage-banking/rules/match-rules.js';
import type { RuleDraft } from '../../../domain/sage-banking/rules/rule.js';
import { splitShares } from '../../../domain/sage-banking/rules/split-shares.js';
import {
  openRuleFixture,
  ruleOf,
  type RuleFixture,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';

/** Ids in the answer; the count is exact. */
const listedIdsMax = 1_000;
/** Hits whose split is shown. */
const samplesMax = 20;

/**
 * Which of the account's stored transactions a rule would hit, by our own engine: nothing is sent but one check the
 * account's rules, to report which of them would apply first. If Sage does not answer, the rest is reported.
 */
export async function dryRunRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const fixture = await openRuleFixture(context);
  const draft = ruleOf(context);
  const rules = await rulesInTime(context, fixture);
  const { deps, command, signal } = context;
  const editedRuleId = command.input.rule_id;
  const { account } = fixture;
  return { result: await dryRun({ pool: deps.pool, signal, account, draft, rules, editedRuleId }) };
}

async function rulesInTime(
  { channel }: SageCommandContext,
  { call }: RuleFixture,
): Promise<readonly SageRuleResult[] | null> {
  try {
    return await channel.client.listRules(call);
  } catch (error) {
    if (isSageError(error)) return null;
    throw error;
  }
}

/** Where the rule would stand among the account's own. */
interface Place {
  readonly rank: number;
  readonly better: RuleMatcher<SageRuleResult>;
  readonly sameNameRuleId: string | null;
}

/** The rule that is being edited is left out, and its rank taken: the one named, or else the one of the same name. */
function placeOf(
  draft: RuleDraft,
  rules: readonly SageRuleResult[],
  editedRuleId: string | undefined,
): Place {
  const sameName = rules.find(({ ruleName }) => ruleName === draft.ruleName);
  const edited = rules.find(({ ruleId }) => ruleId === editedRuleId) ?? sameName;
  const others = rules.filter((rule) => rule !== edited);
  const last = others.length + 1;
  const rank = Math.min(draft.ruleRank ?? edited?.ruleRank ?? last, last);
  return {
    rank,
    better: matcherOf(others.filter(({ ruleRank }) => ruleRank < rank)),
    sameNameRuleId: sameName?.ruleId ?? null,
  };
}

interface DryRunInput {
  readonly pool: Pool;
  readonly signal: AbortSignal;
  readonly account: Pick<SageAccountRow, 'sageAccountId' | 'lastTransactionId' | 'currency'>;
  readonly draft: RuleDraft;
  /** The account's own, as Sage has them; null when it did not tell. */
  readonly rules: readonly SageRuleResult[] | null;
  /** The one that the draft would replace. */
  readonly editedRuleId?: string | undefined;
}

/** The dry run itself, over the account's rows: chunk by chunk, so that memory stays small whatever it holds. */
export async function dryRun(input: DryRunInput): Promise<SageRulePreviewResult> {
  const { pool, signal, account, draft, rules, editedRuleId } = input;
  const { sageAccountId, lastTransactionId: upToId } = account;
  const place = rules === null ? null : placeOf(draft, rules, editedRuleId);
  const own = matcherOf([{ ...draft, ruleRank: 1 }]);
  const fields = fieldsOf([draft, ...(rules ?? [])]);
  const counts = { checkedAt: 0, hits: 0, applied: 0 };
  const ids: number[] = [];
  const samples: SageRulePreviewSample[] = [];
  const taken = new Map<SageRuleResult, number>();
  for await (const chunk of ruleTransactions(pool, { sageAccountId, upToId, fields })) {
    signal.throwIfAborted();
    counts.checkedAt += chunk.length;
    for (const row of chunk) {
      if (own.firstMatch(row.body) === null) continue;
      counts.hits += 1;
      const taker = place?.better.firstMatch(row.body) ?? null;
      if (taker === null) counts.applied += 1;
      else taken.set(taker, (taken.get(taker) ?? 0) + 1);
      if (ids.length < listedIdsMax) ids.push(row.transactionId);
      if (samples.length < samplesMax) samples.push(sampleOf(row, { account, draft, taker }));
    }
  }
  return {
    checked_at: counts.checkedAt,
    hits: counts.hits,
    transaction_ids: ids,
    samples,
    beside: place === null ? null : besideOf(place, counts.applied, taken),
  };
}

function fieldsOf(rules: readonly RuleDraft[]): ReadonlySet<string> {
  return new Set(rules.flatMap((rule) => rule.ruleConditions.map(({ ruleField }) => ruleField)));
}

function sampleOf(
  { transactionId, body }: RuleTransactionRow,
  input: Pick<DryRunInput, 'account' | 'draft'> & { taker: SageRuleResult | null },
): SageRulePreviewSample {
  // A number as Sage sent it, or the decimal text of its column.
  const stored = body['transactionAmount'] as number | string | null | undefined;
  const amount = stored == null ? null : String(stored);
  const currency = typeof body['currency'] === 'string' ? body['currency'] : (input.account.currency ?? '');
  const percentages = input.draft.ruleActions.map(({ splitPercentage }) => splitPercentage);
  return {
    transaction_id: transactionId,
    amount,
    currency,
    shares: (amount === null ? null : splitShares({ amount, currency, percentages })) ?? [],
    taken_by: input.taker?.ruleId ?? null,
  };
}

function besideOf(
  place: Place,
  applied: number,
  taken: ReadonlyMap<SageRuleResult, number>,
): SageRulePreviewBeside {
  const takers = [...taken].sort(([left], [right]) => left.ruleRank - right.ruleRank);
  return {
    rank: place.rank,
    applied,
    taken_first: takers.map(([{ ruleId, ruleRank }, hits]) => ({
      rule_id: ruleId,
      rule_rank: ruleRank,
      hits,
    })),
    not_evaluated: place.better.unread.map(({ ruleId }) => ruleId),
    same_name_rule_id: place.sameNameRuleId,
  };
}
