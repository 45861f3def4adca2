import { isSageConflict, isSageNotFound } from '../../../clients/sage-banking/errors.js';
import { forgetRestoredRule } from '../../../db/sage-banking/restored-rules.js';
import {
  isCancelledAtSage,
  markRuleWrite,
  openRuleFixture,
  ruleIdOf,
  ruleNotFound,
  ruleEvent,
  wrongState,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';

/** Deletes a rule for good. One that is gone after a lost answer was deleted by us. */
export async function deleteRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const fixture = await openRuleFixture(context);
  const ruleId = ruleIdOf(context);
  const { sageAccountId } = fixture.account;
  const { again } = await markRuleWrite(context, { sageAccountId, ruleId });
  try {
    await context.channel.client.deleteRule({ ...fixture.call, ruleId });
  } catch (error) {
    if (isSageConflict(error) && (await isCancelledAtSage(context, fixture.call))) throw wrongState();
    if (!isSageNotFound(error)) throw error;
    if (!again) throw ruleNotFound();
  }
  return {
    result: { rule_id: ruleId, deleted: true },
    tell: ruleEvent(context, fixture, { kind: 'sage_rule_deleted', ruleId }),
    also: (db) => forgetRestoredRule(db, { sageAccountId, newRuleId: ruleId }),
  };
}
