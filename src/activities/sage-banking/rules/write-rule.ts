import { isSageConflict } from '../../../clients/sage-banking/errors.js';
import type { SageRule } from '../../../clients/sage-banking/schemas.js';
import {
  aboutOneRule,
  explainConflict,
  markRuleWrite,
  openRuleGround,
  ruleChangesOf,
  ruleIdOf,
  ruleOf,
  ruleTold,
  type RuleGround,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';

/** Replaces a rule by another whole one; without a rank it keeps its own (contract 8). */
export async function replaceRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const rule = ruleOf(context);
  return await write(context, 'sage_rule_replaced', ({ call }, ruleId) =>
    context.road.client.replaceRule({ ...call, ruleId, rule }),
  );
}

/** Changes what is named, its rank for instance; a list replaces the list. */
export async function amendRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const changes = ruleChangesOf(context);
  return await write(context, 'sage_rule_amended', ({ call }, ruleId) =>
    context.road.client.amendRule({ ...call, ruleId, changes }),
  );
}

async function write(
  context: SageCommandContext,
  kind: string,
  send: (ground: RuleGround, ruleId: string) => Promise<SageRule>,
): Promise<SageCommandEnding> {
  const ground = await openRuleGround(context);
  const ruleId = ruleIdOf(context);
  await markRuleWrite(context, { ...ground.account, ruleId });
  try {
    const rule = await aboutOneRule(() => send(ground, ruleId));
    return { result: rule, tell: ruleTold(context, ground, { ...rule, kind }) };
  } catch (error) {
    throw isSageConflict(error) ? await explainConflict(context, ground) : error;
  }
}
