import { isSageError } from '../../../clients/sage-banking/errors.js';
import { readCustomer } from '../../../db/customers.js';
import type { Pool } from '../../../db/pool.js';
import type { SageAccountRow } from '../../../db/sage-banking/accounts.js';
import type {
  SageRulePreviewBeside,
  SageRulePreviewResult,
  SageRulePreviewSample,
  SageRuleResult,
} from '../../../db/sage-banking/command-types.js';
import { ruleTransactions, type RuleTransactionRow } from '../../../db/sage-banking/rule-transactions.js';
import { zoneOf } from '../../../domain/booking-day.js';
import { matcherOf, type RuleMatcher } from '../../../domain/sage-banking/rules/match-rules.js';
import type { RuleDraft } from '../../../domain/sage-banking/rules/rule.js';
import { splitShares } from '../../../domain/sage-banking/rules/split-shares.js';
import {
  changeableRuleTarget,
  ruleOf,
  type RuleTarget,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';

/** Maximum of ids in the result; the count is exact. */
const listedIdsMax = 1_000;
/** Maximum of hits whose split is shown. */
const samplesMax = 20;

/**
 * Which of the account's stored transactions a rule would match, by our own engine. The only request to Sage lists the
 * account's rules, to report which of them would apply first; if Sage does not answer, the result lacks this part.
 */
export async function previewRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const target = await changeableRuleTarget(context);
  const draft = ruleOf(context);
  const rules = await rulesIfAvailable(context, target);
  const { deps, command, signal } = context;
  const editedRuleId = command.input.rule_id;
  const { account } = target;
  const customer = await readCustomer(deps.pool, account);
  const { bankTimeZone } = deps.settings;
  const timeZone = zoneOf({ timeZone: customer?.timeZone ?? null, bankTimeZone });
  const input = { pool: deps.pool, signal, account, draft, rules, editedRuleId, timeZone };
  return { result: await computePreview(input) };
}

async function rulesIfAvailable(
  { sage }: SageCommandContext,
  { call }: RuleTarget,
): Promise<readonly SageRuleResult[] | null> {
  try {
    return await sage.client.listRules(call);
  } catch (error) {
    if (isSageError(error)) return null;
    throw error;
  }
}

/** The position of the rule among those of the account. */
interface Position {
  readonly rank: number;
  readonly better: RuleMatcher<SageRuleResult>;
  readonly sameNameRuleId: string | null;
}

/** Without the rule that is being edited, whose rank is used: the one given by id, or else the one of the same name. */
function positionOf(
  draft: RuleDraft,
  rules: readonly SageRuleResult[],
  editedRuleId: string | undefined,
  timeZone: string | null,
): Position {
  const sameName = rules.find(({ ruleName }) => ruleName === draft.ruleName);
  const edited = rules.find(({ ruleId }) => ruleId === editedRuleId) ?? sameName;
  const others = rules.filter((rule) => rule !== edited);
  const last = others.length + 1;
  const rank = Math.min(draft.ruleRank ?? edited?.ruleRank ?? last, last);
  return {
    rank,
    better: matcherOf(
      others.filter(({ ruleRank }) => ruleRank < rank),
      timeZone,
    ),
    sameNameRuleId: sameName?.ruleId ?? null,
  };
}

interface PreviewInput {
  readonly pool: Pool;
  readonly signal: AbortSignal;
  readonly account: Pick<SageAccountRow, 'sageAccountId' | 'lastTransactionId' | 'currency'>;
  readonly draft: RuleDraft;
  /** The account's rules at Sage; null when Sage did not answer. */
  readonly rules: readonly SageRuleResult[] | null;
  /** The rule that the draft would replace. */
  readonly editedRuleId?: string | undefined;
  /** In which days are read, as on pages; null: UTC. */
  readonly timeZone?: string | null;
}

/** The preview itself, over the account's rows in chunks, so that memory stays small for any number of them. */
export async function computePreview(input: PreviewInput): Promise<SageRulePreviewResult> {
  const { pool, signal, account, draft, rules, editedRuleId, timeZone = null } = input;
  const { sageAccountId, lastTransactionId: upToId } = account;
  const position = rules === null ? null : positionOf(draft, rules, editedRuleId, timeZone);
  const own = matcherOf([{ ...draft, ruleRank: 1 }], timeZone);
  const fields = fieldsOf([draft, ...(rules ?? [])]);
  const counts = { checkedCount: 0, hits: 0, applied: 0 };
  const ids: number[] = [];
  const samples: SageRulePreviewSample[] = [];
  const taken = new Map<SageRuleResult, number>();
  for await (const chunk of ruleTransactions(pool, { sageAccountId, upToId, fields })) {
    signal.throwIfAborted();
    counts.checkedCount += chunk.length;
    for (const row of chunk) {
      if (own.firstMatch(row.body) === null) continue;
      counts.hits += 1;
      const taker = position?.better.firstMatch(row.body) ?? null;
      if (taker === null) counts.applied += 1;
      else taken.set(taker, (taken.get(taker) ?? 0) + 1);
      if (ids.length < listedIdsMax) ids.push(row.transactionId);
      if (samples.length < samplesMax) samples.push(sampleOf(row, { account, draft, taker }));
    }
  }
  return {
    checked_count: counts.checkedCount,
    hits: counts.hits,
    transaction_ids: ids,
    samples,
    beside: position === null ? null : besideOf(position, counts.applied, taken),
  };
}

function fieldsOf(rules: readonly RuleDraft[]): ReadonlySet<string> {
  return new Set(rules.flatMap((rule) => rule.ruleConditions.map(({ ruleField }) => ruleField)));
}

function sampleOf(
  { transactionId, body }: RuleTransactionRow,
  input: Pick<PreviewInput, 'account' | 'draft'> & { taker: SageRuleResult | null },
): SageRulePreviewSample {
  // A number as Sage sent it, or the decimal text of the column.
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
  position: Position,
  applied: number,
  taken: ReadonlyMap<SageRuleResult, number>,
): SageRulePreviewBeside {
  const takers = [...taken].sort(([left], [right]) => left.ruleRank - right.ruleRank);
  return {
    rank: position.rank,
    applied,
    taken_first: takers.map(([{ ruleId, ruleRank }, hits]) => ({
      rule_id: ruleId,
      rule_rank: ruleRank,
      hits,
    })),
    not_evaluated: position.better.unread.map(({ ruleId }) => ruleId),
    same_name_rule_id: position.sameNameRuleId,
  };
}
