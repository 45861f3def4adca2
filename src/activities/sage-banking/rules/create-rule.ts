import { isSageConflict } from '../../../clients/sage-banking/errors.js';
import type { SageRule, SageRuleInput } from '../../../clients/sage-banking/schemas.js';
import { markCommandSent } from '../../../db/sage-banking/commands.js';
import { isSameRule } from '../../../domain/sage-banking/rules/same-rule.js';
import {
  explainConflict,
  openRuleFixture,
  ruleOf,
  ruleEvent,
  type RuleFixture,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';

/**
 * Creates a rule. Sage knows no idempotency keys, so that the row notes the POST before it goes out: after a lost answer
 * the rule is searched for by its name, which is unique in the account, and taken for ours when it says the same
 * (contract 13).
 */
export async function createRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const fixture = await openRuleFixture(context);
  const draft = ruleOf(context);
  const { again } = await markCommandSent(context.deps.pool, context.command);
  const found = again ? await findOurs(context, fixture, draft) : null;
  const rule = found ?? (await post(context, fixture, { draft, again }));
  return { result: rule, tell: ruleEvent(context, fixture, { ...rule, kind: 'sage_rule_created' }) };
}

async function post(
  context: SageCommandContext,
  fixture: RuleFixture,
  { draft, again }: { draft: SageRuleInput; again: boolean },
): Promise<SageRule> {
  try {
    return await context.channel.client.createRule({ ...fixture.call, rule: draft });
  } catch (error) {
    if (!isSageConflict(error)) throw error;
    // An earlier POST may have arrived only now.
    const found = again ? await findOurs(context, fixture, draft) : null;
    if (found !== null) return found;
    throw await explainConflict(context, fixture);
  }
}

async function findOurs(
  { channel }: SageCommandContext,
  { call }: RuleFixture,
  draft: SageRuleInput,
): Promise<SageRule | null> {
  const rules = await channel.client.listRules(call);
  return rules.find((rule) => isSameRule(rule, draft)) ?? null;
}
