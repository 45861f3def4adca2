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

/** JSON pointers that a timeline entry lists; the answer lists all of them. */
const recordedPointersMax = 20;

/** A whole rule, validated before anything is sent. @throws {Problem} 422 with every finding, which is also recorded on the timeline */
export async function requireValidRule(
  deps: ApiDeps,
  account: SageAccountRow,
  body: unknown,
): Promise<RuleDraft> {
  return await validated(deps, account, validateRule(body));
}

/** The same for the changed members of a rule. @throws {Problem} 422 */
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
 * Records on the timeline that a rule was refused here. Only JSON pointers to known members are stored: never values, nor
 * names of unknown members, since a caller wrote them.
 */
export async function recordRefusedRule(
  deps: Pick<ApiDeps, 'pool'>,
  account: SageAccountRow,
  problems: readonly RuleProblem[],
): Promise<void> {
  const pointers = problems.map(({ pointer }) => pointer).filter((pointer) => knownPointer.test(pointer));
  await writeTimeline(deps.pool, {
    ...whereOf(account),
    kind: 'sage_rule_refused',
    detail: { problems: problems.length, pointers: pointers.slice(0, recordedPointersMax) },
  });
}

const knownPointer =
  /^(\/(ruleName|ruleRank|rule(Conditions|Actions|AdditionalFields)(\/\d+(\/(ruleField|ruleOperation|ruleCriteria|splitPercentage|accountantNarrative|accountsPostings|name|value)(\/\d+(\/(type|code))?)?)?)?))?$/;
