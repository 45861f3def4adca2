import { readSageCommand } from '../../../src/db/sage-banking/commands.js';
import type { SageAccountRow } from '../../../src/db/sage-banking/accounts.js';
import type { SageRestoreResult, SageRuleResult } from '../../../src/db/sage-banking/command-types.js';
import { listRestoredRules } from '../../../src/db/sage-banking/restored-rules.js';
import { isSameRule } from '../../../src/domain/sage-banking/rules/same-rule.js';
import type { Actors } from './actors.js';
import type { SageBankingFixture } from './fixture.js';

interface OneCommand {
  readonly kind: string;
  readonly sageAccountId: string;
  readonly command: NonNullable<Awaited<ReturnType<typeof readSageCommand>>>;
}

/** Sage has exactly the rules that commands created; each restored rule exists once and is unchanged. */
export async function checkRules(
  fixture: SageBankingFixture,
  actors: Actors,
  accounts: readonly SageAccountRow[],
): Promise<string[]> {
  const commands = await commandsOf(fixture, actors);
  const created = new Map<string, SageRuleResult>();
  for (const { kind, command } of commands) {
    if (kind !== 'sage_create_rule' || command.state !== 'done') continue;
    const rule = command.result as SageRuleResult;
    created.set(rule.ruleId, rule);
  }
  const found: string[] = [];
  for (const account of accounts) {
    if (account.status === 'cancelled') continue;
    const own = commands.filter(({ sageAccountId }) => sageAccountId === account.sageAccountId);
    found.push(...(await checkAccount(fixture, { account, commands: own, created })));
  }
  return found;
}

async function checkAccount(
  fixture: SageBankingFixture,
  input: {
    account: SageAccountRow;
    commands: readonly OneCommand[];
    created: ReadonlyMap<string, SageRuleResult>;
  },
): Promise<string[]> {
  const { account, commands, created } = input;
  const { rules } = (await fixture.control('GET', `/accounts/${account.bankAccountId}`)) as {
    rules: SageRuleResult[];
  };
  const found: string[] = [];
  const deleted = new Set(
    commands.filter(({ kind }) => kind === 'sage_delete_rule').map(({ command }) => command.input.rule_id),
  );
  const exists = (ruleId: string) => rules.some((rule) => rule.ruleId === ruleId);
  const restored = await listRestoredRules(fixture.pool, account);
  const newIds = restored.flatMap(({ newRuleId }) => (newRuleId === null ? [] : [newRuleId]));
  if (new Set(rules.map(({ ruleName }) => ruleName)).size < rules.length)
    found.push('an account has two rules of one name');
  for (const { oldRuleId, newRuleId } of restored) {
    if (newRuleId === null || deleted.has(newRuleId)) continue;
    const rule = rules.find(({ ruleId }) => ruleId === newRuleId);
    if (rule === undefined) found.push('a restored rule does not exist at Sage');
    const before = created.get(oldRuleId);
    if (rule !== undefined && before !== undefined && !isSameRule(rule, before))
      found.push('a restored rule differs from the original');
  }
  for (const { command, kind } of commands) {
    if (kind === 'sage_create_rule' && command.state === 'done') {
      const { ruleId } = command.result as SageRuleResult;
      if (!exists(ruleId) && !deleted.has(ruleId))
        found.push('a rule that was created does not exist at Sage');
    }
    if (kind === 'sage_restore_rules' && command.state === 'done') {
      const result = command.result as SageRestoreResult;
      for (const { new_rule_id: ruleId } of result.restored)
        if (!exists(ruleId) && !deleted.has(ruleId))
          found.push('a rule that was restored does not exist at Sage');
    }
  }
  const hasFailedCommand = commands.some(({ command }) => command.state === 'failed');
  const explained = new Set([...newIds, ...created.keys()]);
  // A command that failed because its answer was late may have taken effect.
  if (!hasFailedCommand && rules.some(({ ruleId }) => !explained.has(ruleId)))
    found.push('Sage has a rule that no command created');
  return found;
}

async function commandsOf({ pool }: SageBankingFixture, actors: Actors): Promise<OneCommand[]> {
  const { rows } = await pool.query<{ commandId: string }>(
    `SELECT command_id AS "commandId" FROM commands WHERE customer_id = ANY ($1) ORDER BY created_at`,
    [actors.customers.map(({ customerId }) => customerId)],
  );
  const read = await Promise.all(rows.map(({ commandId }) => readSageCommand(pool, { commandId })));
  return read.flatMap((command) =>
    command?.input.sage_account_id === undefined
      ? []
      : [{ kind: command.kind, sageAccountId: command.input.sage_account_id, command }],
  );
}
