import type { RuleDraft } from './rule.js';

/** Whether two rules of one name are equivalent: same conditions, actions and further fields; rank may differ. */
export function isSameRule(left: RuleDraft, right: RuleDraft): boolean {
  return JSON.stringify(contentOf(left)) === JSON.stringify(contentOf(right));
}

function contentOf(rule: RuleDraft): unknown {
  return [
    rule.ruleName,
    rule.ruleConditions.map(({ ruleField, ruleOperation, ruleCriteria }) => [
      ruleField,
      ruleOperation,
      ruleCriteria,
    ]),
    rule.ruleActions.map(({ splitPercentage, accountantNarrative, accountsPostings }) => [
      splitPercentage,
      accountantNarrative ?? null,
      accountsPostings.map(({ type, code }) => [type, code]),
    ]),
    (rule.ruleAdditionalFields ?? []).map(({ name, value }) => [name, value]),
  ];
}
