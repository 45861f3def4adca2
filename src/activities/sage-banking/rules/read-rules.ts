import {
  aboutOneRule,
  ruleTarget,
  ruleIdOf,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';

/** The account's rules by rank, as Sage has them now. */
export async function listRules(context: SageCommandContext): Promise<SageCommandEnding> {
  const { call } = await ruleTarget(context);
  return { result: { rules: await context.sage.client.listRules(call) } };
}

export async function getRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const { call } = await ruleTarget(context);
  const ruleId = ruleIdOf(context);
  return { result: await aboutOneRule(() => context.sage.client.getRule({ ...call, ruleId })) };
}
