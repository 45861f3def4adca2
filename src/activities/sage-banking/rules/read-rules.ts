import {
  aboutOneRule,
  ruleGround,
  ruleIdOf,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';

/** The account's rules by rank, as Sage has them now. */
export async function listRules(context: SageCommandContext): Promise<SageCommandEnding> {
  const { call } = await ruleGround(context);
  return { result: { rules: await context.road.client.listRules(call) } };
}

export async function getRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const { call } = await ruleGround(context);
  const ruleId = ruleIdOf(context);
  return { result: await aboutOneRule(() => context.road.client.getRule({ ...call, ruleId })) };
}
