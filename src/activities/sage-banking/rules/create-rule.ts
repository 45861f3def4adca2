import { isSageConflict } from '../../../clients/sage-banking/errors.js';
import type { SageRule, SageRuleInput } from '../../../clients/sage-banking/schemas.js';
import { markCommandSent } from '../../../db/sage-banking/commands.js';
import { isSameRule } from '../../../domain/sage-banking/rules/same-rule.js';
import {
  explainConflict,
  changeableRuleTarget,
  ruleOf,
  ruleEvent,
  type RuleTarget,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';

/**
 * Creates a rule. Sage has no idempotency keys, so the POST is marked in the row before it is sent: after a lost answer the
 * rule is looked up by its name, which is unique in the account, and is ours when its content is the same (contract 13).
 */
export async function createRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const target = await changeableRuleTarget(context);
  const draft = ruleOf(context);
  const { again } = await markCommandSent(context.deps.pool, context.command);
  const found = again ? await findOurs(context, target, draft) : null;
  const rule = found ?? (await post(context, target, { draft, again }));
  return { result: rule, timeline: ruleEvent(context, target, { ...rule, kind: 'sage_rule_created' }) };
}

async function post(
  context: SageCommandContext,
  target: RuleTarget,
  { draft, again }: { draft: SageRuleInput; again: boolean },
): Promise<SageRule> {
  try {
    return await context.sage.client.createRule({ ...target.call, rule: draft });
  } catch (error) {
    if (!isSageConflict(error)) throw error;
    // An earlier POST may have arrived only now.
    const found = again ? await findOurs(context, target, draft) : null;
    if (found !== null) return found;
    throw await explainConflict(context, target);
  }
}

async function findOurs(
  { sage }: SageCommandContext,
  { call }: RuleTarget,
  draft: SageRuleInput,
): Promise<SageRule | null> {
  const rules = await sage.client.listRules(call);
  return rules.find((rule) => isSameRule(rule, draft)) ?? null;
}
