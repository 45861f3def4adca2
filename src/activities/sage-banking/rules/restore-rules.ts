import { SageRefused } from '../../../clients/sage-banking/errors.js';
import { sageRuleInputSchema, type SageRule } from '../../../clients/sage-banking/schemas.js';
import {
  forgetRestoredRule,
  listRestoredRules,
  recordRestoredRule,
} from '../../../db/sage-banking/restored-rules.js';
import { isSameRule } from '../../../domain/sage-banking/rules/same-rule.js';
import { Obsolete } from '../../failures.js';
import { restoreEnding, type Restored } from './end-restore.js';
import { readDisconnectedRules } from './list-restorable-rules.js';
import {
  isCancelledAtSage,
  changeableRuleTarget,
  wrongState,
  type RuleTarget,
  type SageCommandContext,
  type SageCommandEnding,
} from '../command-context.js';

const notRestorable = 'Sage lists no rule of a disconnected account under this id.';
const nameTaken = 'Another rule of this account has the name and does something else: rename one of them.';

/** The outcome for one chosen rule. */
type Outcome = { readonly newRule: SageRule } | { readonly reason: string };

/**
 * Creates chosen rules of disconnected accounts again on this one, in the order of their ranks, each with its rank
 * (contract 8.1). Each outcome is stored in its row before the next rule is sent. A repeat restores nothing twice: a row with
 * a new rule that exists is the outcome, and after a lost answer the rule is found by its name, which is unique in an
 * account, and its content.
 */
export async function restoreRules(context: SageCommandContext): Promise<SageCommandEnding> {
  const { deps, command } = context;
  const target = await changeableRuleTarget(context);
  if (command.input.rule_ids === undefined) throw new Obsolete('the command has no rules');
  const outcomes = await restoreAll(context, target, command.input.rule_ids);
  return await restoreEnding(deps, { ...command, account: target.account, outcomes });
}

async function restoreAll(
  context: SageCommandContext,
  target: RuleTarget,
  ruleIds: readonly string[],
): Promise<Map<string, Restored>> {
  const { deps, sage, signal } = context;
  const { sageAccountId } = target.account;
  const wanted = new Set(ruleIds);
  const outcomes = new Map<string, Restored>();
  // Read before Sage's list: then a rule that the list lacks was deleted, and is not just being created.
  const rows = await listRestoredRules(deps.pool, { sageAccountId });
  const disconnected = await readDisconnectedRules(context, target);
  let present = await sage.client.listRules(target.call);
  for (const { oldRuleId, newRuleId } of rows) {
    if (newRuleId === null || !wanted.has(oldRuleId)) continue;
    if (present.some(({ ruleId }) => ruleId === newRuleId)) outcomes.set(oldRuleId, { newRuleId });
    else await forgetRestoredRule(deps.pool, { sageAccountId, newRuleId });
  }
  let behindRank = 0;
  for (const { rule } of disconnected) {
    if (!wanted.has(rule.ruleId)) continue;
    signal.throwIfAborted();
    const known = outcomes.get(rule.ruleId);
    if (known !== undefined && 'newRuleId' in known) {
      behindRank = present.find(({ ruleId }) => ruleId === known.newRuleId)?.ruleRank ?? behindRank;
      continue;
    }
    const outcome = await restoreOne(context, target, { rule, present, behindRank });
    const restored = 'newRule' in outcome ? { newRuleId: outcome.newRule.ruleId } : outcome;
    await recordRestoredRule(deps.pool, {
      sageAccountId,
      oldRuleId: rule.ruleId,
      newRuleId: null,
      reason: null,
      ...restored,
    });
    outcomes.set(rule.ruleId, restored);
    if (!('newRule' in outcome)) continue;
    behindRank = outcome.newRule.ruleRank;
    present = withRule(present, outcome.newRule);
  }
  for (const ruleId of wanted) if (!outcomes.has(ruleId)) outcomes.set(ruleId, { reason: notRestorable });
  return outcomes;
}

/** The existing rules with one more: those of its rank or a lower one move down (contract 9.4). */
function withRule(present: readonly SageRule[], added: SageRule): SageRule[] {
  const others = present.filter(({ ruleId }) => ruleId !== added.ruleId);
  if (others.length < present.length) return [...present];
  const moved = others.map((rule) =>
    rule.ruleRank >= added.ruleRank ? { ...rule, ruleRank: rule.ruleRank + 1 } : rule,
  );
  return [...moved, added];
}

/** With its own rank, but never before a rule restored earlier: rules of several accounts share ranks. */
async function restoreOne(
  context: SageCommandContext,
  target: RuleTarget,
  input: { rule: SageRule; present: readonly SageRule[]; behindRank: number },
): Promise<Outcome> {
  const { rule, present, behindRank } = input;
  const namesake = present.find(({ ruleName }) => ruleName === rule.ruleName);
  if (namesake !== undefined) return sameOrTaken(namesake, rule);
  const ruleRank = Math.max(rule.ruleRank, behindRank + 1);
  try {
    const draft = sageRuleInputSchema.parse({ ...rule, ruleRank });
    return { newRule: await context.sage.client.createRule({ ...target.call, rule: draft }) };
  } catch (error) {
    if (!(error instanceof SageRefused)) throw error;
    return await explainRefusal(context, target, { rule, error });
  }
}

function sameOrTaken(namesake: SageRule, rule: SageRule): Outcome {
  return isSameRule(namesake, rule) ? { newRule: namesake } : { reason: nameTaken };
}

/** @throws CommandRefused when the account was cancelled meanwhile: no further rule can be restored to it */
async function explainRefusal(
  context: SageCommandContext,
  { call }: RuleTarget,
  { rule, error }: { rule: SageRule; error: SageRefused },
): Promise<Outcome> {
  if (error.httpStatus !== 409) {
    return { reason: `Sage refuses the rule: ${error.errorMessage ?? error.message}` };
  }
  if (await isCancelledAtSage(context, call)) throw wrongState();
  const namesake = (await context.sage.client.listRules(call)).find(
    ({ ruleName }) => ruleName === rule.ruleName,
  );
  return namesake === undefined ? { reason: nameTaken } : sameOrTaken(namesake, rule);
}
