import { isSageConflict } from '../../../clients/sage-banking/errors.js';
import type { SageRule, SageRuleInput } from '../../../clients/sage-banking/schemas.js';
import { isSameRule } from '../../../domain/sage-banking/rules/same-rule.js';
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
import { inTurn, requireVersion } from './write-in-turn.js';

/** Replaces a whole rule; without a rank it keeps its own (contract 8). */
export async function replaceRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const rule = ruleOf(context);
  return await write(context, {
    kind: 'sage_rule_replaced',
    wanted: rule,
    send: ({ call }, ruleId) => context.sage.client.replaceRule({ ...call, ruleId, rule }),
  });
}

/** Changes the given fields, its rank for instance; a list replaces the list. */
export async function amendRule(context: SageCommandContext): Promise<SageCommandEnding> {
  const changes = ruleChangesOf(context);
  return await write(context, {
    kind: 'sage_rule_amended',
    wanted: changes,
    send: ({ call }, ruleId) => context.sage.client.amendRule({ ...call, ruleId, changes }),
  });
}

interface RuleWrite {
  readonly kind: string;
  /** What the rule is to be: the given members. */
  readonly wanted: Partial<SageRuleInput>;
  readonly send: (target: RuleTarget, ruleId: string) => Promise<SageRule>;
}

async function write(
  context: SageCommandContext,
  { kind, wanted, send }: RuleWrite,
): Promise<SageCommandEnding> {
  const target = await changeableRuleTarget(context);
  const ruleId = ruleIdOf(context);
  const rule = await inTurn(context, target, async (extend) => {
    const done = await requireVersion(context, target, (current) => isWhatIsWanted(current, wanted));
    if (done !== null) return done;
    await extend();
    await markRuleWrite(context, { ...target.account, ruleId });
    try {
      return await aboutOneRule(() => send(target, ruleId));
    } catch (error) {
      throw isSageConflict(error) ? await explainConflict(context, target) : error;
    }
  });
  return { result: rule, timeline: ruleEvent(context, target, { ...rule, kind }) };
}

function isWhatIsWanted(rule: SageRule, wanted: Partial<SageRuleInput>): boolean {
  const isRank = wanted.ruleRank == null || wanted.ruleRank === rule.ruleRank;
  return isRank && isSameRule(rule, { ...rule, ...wanted });
}
