import type { SageRule } from '../../../clients/sage-banking/schemas.js';
import { listSageAccountsOfConnection } from '../../../db/sage-banking/accounts.js';
import type { SageRestorableRule } from '../../../db/sage-banking/command-types.js';
import { listRestoredRules } from '../../../db/sage-banking/restored-rules.js';
import {
  ruleFixture,
  type RuleFixture,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';

/** Rules of the company's disconnected accounts, and which of them stand on this account already (contract 8.1). */
export async function listRestorableRules(context: SageCommandContext): Promise<SageCommandEnding> {
  const fixture = await ruleFixture(context);
  const disconnected = await readDisconnectedRules(context, fixture);
  const newIds = await readRestoredIds(context, fixture);
  const rules = disconnected.map(({ rule, sageAccountId }): SageRestorableRule => ({
    ...rule,
    sage_account_id: sageAccountId,
    restored_rule_id: newIds.get(rule.ruleId) ?? null,
  }));
  return { result: { rules } };
}

/** Ids of the new rules by those of the old ones, as far as they still stand there: others may delete them, too. */
async function readRestoredIds(
  { deps, channel }: SageCommandContext,
  { account, call }: RuleFixture,
): Promise<ReadonlyMap<string, string>> {
  const rows = await listRestoredRules(deps.pool, account);
  if (!rows.some(({ newRuleId }) => newRuleId !== null)) return new Map();
  const present = new Set((await channel.client.listRules(call)).map(({ ruleId }) => ruleId));
  return new Map(
    rows.flatMap(({ oldRuleId, newRuleId }) =>
      newRuleId !== null && present.has(newRuleId) ? [[oldRuleId, newRuleId] as const] : [],
    ),
  );
}

export interface DisconnectedRule {
  readonly rule: SageRule;
  /** Ours, where we know the account that it was on. */
  readonly sageAccountId: string | null;
}

/**
 * In the order in which they are restored: the account's own predecessors first, the latest before the earlier, then
 * other accounts, and within an account by rank.
 */
export async function readDisconnectedRules(
  { deps, channel, signal }: SageCommandContext,
  { account, call }: RuleFixture,
): Promise<DisconnectedRule[]> {
  const rules = await channel.client.listDisconnectedRules({ access: call.access, signal });
  const known = await listSageAccountsOfConnection(deps.pool, account);
  const places = new Map(
    known
      .sort((left, right) => nearness(left, right, account.identityHash))
      .map(({ bankAccountId, sageAccountId }, place) => [bankAccountId, { sageAccountId, place }]),
  );
  return rules
    .map((rule) => ({ rule, known: places.get(rule.bankAccountId ?? '') ?? null }))
    .sort(
      (left, right) =>
        (left.known?.place ?? places.size) - (right.known?.place ?? places.size) ||
        compareTexts(left.rule.bankAccountId ?? '', right.rule.bankAccountId ?? '') ||
        left.rule.ruleRank - right.rule.ruleRank,
    )
    .map((found) => ({ rule: found.rule, sageAccountId: found.known?.sageAccountId ?? null }));
}

/** The same account at the bank comes first, then what was made later. */
function nearness(
  left: { identityHash: string; createdAt: string },
  right: { identityHash: string; createdAt: string },
  identityHash: string,
): number {
  const isSame = Number(right.identityHash === identityHash) - Number(left.identityHash === identityHash);
  return isSame || compareTexts(right.createdAt, left.createdAt);
}

function compareTexts(left: string, right: string): number {
  return left === right ? 0 : left < right ? -1 : 1;
}
