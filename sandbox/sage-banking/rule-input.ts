import {
  narrativeWildcards,
  ruleActionsMax,
  ruleConditionsMax,
  splitDecimalsMax,
  textCharactersMax,
} from './assumptions.js';
import { decimalOf, parseDecimal } from './decimal.js';
import { Fields, isDateText } from './fields.js';
import { isObject } from './http.js';
import { wordsOf } from './narrative.js';
import type { RuleAction, RuleCondition, RuleContent } from './records.js';
import { ruleFields } from './rule-fields.js';

export interface RuleInput extends RuleContent {
  /** Undefined: the server's choice. */
  ruleRank: number | undefined;
}

/** Reads a whole rule; unknown members are ignored (contract 8). @throws ApiError 400 with all faults */
export function readRule(body: unknown): RuleInput {
  const fields = new Fields(body);
  const input: RuleInput = {
    ruleName: fields.text('ruleName'),
    ruleConditions: readConditions(fields),
    ruleAdditionalFields: readAdditionalFields(fields),
    ruleActions: readActions(fields),
    ruleRank: readRank(fields),
  };
  fields.check();
  return input;
}

function readRank(fields: Fields): number | undefined {
  const rank = fields.value('ruleRank');
  if (rank === undefined || rank === null) return undefined;
  if (typeof rank === 'number' && Number.isInteger(rank) && rank >= 1) return rank;
  fields.fault('ruleRank', 'must be a whole number of 1 or more');
  return undefined;
}

/** The items of a list of 1 to `most` objects; [] when it is at fault. */
function itemsOf(fields: Fields, name: string, most: number): Record<string, unknown>[] {
  const list = fields.value(name);
  if (Array.isArray(list) && list.length >= 1 && list.length <= most && list.every(isObject)) return list;
  fields.fault(name, `must be a list of 1 to ${most} objects`);
  return [];
}

function readConditions(fields: Fields): RuleCondition[] {
  return itemsOf(fields, 'ruleConditions', ruleConditionsMax).map((item, index) => {
    const at = `ruleConditions[${index}]`;
    const { ruleField, ruleOperation, ruleCriteria } = item;
    const field = typeof ruleField === 'string' ? ruleFields.get(ruleField) : undefined;
    if (typeof ruleField !== 'string' || field === undefined) {
      fields.fault(`${at}.ruleField`, `must be one of ${[...ruleFields.keys()].join(', ')}`);
      return { ruleField: '', ruleOperation: '', ruleCriteria: '' };
    }
    if (typeof ruleOperation !== 'string' || !field.operations.includes(ruleOperation)) {
      fields.fault(`${at}.ruleOperation`, `must be one of ${field.operations.join(', ')} for ${ruleField}`);
    }
    // Documented: a string, even for numbers.
    const problem =
      typeof ruleCriteria === 'string'
        ? criteriaProblem(ruleField, String(ruleOperation), ruleCriteria)
        : 'must be text, even for numbers';
    if (problem !== undefined) fields.fault(`${at}.ruleCriteria`, problem);
    return { ruleField, ruleOperation: String(ruleOperation), ruleCriteria: String(ruleCriteria) };
  });
}

function criteriaProblem(ruleField: string, operation: string, criteria: string): string | undefined {
  if (criteria.trim() === '' || criteria.length > textCharactersMax) return 'must not be empty or too long';
  const kind = ruleFields.get(ruleField)?.kind;
  switch (kind) {
    case 'amount':
      return parseDecimal(criteria) === undefined ? 'must be a decimal with a point' : undefined;
    case 'date':
      return isDateText(criteria) ? undefined : 'must be YYYY-MM-DD or an ISO 8601 date-time';
    case 'baseType':
      return /^(credit|debit)$/i.test(criteria) ? undefined : 'must be credit or debit';
    case 'text':
    case undefined:
      if (ruleField !== 'transactionNarrative') return undefined;
      if (narrativeWildcards.test(criteria)) return 'must not hold * or ?';
      return operation === 'containsWords' && wordsOf(criteria).length === 0 ? 'must hold a word' : undefined;
    default:
      return kind satisfies never;
  }
}

function readAdditionalFields(fields: Fields): RuleContent['ruleAdditionalFields'] {
  const list = fields.value('ruleAdditionalFields') ?? [];
  const isPair = (item: unknown): item is { name: string; value: string } =>
    isObject(item) && typeof item['name'] === 'string' && typeof item['value'] === 'string';
  if (Array.isArray(list) && list.every(isPair)) return list.map(({ name, value }) => ({ name, value }));
  fields.fault('ruleAdditionalFields', 'must be a list of {name, value}, both text');
  return [];
}

function readActions(fields: Fields): RuleAction[] {
  const items = itemsOf(fields, 'ruleActions', ruleActionsMax);
  return items.map((item, index) => {
    const at = `ruleActions[${index}]`;
    const { splitPercentage, accountantNarrative = null, accountsPostings } = item;
    const problem = splitProblem(splitPercentage, index === items.length - 1);
    if (problem !== undefined) fields.fault(`${at}.splitPercentage`, problem);
    if (accountantNarrative !== null && typeof accountantNarrative !== 'string') {
      fields.fault(`${at}.accountantNarrative`, 'must be text');
    }
    const isPosting = (posting: unknown): posting is { type: string; code: string } =>
      isObject(posting) && typeof posting['type'] === 'string' && typeof posting['code'] === 'string';
    const postings: unknown = accountsPostings;
    const isGood = Array.isArray(postings) && postings.length > 0 && postings.every(isPosting);
    if (!isGood) fields.fault(`${at}.accountsPostings`, 'must be a list of {type, code}, both text');
    return {
      splitPercentage: Number(splitPercentage),
      accountantNarrative: typeof accountantNarrative === 'string' ? accountantNarrative : null,
      accountsPostings: isGood ? postings.map(({ type, code }) => ({ type, code })) : [],
    };
  });
}

/** The last action takes the remainder, so it must be 100, and no other may be (assumed, contract 9.5). */
function splitProblem(value: unknown, isLast: boolean): string | undefined {
  if (typeof value !== 'number' || !(value > 0) || value > 100) return 'must be above 0 and at most 100';
  if (decimalOf(value).scale > splitDecimalsMax) return `must have at most ${splitDecimalsMax} decimals`;
  if (isLast && value !== 100) return 'must be 100 in the last action: it takes the remainder';
  if (!isLast && value === 100) return 'must be below 100 before the last action';
  return undefined;
}
