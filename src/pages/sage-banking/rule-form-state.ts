import type { Request } from 'express';
import { ruleLimits } from '../../domain/sage-banking/rules/rule-assumptions.js';
import type { RuleDraft } from '../../domain/sage-banking/rules/rule.js';
import { readField, readFields } from '../form.js';
import type { SageTexts } from './texts.js';

/** A rule as typed in the form: all values are text, valid or not. */
export interface RuleFormState {
  readonly name: string;
  readonly conditions: readonly ConditionState[];
  readonly actions: readonly ActionState[];
}
export interface ConditionState {
  readonly field: string;
  readonly operation: string;
  readonly criteria: string;
}
export interface ActionState {
  readonly percentage: string;
  readonly narrative: string;
  readonly postings: readonly PostingState[];
}
export interface PostingState {
  readonly type: string;
  readonly code: string;
}

/** The action of a button of the form. A row is added at the end and removed anywhere. */
export type RuleFormStep =
  | { readonly kind: 'save' | 'dry_run' | 'add_condition' | 'add_action' }
  | { readonly kind: 'remove_condition' | 'remove_action' | 'add_posting'; readonly index: number }
  | { readonly kind: 'remove_posting'; readonly index: number; readonly posting: number };

/** Rows of one kind that are read from a form; the validation of rules reports more than a rule may have. */
const rowsMax = ruleLimits.conditionsMax + 1;

const newCondition: ConditionState = { field: 'transactionNarrative', operation: 'contains', criteria: '' };
const newPosting: PostingState = { type: '', code: '' };
const newAction: ActionState = { percentage: '100', narrative: '', postings: [newPosting] };
export const newRuleForm: RuleFormState = { name: '', conditions: [newCondition], actions: [newAction] };

/** Digits with a point; anything else stays text, which the validation refuses. */
export const percentagePattern = /^\d+(\.\d+)?$/;

/** Names of the fields of a row; ids too, so that a label finds its field. */
export const fieldNames = {
  name: 'rule_name',
  condition: (index: number, member: keyof ConditionState) => `condition_${String(index)}_${member}`,
  action: (index: number, member: 'percentage' | 'narrative') => `action_${String(index)}_${member}`,
  posting: (action: number, index: number, member: keyof PostingState) =>
    `action_${String(action)}_posting_${String(index)}_${member}`,
} as const;

/** The form as it was sent. A missing row ends its list: rows are numbered without gaps. */
export function readRuleForm(request: Request, t: SageTexts): RuleFormState {
  const rows = <Row>(firstField: (index: number) => string, read: (index: number) => Row): Row[] => {
    const found: Row[] = [];
    while (found.length < rowsMax && readFields(request, firstField(found.length)).length > 0) {
      found.push(read(found.length));
    }
    return found;
  };
  // Spaces are significant in narratives and their criteria, so they are kept as typed.
  const typed = (name: string) => readField(request, t, name);
  const text = (name: string) => typed(name).trim();
  return {
    name: text(fieldNames.name),
    conditions: rows(
      (index) => fieldNames.condition(index, 'field'),
      (index) => ({
        field: text(fieldNames.condition(index, 'field')),
        operation: text(fieldNames.condition(index, 'operation')),
        criteria: typed(fieldNames.condition(index, 'criteria')),
      }),
    ),
    actions: rows(
      (index) => fieldNames.action(index, 'percentage'),
      (index) => ({
        percentage: text(fieldNames.action(index, 'percentage')),
        narrative: typed(fieldNames.action(index, 'narrative')),
        postings: rows(
          (posting) => fieldNames.posting(index, posting, 'type'),
          (posting) => ({
            type: text(fieldNames.posting(index, posting, 'type')),
            code: text(fieldNames.posting(index, posting, 'code')),
          }),
        ),
      }),
    ),
  };
}

const stepPattern =
  /^(save|dry_run|add_condition|add_action)$|^(remove_condition|remove_action|add_posting) (\d{1,3})$|^(remove_posting) (\d{1,3}) (\d{1,3})$/;

/** The button that was pressed; null for an unknown one. */
export function readRuleFormStep(text: string): RuleFormStep | null {
  const [, plain, indexed, index, removePosting, action, posting] = stepPattern.exec(text) ?? [];
  if (plain !== undefined) return { kind: plain as 'save' };
  if (indexed !== undefined) return { kind: indexed as 'remove_action', index: Number(index) };
  if (removePosting === undefined) return null;
  return { kind: 'remove_posting', index: Number(action), posting: Number(posting) };
}

/** The form after a button that changes its rows; the same for the others. */
export function changedRuleForm(state: RuleFormState, step: RuleFormStep): RuleFormState {
  const { conditions, actions } = state;
  switch (step.kind) {
    case 'add_condition':
      return { ...state, conditions: [...conditions, newCondition] };
    case 'remove_condition':
      return { ...state, conditions: without(conditions, step.index) };
    case 'add_action':
      return { ...state, actions: [...actions, newAction] };
    case 'remove_action':
      return { ...state, actions: without(actions, step.index) };
    case 'add_posting':
      return withPostings(state, step.index, (postings) => [...postings, newPosting]);
    case 'remove_posting':
      return withPostings(state, step.index, (postings) => without(postings, step.posting));
    case 'save':
    case 'dry_run':
      return state;
    default:
      return step satisfies never;
  }
}

function without<Item>(items: readonly Item[], index: number): Item[] {
  return items.filter((_item, position) => position !== index);
}

function withPostings(
  state: RuleFormState,
  index: number,
  change: (postings: readonly PostingState[]) => readonly PostingState[],
): RuleFormState {
  const actions = state.actions.map((action, position) =>
    position === index ? { ...action, postings: change(action.postings) } : action,
  );
  return { ...state, actions };
}

/** The form with the members of a rule, not yet validated: invalid numbers stay text, which the validation reports. */
export function ruleOfForm({ name, conditions, actions }: RuleFormState) {
  return {
    ruleName: name,
    ruleConditions: conditions.map(({ field, operation, criteria }) => ({
      ruleField: field,
      ruleOperation: operation,
      ruleCriteria: criteria,
    })),
    ruleActions: actions.map(({ percentage, narrative, postings }) => ({
      splitPercentage: percentagePattern.test(percentage) ? Number(percentage) : percentage,
      accountantNarrative: narrative === '' ? null : narrative,
      accountsPostings: postings,
    })),
  };
}

/** The form of an existing rule. */
export function formOfRule(rule: RuleDraft): RuleFormState {
  return {
    name: rule.ruleName,
    conditions: rule.ruleConditions.map(({ ruleField, ruleOperation, ruleCriteria }) => ({
      field: ruleField,
      operation: ruleOperation,
      criteria: ruleCriteria,
    })),
    actions: rule.ruleActions.map(({ splitPercentage, accountantNarrative, accountsPostings }) => ({
      percentage: String(splitPercentage),
      narrative: accountantNarrative ?? '',
      postings: accountsPostings.map(({ type, code }) => ({ type, code })),
    })),
  };
}
