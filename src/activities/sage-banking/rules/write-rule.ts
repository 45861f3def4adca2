import { isSageConflict } from '../../../clients/sage-banking/errors.js';
import type { SageRule } from '../../../clients/sage-banking/schemas.js';
import {
  aboutOneRule,
  explainConflict,
  markRuleWrite,
  openRuleFixture,
  ruleChangesOf,
  ruleIdOf,
  ruleOf,
  ruleEvent,
  type RuleFixture,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';

/** Replaces a rule by another whole one; without a rank it keeps its own (contract 8). */
export async function replaceRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const rule = ruleOf(context);
  return await write(context, 'sage_rule_replaced', ({ call }, ruleId) =>
    context.channel.client.replaceRule({ ...call, ruleId, rule }),
  );
}

/** Changes what is named, its rank for instance; a list replaces the list. */
export async function amendRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const changes = ruleChangesOf(context);
  return await write(context, 'sage_rule_amended', ({ call }, ruleId) =>
    context.channel.client.amendRule({ ...call, ruleId, changes }),
  );
}

async function write(
  context: SageCommandContext,
  kind: string,
  send: (fixture: RuleFixture, ruleId: string) => Promise<SageRule>,
): Promise<SageCommandEnding> {
  const fixture = await openRuleFixture(context);
  const ruleId = ruleIdOf(context);
  await markRuleWrite(context, { ...fixture.account, ruleId });
  try {
    const rule = await aboutOneRule(() => send(fixture, ruleId));
    return { result: rule, tell: ruleEvent(context, fixture, { ...rule, kind }) };
  } catch (error) {
    throw isSageConflict(error) ? await explainConflict(context, fixture) : error;
  }
}
