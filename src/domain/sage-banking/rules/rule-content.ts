import type { RuleDraft } from './rule.js';

/** Members that say when a rule was made or changed: they change without the rule. */
const timeMembers: ReadonlySet<string> = new Set(['created', 'modified']);

/**
 * All that a rule says, members unknown here included, as one text: the same for the same content, in whatever order its
 * members come.
 */
export function ruleContentText(rule: object): string {
  return JSON.stringify(rule, (name, value: unknown) => {
    if (timeMembers.has(name)) return undefined;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}

/** A part of a rule that people change. */
export type RulePart = 'name' | 'conditions' | 'actions';

/** The parts in which two versions of a rule differ. */
export function changedRuleParts(before: RuleDraft, after: RuleDraft): RulePart[] {
  const isOther = (one: unknown, other: unknown) =>
    ruleContentText({ one }) !== ruleContentText({ one: other });
  return [
    ...(before.ruleName === after.ruleName ? [] : (['name'] as const)),
    ...(isOther(before.ruleConditions, after.ruleConditions) ? (['conditions'] as const) : []),
    ...(isOther(actionsOf(before), actionsOf(after)) ? (['actions'] as const) : []),
  ];
}

/** Sage answers null for a narrative that was not sent. */
function actionsOf({ ruleActions }: RuleDraft): unknown {
  return ruleActions.map((action) => ({
    ...action,
    accountantNarrative: action.accountantNarrative ?? null,
  }));
}
