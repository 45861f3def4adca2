import { compareDecimals, decimalOf, parseDecimal } from './decimal.js';
import { dateMs } from './fields.js';
import { textAt, wordsOf } from './narrative.js';
import type { RuleCondition, TransactionBody } from './records.js';
import { ruleFields } from './rule-fields.js';

const dayMs = 24 * 3_600_000;
const ignoresCase: ReadonlySet<string> = new Set(['transactionType']);

/** All conditions must hold, checked in their order (assumed, contract 9.3). */
export function ruleMatches(conditions: readonly RuleCondition[], transaction: TransactionBody): boolean {
  return conditions.every((condition) => holds(condition, transaction));
}

function holds(condition: RuleCondition, transaction: TransactionBody): boolean {
  const { ruleField, ruleOperation, ruleCriteria } = condition;
  const kind = ruleFields.get(ruleField)?.kind;
  switch (kind) {
    case undefined:
      return false;
    case 'baseType':
      // Documented: zero is a credit.
      return (transaction.transactionAmount >= 0 ? 'credit' : 'debit') === ruleCriteria.toLowerCase();
    case 'amount': {
      const criteria = parseDecimal(ruleCriteria);
      if (criteria === undefined) return false;
      return compares(ruleOperation, compareDecimals(decimalOf(transaction.transactionAmount), criteria));
    }
    case 'date':
      return compares(ruleOperation, compareDates(transaction.datePosted, ruleCriteria));
    case 'text':
      return textHolds(condition, textAt(transaction, ruleField));
    default:
      return kind satisfies never;
  }
}

function compares(operation: string, order: number): boolean {
  switch (operation) {
    case 'eq':
      return order === 0;
    case 'gt':
      return order > 0;
    case 'ge':
      return order >= 0;
    case 'lt':
      return order < 0;
    case 'le':
      return order <= 0;
    default:
      return false;
  }
}

/** By UTC calendar day when either side has no time (assumed, contract 9.2). */
function compareDates(posted: string, criteria: string): number {
  const bothHaveTimes = posted.includes('T') && criteria.includes('T');
  const [a, b] = [dateMs(posted), dateMs(criteria)];
  return bothHaveTimes ? a - b : Math.floor(a / dayMs) - Math.floor(b / dayMs);
}

/** A missing field fails everything but `notcontains` (assumed, contract 9.2). */
function textHolds(
  { ruleField, ruleOperation, ruleCriteria }: RuleCondition,
  text: string | undefined,
): boolean {
  if (text === undefined || text === '') return ruleOperation === 'notcontains';
  switch (ruleOperation) {
    case 'eq':
      return ignoresCase.has(ruleField)
        ? text.toLowerCase() === ruleCriteria.toLowerCase()
        : text === ruleCriteria;
    case 'contains':
      return text.includes(ruleCriteria);
    case 'notcontains':
      return !text.includes(ruleCriteria);
    case 'containsWords':
      return hasWords(wordsOf(text), wordsOf(ruleCriteria));
    default:
      return false;
  }
}

/** Whether `words` contains `wanted` as consecutive words. */
function hasWords(words: readonly string[], wanted: readonly string[]): boolean {
  return words.some((_, start) => wanted.every((word, offset) => words[start + offset] === word));
}
