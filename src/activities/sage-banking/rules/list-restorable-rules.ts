import type { SageRule } from '../../../clients/sage-banking/schemas.js';
import { listSageAccountsOfConnection } from '../../../db/sage-banking/accounts.js';
import type { SageRestorableRule } from '../../../db/sage-banking/command-types.js';
import { listRestoredRules } from '../../../db/sage-banking/restored-rules.js';
import {
  ruleTarget,
  type RuleTarget,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';

/** Rules of the company's disconnected accounts, and which of them this account already has (contract 8.1). */
export async function listRestorableRules(context: SageCommandContext): Promise<SageCommandEnding> {
  const target = await ruleTarget(context);
  const disconnected = await readDisconnectedRules(context, target);
  const newIds = await readRestoredIds(context, target);
  const rules = disconnected.map(({ rule, sageAccountId }): SageRestorableRule => ({
    ...rule,
    sage_account_id: sageAccountId,
    restored_rule_id: newIds.get(rule.ruleId) ?? null,
  }));
  return { result: { rules } };
}

/** Ids of the new rules by those of the old ones, if the new ones still exist: they can be deleted at Sage. */
async function readRestoredIds(
  { deps, sage }: SageCommandContext,
  { account, call }: RuleTarget,
): Promise<ReadonlyMap<string, string>> {
  const rows = await listRestoredRules(deps.pool, account);
  if (!rows.some(({ newRuleId }) => newRuleId !== null)) return new Map();
  const present = new Set((await sage.client.listRules(call)).map(({ ruleId }) => ruleId));
  return new Map(
    rows.flatMap(({ oldRuleId, newRuleId }) =>
      newRuleId !== null && present.has(newRuleId) ? [[oldRuleId, newRuleId] as const] : [],
    ),
  );
}

export interface DisconnectedRule {
  readonly rule: SageRule;
  /** Our id of the account that it belonged to, if we know it. */
  readonly sageAccountId: string | null;
}

/**
 * In the order in which they are restored: the account's own predecessors first, the latest before the earlier, then
 * other accounts, and within an account by rank.
 */
export async function readDisconnectedRules(
  { deps, sage, signal }: SageCommandContext,
  { account, call }: RuleTarget,
): Promise<DisconnectedRule[]> {
  const rules = await sage.client.listDisconnectedRules({ access: call.access, signal });
  const known = await listSageAccountsOfConnection(deps.pool, account);
  const positions = new Map(
    known
      .sort((left, right) => compareNearness(left, right, account.identityHash))
      .map(({ bankAccountId, sageAccountId }, position) => [bankAccountId, { sageAccountId, position }]),
  );
  return rules
    .map((rule) => ({ rule, known: positions.get(rule.bankAccountId ?? '') ?? null }))
    .sort(
      (left, right) =>
        (left.known?.position ?? positions.size) - (right.known?.position ?? positions.size) ||
        compareTexts(left.rule.bankAccountId ?? '', right.rule.bankAccountId ?? '') ||
        left.rule.ruleRank - right.rule.ruleRank,
    )
    .map((found) => ({ rule: found.rule, sageAccountId: found.known?.sageAccountId ?? null }));
}

/** The same account at the bank comes first, then the newer ones. */
function compareNearness(
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
