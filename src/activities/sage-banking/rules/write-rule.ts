import { isSageConflict } from '../../../clients/sage-banking/errors.js';
import type { SageRule } from '../../../clients/sage-banking/schemas.js';
import {
  aboutOneRule,
  explainConflict,
  markRuleWrite,
  changeableRuleTarget,
  ruleChangesOf,
  ruleIdOf,
  ruleOf,
  ruleEvent,
  type RuleTarget,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';

/** Replaces a whole rule; without a rank it keeps its own (contract 8). */
export async function replaceRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const rule = ruleOf(context);
  return await write(context, 'sage_rule_replaced', ({ call }, ruleId) =>
    context.sage.client.replaceRule({ ...call, ruleId, rule }),
  );
}

/** Changes the given fields, its rank for instance; a list replaces the list. */
export async function amendRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const changes = ruleChangesOf(context);
  return await write(context, 'sage_rule_amended', ({ call }, ruleId) =>
    context.sage.client.amendRule({ ...call, ruleId, changes }),
  );
}

async function write(
  context: SageCommandContext,
  kind: string,
  send: (target: RuleTarget, ruleId: string) => Promise<SageRule>,
): Promise<SageCommandEnding> {
  const target = await changeableRuleTarget(context);
  const ruleId = ruleIdOf(context);
  await markRuleWrite(context, { ...target.account, ruleId });
  try {
    const rule = await aboutOneRule(() => send(target, ruleId));
    return { result: rule, timeline: ruleEvent(context, target, { ...rule, kind }) };
  } catch (error) {
    throw isSageConflict(error) ? await explainConflict(context, target) : error;
  }
}
