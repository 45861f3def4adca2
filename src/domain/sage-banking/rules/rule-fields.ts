/** Which operations a condition may use on which field (contract 9.2). */

export type RuleValueType = 'text' | 'narrative' | 'amount' | 'date' | 'base_type';

export interface RuleFieldMeaning {
  readonly type: RuleValueType;
  readonly operations: readonly string[];
  readonly ignoresCase?: true;
}

const equality = ['eq'];

/** Documented up to `$baseType`; the operations of the other four are assumed. */
const meanings: Readonly<Record<string, RuleFieldMeaning>> = {
  transactionNarrative: { type: 'narrative', operations: ['eq', 'contains', 'notcontains', 'containsWords'] },
  transactionAmount: { type: 'amount', operations: ['eq', 'gt', 'ge', 'lt', 'le'] },
  datePosted: { type: 'date', operations: ['gt', 'ge', 'lt', 'le'] },
  // Assumed: case-insensitive.
  transactionType: { type: 'text', operations: equality, ignoresCase: true },
  checkNum: { type: 'text', operations: equality },
  $baseType: { type: 'base_type', operations: equality },
  currency: { type: 'text', operations: equality },
  // Assumed: no transaction has it, so that such a condition never holds.
  subAccount: { type: 'text', operations: equality },
  'payee.payeeBankId': { type: 'text', operations: equality },
  'payee.payeeAccountId': { type: 'text', operations: equality },
};

export const ruleFields: readonly string[] = Object.keys(meanings);

/** What is known of the field, or null when there is no such field. */
export function meaningOfField(field: string): RuleFieldMeaning | null {
  return Object.hasOwn(meanings, field) ? (meanings[field] ?? null) : null;
}
