import { isSageConflict } from '../../../clients/sage-banking/errors.js';
import type { SageRule, SageRuleInput } from '../../../clients/sage-banking/schemas.js';
import { markCommandPosted } from '../../../db/sage-banking/commands.js';
import { isSameRule } from '../../../domain/sage-banking/rules/same-rule.js';
import {
  explainConflict,
  openRuleGround,
  ruleOf,
  ruleTold,
  type RuleGround,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';

/**
 * Creates a rule. Sage knows no idempotency keys, so that the row notes the POST before it goes out: after a lost answer
 * the rule is looked for by its name, which is unique in the account, and taken for ours when it says the same
 * (contract 13).
 */
export async function createRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const ground = await openRuleGround(context);
  const draft = ruleOf(context);
  const { again } = await markCommandPosted(context.deps.pool, context.command);
  const found = again ? await findOurs(context, ground, draft) : null;
  const rule = found ?? (await post(context, ground, { draft, again }));
  return { result: rule, tell: ruleTold(context, ground, { ...rule, kind: 'sage_rule_created' }) };
}

async function post(
  context: SageCommandContext,
  ground: RuleGround,
  { draft, again }: { draft: SageRuleInput; again: boolean },
): Promise<SageRule> {
  try {
    return await context.road.client.createRule({ ...ground.call, rule: draft });
  } catch (error) {
    if (!isSageConflict(error)) throw error;
    // An earlier POST may have arrived only now.
    const found = again ? await findOurs(context, ground, draft) : null;
    if (found !== null) return found;
    throw await explainConflict(context, ground);
  }
}

async function findOurs(
  { road }: SageCommandContext,
  { call }: RuleGround,
  draft: SageRuleInput,
): Promise<SageRule | null> {
  const rules = await road.client.listRules(call);
  return rules.find((rule) => isSameRule(rule, draft)) ?? null;
}
