import { readCondition, type ConditionTest } from './read-condition.js';
import type { RuleDraft, RuleTransaction } from './rule.js';
import { factsOf } from './transaction-facts.js';

export interface RankedRule extends RuleDraft {
  readonly ruleRank: number;
}

export interface RuleMatcher<Rule> {
  /** The one rule that is applied: the first by rank that matches; null when none does (contract 9.4). */
  firstMatch(transaction: RuleTransaction): Rule | null;
  /** Rules with a condition that this engine does not know. They are skipped, so a later one may match instead. */
  readonly unread: readonly Rule[];
}

/** Parses a set of rules once, to match many transactions; `timeZone` as in `readCriteriaDate`. */
export function matcherOf<Rule extends RankedRule>(
  rules: readonly Rule[],
  timeZone: string | null = null,
): RuleMatcher<Rule> {
  const readable: { rule: Rule; tests: readonly ConditionTest[] }[] = [];
  const unread: Rule[] = [];
  for (const rule of [...rules].sort((left, right) => left.ruleRank - right.ruleRank)) {
    const tests = testsOf(rule, timeZone);
    if (tests === null) unread.push(rule);
    else readable.push({ rule, tests });
  }
  return {
    firstMatch: (transaction) => {
      const facts = factsOf(transaction, timeZone);
      // All conditions must hold (contract 9.3).
      return readable.find(({ tests }) => tests.every((holds) => holds(facts)))?.rule ?? null;
    },
    unread,
  };
}

/** Null: a condition is not understood. A rule without conditions is not understood either, since it would match everything. */
function testsOf(rule: RuleDraft, timeZone: string | null): ConditionTest[] | null {
  const tests: ConditionTest[] = [];
  for (const condition of rule.ruleConditions) {
    const read = readCondition(condition, timeZone);
    if (!('holds' in read)) return null;
    tests.push(read.holds);
  }
  return tests.length === 0 ? null : tests;
}
