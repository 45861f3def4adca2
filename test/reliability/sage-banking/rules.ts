import { insertCommand } from '../../../src/db/commands.js';
import { readSageCommand } from '../../../src/db/sage-banking/commands.js';
import type { SageCommandKind } from '../../../src/db/sage-banking/command-types.js';
import { randomUUID } from 'node:crypto';
import type { SageAccountRow } from '../../../src/db/sage-banking/accounts.js';
import type {
  SageCommandInput,
  SageRestorableRulesResult,
} from '../../../src/db/sage-banking/command-types.js';
import { validateRule } from '../../../src/domain/sage-banking/rules/validate-rule.js';
import { pick } from './actors.js';
import type { SageBankingFixture } from './fixture.js';
import type { PlannedRule } from './plan.js';

/* What customers do about the rules of an account: each is a command, as the routes make it. */

/** Time within which a command usually has its result. */
export const commandAwaitedMs = 5_000;

export async function createRule(
  fixture: SageBankingFixture,
  account: SageAccountRow,
  { name, criteria, rank }: PlannedRule,
): Promise<void> {
  const checked = validateRule({
    ruleName: name,
    ...(rank === null ? {} : { ruleRank: rank }),
    ruleConditions: [
      { ruleField: 'transactionNarrative', ruleOperation: 'contains', ruleCriteria: criteria },
    ],
    ruleActions: [{ splitPercentage: 100, accountsPostings: [{ type: 'ledger', code: '5000' }] }],
  });
  if (!('rule' in checked)) throw new Error(JSON.stringify(checked.problems));
  await command(fixture, account, 'sage_create_rule', { rule: checked.rule });
}

export async function deleteRule(
  fixture: SageBankingFixture,
  account: SageAccountRow,
  index: number,
): Promise<void> {
  const { rules } = (await fixture.control('GET', `/accounts/${account.bankAccountId}`)) as {
    rules: { ruleId: string }[];
  };
  const rule = pick(rules, index);
  if (rule !== undefined) await command(fixture, account, 'sage_delete_rule', { rule_id: rule.ruleId });
}

/** Restores all restorable rules, possibly by two commands at the same time. */
export async function restoreRules(
  fixture: SageBankingFixture,
  account: SageAccountRow,
  times: number,
): Promise<void> {
  const listing = await command(fixture, account, 'sage_list_restorable_rules', {});
  await fixture.sleep(commandAwaitedMs);
  const listed = await readSageCommand(fixture.pool, listing);
  if (listed?.state !== 'done') return;
  const { rules } = listed.result as SageRestorableRulesResult;
  const rule_ids = rules.map(({ ruleId }) => ruleId);
  if (rule_ids.length === 0) return;
  for (let n = 0; n < times; n += 1) await command(fixture, account, 'sage_restore_rules', { rule_ids });
}

async function command(
  { pool, facade }: SageBankingFixture,
  { customerId, sageAccountId }: SageAccountRow,
  kind: SageCommandKind,
  input: SageCommandInput,
): Promise<{ commandId: string }> {
  const commandId = randomUUID();
  const order = { ...input, sage_account_id: sageAccountId };
  await insertCommand(pool, { commandId, customerId, kind, input: order, secretSealed: null });
  await facade.runCommand({ commandId, channel: 'sage-banking' });
  return { commandId };
}
