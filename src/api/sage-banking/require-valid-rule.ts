import { whereOf, type SageAccountRow } from '../../db/sage-banking/accounts.js';
import { writeTimeline } from '../../db/timeline.js';
import type { RuleDraft, RuleProblem } from '../../domain/sage-banking/rules/rule.js';
import {
  validateRule,
  validateRuleChanges,
  type ValidatedRule,
} from '../../domain/sage-banking/rules/validate-rule.js';
import type { ApiDeps } from '../deps.js';
import { invalid } from '../problem.js';

/** Places that a timeline row names; the answer has them all. */
const toldPlacesMax = 20;

/** A whole rule, validated before anything is sent. @throws {Problem} 422 with all that is wrong; the timeline tells */
export async function requireValidRule(
  deps: ApiDeps,
  account: SageAccountRow,
  body: unknown,
): Promise<RuleDraft> {
  return await validated(deps, account, validateRule(body));
}

/** The same for what changes of a rule. @throws {Problem} 422 */
export async function requireValidRuleChanges(
  deps: ApiDeps,
  account: SageAccountRow,
  body: unknown,
): Promise<Partial<RuleDraft>> {
  return await validated(deps, account, validateRuleChanges(body));
}

async function validated<Rule>(
  deps: ApiDeps,
  account: SageAccountRow,
  result: ValidatedRule<Rule>,
): Promise<Rule> {
  if ('rule' in result) return result.rule;
  await recordRefusedRule(deps, account, result.problems);
  throw invalid({ status: 422, code: 'invalid_rule', errors: result.problems });
}

/**
 * A row of the timeline for a rule that was refused here. Places alone: what a caller wrote there stays out of it, names
 * of unknown members too.
 */
export async function recordRefusedRule(
  deps: Pick<ApiDeps, 'pool'>,
  account: SageAccountRow,
  problems: readonly RuleProblem[],
): Promise<void> {
  const places = problems.map(({ pointer }) => pointer).filter((pointer) => knownPlace.test(pointer));
  await writeTimeline(deps.pool, {
    ...whereOf(account),
    kind: 'sage_rule_refused',
    detail: { problems: problems.length, places: places.slice(0, toldPlacesMax) },
  });
}

const knownPlace =
  /^(\/(ruleName|ruleRank|rule(Conditions|Actions|AdditionalFields)(\/\d+(\/(ruleField|ruleOperation|ruleCriteria|splitPercentage|accountantNarrative|accountsPostings|name|value)(\/\d+(\/(type|code))?)?)?)?))?$/;
