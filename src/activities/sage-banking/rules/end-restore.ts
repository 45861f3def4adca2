import type { CommandState } from '../../../db/commands.js';
import { readSageCommand } from '../../../db/sage-banking/commands.js';
import { readSageAccount, whereOf, type SageAccountRow } from '../../../db/sage-banking/accounts.js';
import type { SageRestoreResult } from '../../../db/sage-banking/command-types.js';
import { countPendingTransactions, listRestoredRulesSince } from '../../../db/sage-banking/restored-rules.js';
import type { SageBankingDeps } from '../deps.js';
import { endSageCommand } from '../end-command.js';
import type { SageCommandEnding } from '../command-context.js';

/** The outcome for one chosen rule. */
export type Restored =
  | { readonly newRuleId: string }
  | { readonly reason: string; readonly code?: 'not_reached' };

const notReached: Restored = {
  reason: 'Sage did not get to this rule in time. Ask again: what is restored already is not restored twice.',
  code: 'not_reached',
};

/** How a restore ends: the outcome rule by rule, a timeline entry, and whether to suggest a reprocess. */
export async function restoreEnding(
  { pool }: Pick<SageBankingDeps, 'pool'>,
  input: { commandId: string; account: SageAccountRow; outcomes: ReadonlyMap<string, Restored> },
): Promise<SageCommandEnding> {
  const { commandId, account, outcomes } = input;
  const result = resultOf(outcomes, await countPendingTransactions(pool, account));
  const counts = { restored: result.restored.length, failed: result.failed.length };
  const detail = { ...counts, command_id: commandId };
  return { result, timeline: { ...whereOf(account), kind: 'sage_rules_restored', detail } };
}

function resultOf(outcomes: ReadonlyMap<string, Restored>, pending: number | null): SageRestoreResult {
  const restored: SageRestoreResult['restored'][number][] = [];
  const failed: SageRestoreResult['failed'][number][] = [];
  for (const [ruleId, outcome] of outcomes) {
    if ('newRuleId' in outcome) restored.push({ rule_id: ruleId, new_rule_id: outcome.newRuleId });
    else failed.push({ rule_id: ruleId, ...outcome });
  }
  return { restored, failed, reprocess_suggested: restored.length > 0 && pending !== 0, pending };
}

/**
 * Ends a restore that ran out of time with the outcomes in its rows: each was stored before the next rule was sent, and a
 * rule without one was not reached. Null when there is no outcome at all, or when the command is not a restore.
 */
export async function endUnfinishedRestore(
  deps: Pick<SageBankingDeps, 'pool'>,
  input: { commandId: string },
): Promise<CommandState | null> {
  const command = await readSageCommand(deps.pool, input);
  const { sage_account_id: sageAccountId, rule_ids: ruleIds } = command?.input ?? {};
  const isRestore = command?.kind === 'sage_restore_rules' && command.state === 'running';
  if (!isRestore || sageAccountId === undefined || ruleIds === undefined) return null;
  const account = await readSageAccount(deps.pool, { sageAccountId });
  if (account === null) return null;
  const rows = await listRestoredRulesSince(deps.pool, { sageAccountId, since: command.createdAt });
  const rowOf = new Map(rows.map((row) => [row.oldRuleId, row]));
  if (!ruleIds.some((ruleId) => rowOf.get(ruleId)?.isSince)) return null;
  const outcomes = new Map(
    ruleIds.map((ruleId): [string, Restored] => {
      const { newRuleId = null, reason = null, isSince = false } = rowOf.get(ruleId) ?? {};
      if (newRuleId !== null) return [ruleId, { newRuleId }];
      return [ruleId, isSince && reason !== null ? { reason } : notReached];
    }),
  );
  return await endSageCommand(deps, {
    ...input,
    ending: await restoreEnding(deps, { ...input, account, outcomes }),
  });
}
