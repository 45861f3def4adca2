import { limits } from '../../domain/limits.js';
import type { RuleFieldMeaning } from '../../domain/sage-banking/rules/rule-fields.js';
import { meaningOfField } from '../../domain/sage-banking/rules/rule-fields.js';
import { lastSplitPercentage, ruleLimits } from '../../domain/sage-banking/rules/rule-assumptions.js';
import { textProblem } from '../../domain/text.js';
import type { SageTexts } from './texts.js';
import { labelOf } from './label-of.js';
import type { ConditionState, RuleFormState } from './rule-form-state.js';
import { percentagePattern } from './rule-form-state.js';

/*
 * The problem of an entry of the rule form in the language of the page. The validation of rules names members and
 * operations as Sage does, which no page shows: it gives the position, and the typed value gives the reason.
 */

const conditionPointer = /^\/ruleConditions\/(\d+)(?:\/(ruleField|ruleOperation|ruleCriteria))?$/;
const splitPointer = /^\/ruleActions\/(\d+)\/splitPercentage$/;
const narrativePointer = /^\/ruleActions\/(\d+)\/accountantNarrative$/;
const postingPointer = /^\/ruleActions\/(\d+)\/accountsPostings\/(\d+)\/(type|code)$/;

/** What to change at `pointer`. */
export function ruleProblemText({ sage }: SageTexts, state: RuleFormState, pointer: string): string {
  const texts = sage.ruleForm.problems;
  const [, condition, member] = conditionPointer.exec(pointer) ?? [];
  const [, split] = splitPointer.exec(pointer) ?? [];
  const [, narrated] = narrativePointer.exec(pointer) ?? [];
  const [, action, posting, postingMember] = postingPointer.exec(pointer) ?? [];
  if (pointer === '/ruleName') return textEntryProblem(texts, state.name, limits.nameLengthMax);
  if (pointer === '/ruleConditions') return texts.conditionCount(String(ruleLimits.conditionsMax));
  if (pointer === '/ruleActions') return texts.actionCount(String(ruleLimits.actionsMax));
  if (/^\/ruleActions\/\d+\/accountsPostings$/.test(pointer)) return texts.postingCount;
  const found = state.conditions[Number(condition)];
  if (found !== undefined) return conditionProblem(sage.ruleForm, found, member);
  if (split !== undefined) return splitProblem(texts, state, Number(split));
  if (narrated !== undefined) {
    return textEntryProblem(texts, state.actions[Number(narrated)]?.narrative, limits.textLengthMax);
  }
  const typed = state.actions[Number(action)]?.postings[Number(posting)];
  if (typed === undefined) return texts.other;
  return textEntryProblem(texts, postingMember === 'type' ? typed.type : typed.code, limits.textLengthMax);
}

type FormTexts = SageTexts['sage']['ruleForm'];

function textEntryProblem(
  texts: FormTexts['problems'],
  typed: string | undefined,
  lengthMax: number,
): string {
  switch (textProblem(typed, lengthMax)) {
    case 'too_long':
      return texts.tooLong(String(lengthMax));
    case 'forbidden_character':
      return texts.forbidden;
    case 'empty':
      return texts.empty;
    default:
      return texts.other;
  }
}

function conditionProblem(
  { fields, operations, problems: texts }: FormTexts,
  { field, operation, criteria }: ConditionState,
  member: string | undefined,
): string {
  const meaning = meaningOfField(field);
  if (member === 'ruleField' || meaning === null) return texts.field;
  if (member === 'ruleOperation') {
    if (meaning.type === 'date' && operation === 'eq') return texts.oneDay(operations.ge, operations.lt);
    const allowed = meaning.operations.map((one) => labelOf(operations, one));
    return texts.operation(labelOf(fields, field), allowed);
  }
  const wording = textProblem(criteria, limits.textLengthMax);
  return wording === null
    ? criteriaProblem(texts, meaning)
    : textEntryProblem(texts, criteria, limits.textLengthMax);
}

function criteriaProblem(texts: FormTexts['problems'], { type }: RuleFieldMeaning): string {
  return type === 'text' ? texts.other : texts.criteria[type];
}

function splitProblem(texts: FormTexts['problems'], { actions }: RuleFormState, index: number): string {
  const typed = actions[index]?.percentage ?? '';
  if (!percentagePattern.test(typed)) return texts.percentage;
  const percentage = Number(typed);
  const isLast = index === actions.length - 1;
  if (isLast) return texts.lastPercentage;
  if (percentage === lastSplitPercentage) return texts.earlierPercentage;
  return percentage > 0 && percentage < lastSplitPercentage
    ? texts.percentageDecimals
    : texts.percentageRange;
}
