import { narrativeSeparator } from './rule-assumptions.js';
import type { RuleTransaction } from './rule.js';

/** Contract 9.2: what a narrative is joined of, in this order. */
const parts = [
  'narrative1',
  'narrative2',
  'name',
  'referenceNumber',
  'extendedName',
  'payee.payeeId',
  'checkNum',
] as const;

/** The narrative as Sage joins it; empty when all parts are blank. */
export function joinNarrative(transaction: RuleTransaction): string {
  return parts
    .map((part) => memberText(transaction, part)?.trim() ?? '')
    .filter((part) => part !== '')
    .join(narrativeSeparator);
}

/**
 * The narrative that rules are matched against: the stored one, which may have been changed since. If Sage left
 * the member out it is joined here. Null: there is none.
 */
export function narrativeOf(transaction: RuleTransaction): string | null {
  const narrative =
    transaction['transactionNarrative'] === undefined
      ? joinNarrative(transaction)
      : memberText(transaction, 'transactionNarrative');
  return narrative === '' ? null : narrative;
}

/** A member as text, `payee.payeeId` one level down; null when it is missing, null or empty. */
export function memberText(transaction: RuleTransaction, path: string): string | null {
  let value: unknown = transaction;
  for (const name of path.split('.')) {
    value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  }
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
