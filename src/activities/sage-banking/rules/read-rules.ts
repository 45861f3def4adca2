import {
  aboutOneRule,
  ruleFixture,
  ruleIdOf,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';

/** The account's rules by rank, as Sage has them now. */
export async function listRules(context: SageCommandContext): Promise<SageCommandEnding> {
  const { call } = await ruleFixture(context);
  return { result: { rules: await context.channel.client.listRules(call) } };
}

export async function getRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const { call } = await ruleFixture(context);
  const ruleId = ruleIdOf(context);
  return { result: await aboutOneRule(() => context.channel.client.getRule({ ...call, ruleId })) };
}
