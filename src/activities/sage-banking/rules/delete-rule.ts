import { isSageConflict, isSageNotFound } from '../../../clients/sage-banking/errors.js';
import { forgetRestoredRule } from '../../../db/sage-banking/restored-rules.js';
import {
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

/** Deletes a rule. A retry after a lost answer that finds no rule counts as our deletion. */
export async function deleteRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const target = await changeableRuleTarget(context);
  const ruleId = ruleIdOf(context);
  const { sageAccountId } = target.account;
  const { again } = await markRuleWrite(context, { sageAccountId, ruleId });
  try {
    await context.sage.client.deleteRule({ ...target.call, ruleId });
  } catch (error) {
    if (isSageConflict(error) && (await isCancelledAtSage(context, target.call))) throw wrongState();
    if (!isSageNotFound(error)) throw error;
    if (!again) throw ruleNotFound();
  }
  return {
    result: { rule_id: ruleId, deleted: true },
    timeline: ruleEvent(context, target, { kind: 'sage_rule_deleted', ruleId }),
    also: (db) => forgetRestoredRule(db, { sageAccountId, newRuleId: ruleId }),
  };
}
