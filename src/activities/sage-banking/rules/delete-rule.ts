import { isSageConflict, isSageNotFound } from '../../../clients/sage-banking/errors.js';
import { isCommandSent } from '../../../db/sage-banking/commands.js';
import { forgetRestoredRule } from '../../../db/sage-banking/restored-rules.js';
import {
  CommandRefused,
  isCancelledAtSage,
  markRuleWrite,
  changeableRuleTarget,
  ruleIdOf,
  ruleNotFound,
  ruleEvent,
  wrongState,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';
import { inTurn, requireVersion } from './write-in-turn.js';

/** Deletes a rule. A retry after a lost answer that finds no rule counts as our deletion. */
export async function deleteRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const target = await changeableRuleTarget(context);
  const ruleId = ruleIdOf(context);
  const { sageAccountId } = target.account;
  await inTurn(context, target, async (extend) => {
    // Before it is marked below: whether an earlier attempt was sent.
    const again = await isCommandSent(context.deps.pool, context.command);
    try {
      await requireVersion(context, target, () => false);
      await extend();
      await markRuleWrite(context, { sageAccountId, ruleId });
      await context.sage.client.deleteRule({ ...target.call, ruleId });
    } catch (error) {
      if (isSageConflict(error) && (await isCancelledAtSage(context, target.call))) throw wrongState();
      if (!isRuleGone(error)) throw error;
      if (!again) throw ruleNotFound();
    }
  });
  return {
    result: { rule_id: ruleId, deleted: true },
    timeline: ruleEvent(context, target, { kind: 'sage_rule_deleted', ruleId }),
    also: (db) => forgetRestoredRule(db, { sageAccountId, newRuleId: ruleId }),
  };
}

/** By Sage's answer to the deletion, or to the reading of the rule before it. */
function isRuleGone(error: unknown): boolean {
  return (
    isSageNotFound(error) || (error instanceof CommandRefused && error.problem.code === 'rule_not_found')
  );
}
