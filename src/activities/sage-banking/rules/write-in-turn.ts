import type { SageRule } from '../../../clients/sage-banking/schemas.js';
import type { SageRuleConflict } from '../../../db/sage-banking/command-types.js';
import { isCommandSent, readLastRuleChange } from '../../../db/sage-banking/commands.js';
import { ruleEtagOf } from '../../../db/sage-banking/rule-etag.js';
import { claimRulesWriter, releaseRulesWriter } from '../../../db/sage-banking/rules-writer.js';
import {
  aboutOneRule,
  CommandRefused,
  ruleIdOf,
  superseded,
  type RuleTarget,
  type SageCommandContext,
} from '../command-context.js';

/** Longer than reading and writing a rule may take, each with its token: four requests of at most ten seconds. */
const leaseMs = 45_000;
/** Between two attempts to claim the rules of the account. */
const claimPauseMs = 250;
/** Within the time of a command; another command's claim ends before. */
const claimWithinMs = 60_000;

/**
 * Changes the rules of an account at Sage while no other command of ours does, so that a rule is not changed between the
 * check of its version and the write. A claim that ran out before the write is not relied on.
 *
 * @throws CommandRefused when others change the account's rules all the time
 */
export async function inTurn<T>(
  { deps, command, signal }: SageCommandContext,
  { account }: RuleTarget,
  work: (extend: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const claim = { sageAccountId: account.sageAccountId, commandId: command.commandId, leaseMs };
  const startedAtMs = performance.now();
  while (!(await claimRulesWriter(deps.pool, claim))) {
    if (performance.now() - startedAtMs > claimWithinMs) throw rulesBusy();
    await deps.wait(claimPauseMs, signal);
  }
  try {
    return await work(async () => {
      if (!(await claimRulesWriter(deps.pool, claim))) throw rulesBusy();
    });
  } finally {
    await releaseRulesWriter(deps.pool, claim);
  }
}

function rulesBusy(): CommandRefused {
  const message = 'Other changes of the rules of the account are under way. Nothing was changed: try again.';
  return new CommandRefused({ code: 'provider_unavailable', message });
}

/**
 * Checks that the rule is still a version that the command is based on. `isDone` says whether a rule is what the command
 * makes of it: after a lost answer that is the command's own work, and is returned instead of being sent again. Call it
 * before the command is marked as sent.
 *
 * @throws CommandRefused when it is another one: who made it so is in the problem
 */
export async function requireVersion(
  context: SageCommandContext,
  { account, call }: RuleTarget,
  isDone: (rule: SageRule) => boolean,
): Promise<SageRule | null> {
  const { if_match: wanted } = context.command.input;
  if (wanted === undefined) return null;
  const ruleId = ruleIdOf(context);
  const rule = await aboutOneRule(() => context.sage.client.getRule({ ...call, ruleId }));
  const etag = ruleEtagOf(rule);
  if (wanted.includes(etag)) return null;
  if (await isCommandSent(context.deps.pool, context.command)) {
    if (isDone(rule)) return rule;
    throw superseded();
  }
  const last = await readLastRuleChange(context.deps.pool, { ...account, ruleId });
  const isLast = last !== null && ruleEtagOf(last.rule) === etag;
  const detail: SageRuleConflict = { etag, rule, changed: isLast ? { by: last.by, at: last.at } : null };
  throw new CommandRefused({
    code: 'precondition_failed',
    message: 'The rule was changed since it was read. Nothing was changed: read it again.',
    detail: { ...detail },
  });
}
