import { isSageConflict, isSageNotFound } from '../../../clients/sage-banking/errors.js';
import { forgetRestoredRule } from '../../../db/sage-banking/restored-rules.js';
import {
  isCancelledAtSage,
  markRuleWrite,
  openRuleGround,
  ruleIdOf,
  ruleNotFound,
  ruleTold,
  wrongState,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';

/** Deletes a rule for good. One that is gone after a lost answer was deleted by us. */
export async function deleteRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const ground = await openRuleGround(context);
  const ruleId = ruleIdOf(context);
  const { sageAccountId } = ground.account;
  const { again } = await markRuleWrite(context, { sageAccountId, ruleId });
  try {
    await context.road.client.deleteRule({ ...ground.call, ruleId });
  } catch (error) {
    if (isSageConflict(error) && (await isCancelledAtSage(context, ground.call))) throw wrongState();
    if (!isSageNotFound(error)) throw error;
    if (!again) throw ruleNotFound();
  }
  return {
    result: { rule_id: ruleId, deleted: true },
    tell: ruleTold(context, ground, { kind: 'sage_rule_deleted', ruleId }),
    also: (db) => forgetRestoredRule(db, { sageAccountId, newRuleId: ruleId }),
  };
}
