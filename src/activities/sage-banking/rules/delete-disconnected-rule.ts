import { isSageConflict, isSageNotFound } from '../../../clients/sage-banking/errors.js';
import { markCommandSent } from '../../../db/sage-banking/commands.js';
import {
  CommandRefused,
  ruleEvent,
  ruleIdOf,
  ruleNotFound,
  ruleTarget,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';

/**
 * Deletes a rule that a disconnected account has left, for good (contract 8.1). A retry after a lost answer that finds no
 * rule counts as our deletion. The account of the command only says which company it is.
 */
export async function deleteDisconnectedRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const target = await ruleTarget(context);
  const ruleId = ruleIdOf(context);
  const { again } = await markCommandSent(context.deps.pool, context.command);
  const { access, signal } = target.call;
  try {
    await context.sage.client.deleteDisconnectedRule({ access, ruleId, signal });
  } catch (error) {
    if (isSageConflict(error)) throw notDisconnected();
    if (!isSageNotFound(error)) throw error;
    if (!again) throw ruleNotFound();
  }
  return {
    result: { rule_id: ruleId, deleted: true },
    timeline: ruleEvent(context, target, { kind: 'sage_disconnected_rule_deleted', ruleId }),
  };
}

function notDisconnected(): CommandRefused {
  const message = 'The rule is of an account that is connected: delete it there.';
  return new CommandRefused({ code: 'wrong_state', message });
}
