import { compareDecimals, readDecimal } from './exact-decimal.js';
import { amountCriteriaPattern, baseTypeOfZero, wildcardPattern } from './rule-assumptions.js';
import { compareDates, readCriteriaDate } from './rule-date.js';
import { meaningOfField, ruleFields, type RuleFieldMeaning } from './rule-fields.js';
import type { RuleCondition } from './rule.js';
import { holdsWords, isWordless, wordsOf, type TransactionFacts } from './transaction-facts.js';

export type ConditionTest = (facts: TransactionFacts) => boolean;

/** A parsed condition, or which of its members is invalid and why. */
export type ReadCondition =
  | { readonly holds: ConditionTest }
  | { readonly member: keyof RuleCondition; readonly message: string };

/** Parses a condition once for all transactions (contract 9.2); `timeZone` as in `readCriteriaDate`. A missing field fails everything but `notcontains`. */
export function readCondition(condition: RuleCondition, timeZone: string | null = null): ReadCondition {
  const { ruleField: field, ruleOperation: operation, ruleCriteria: criteria } = condition;
  const meaning = meaningOfField(field);
  if (meaning === null) {
    return wrong('ruleField', `is no field that rules know; those are ${ruleFields.join(', ')}`);
  }
  if (!meaning.operations.includes(operation)) {
    return wrong('ruleOperation', operationMessage(field, operation, meaning));
  }
  if (criteria.trim() === '') return wrong('ruleCriteria', 'must not be empty');
  switch (meaning.type) {
    case 'narrative':
      return readNarrative(operation, criteria);
    case 'amount':
      return readAmount(operation, criteria);
    case 'date':
      return readDate(operation, criteria, timeZone);
    case 'base_type':
      return readBaseType(criteria);
    case 'text':
      return readText(field, criteria, meaning);
    default:
      return meaning.type satisfies never;
  }
}

function wrong(member: keyof RuleCondition, message: string): ReadCondition {
  return { member, message };
}

function operationMessage(field: string, operation: string, { operations, type }: RuleFieldMeaning): string {
  const allowed = operations.join(', ');
  if (type === 'date' && operation === 'eq') {
    return `${field} has no eq: ask for one day with ge on that day and lt on the next (${allowed})`;
  }
  return `is no operation of ${field}, which takes ${allowed}`;
}

function readNarrative(operation: string, criteria: string): ReadCondition {
  if (wildcardPattern.test(criteria)) {
    return wrong('ruleCriteria', 'must hold neither * nor ?: no wildcards are known');
  }
  const words = wordsOf(criteria);
  switch (operation) {
    case 'eq':
      return { holds: (facts) => facts.narrative() === criteria };
    case 'contains':
      return { holds: (facts) => facts.narrative()?.includes(criteria) === true };
    case 'notcontains':
      return { holds: (facts) => facts.narrative()?.includes(criteria) !== true };
    default:
      return isWordless(words)
        ? wrong('ruleCriteria', 'holds no word: containsWords searches for letters and digits')
        : { holds: (facts) => holdsWords(facts.words() ?? '', words) };
  }
}

/** Whether a comparison's outcome (below, at or above zero) is what the operation asks for. */
function fits(operation: string): (outcome: number) => boolean {
  switch (operation) {
    case 'gt':
      return (outcome) => outcome > 0;
    case 'ge':
      return (outcome) => outcome >= 0;
    case 'lt':
      return (outcome) => outcome < 0;
    case 'le':
      return (outcome) => outcome <= 0;
    default:
      return (outcome) => outcome === 0;
  }
}

function readAmount(operation: string, criteria: string): ReadCondition {
  const wanted = amountCriteriaPattern.test(criteria) ? readDecimal(criteria) : null;
  if (wanted === null) {
    return wrong('ruleCriteria', 'must be a decimal number with a point, such as 10 or -84.50');
  }
  const suits = fits(operation);
  return {
    holds: (facts) => {
      const amount = facts.amount();
      return amount !== null && suits(compareDecimals(amount, wanted));
    },
  };
}

function readDate(operation: string, criteria: string, timeZone: string | null): ReadCondition {
  const wanted = readCriteriaDate(criteria, timeZone);
  if (wanted === null) {
    const form = 'must be a date such as 2024-03-05, or a date-time with an offset such as';
    return wrong('ruleCriteria', `${form} 2024-03-05T09:14:07Z`);
  }
  const suits = fits(operation);
  return {
    holds: (facts) => {
      const posted = facts.posted();
      return posted !== null && suits(compareDates(posted, wanted));
    },
  };
}

function readBaseType(criteria: string): ReadCondition {
  const wanted = criteria.toLowerCase();
  if (wanted !== 'credit' && wanted !== 'debit') {
    return wrong('ruleCriteria', 'must be credit or debit');
  }
  return {
    holds: (facts) => {
      const units = facts.amount()?.units;
      if (units === undefined) return false;
      return wanted === (units === 0n ? baseTypeOfZero : units > 0n ? 'credit' : 'debit');
    },
  };
}

function readText(field: string, criteria: string, { ignoresCase }: RuleFieldMeaning): ReadCondition {
  if (ignoresCase === undefined) return { holds: (facts) => facts.text(field) === criteria };
  const wanted = criteria.toLowerCase();
  return { holds: (facts) => facts.text(field)?.toLowerCase() === wanted };
}
