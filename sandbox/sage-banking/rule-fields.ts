/** Documented: the operations of each field (contract 9.2). */
export type FieldKind = 'text' | 'amount' | 'date' | 'baseType';

export interface RuleField {
  kind: FieldKind;
  operations: readonly string[];
}

/** Assumed: the operations of these four are not in the readable part of the page (contract 9.2). */
const assumedField: RuleField = { kind: 'text', operations: ['eq'] };

export const ruleFields: ReadonlyMap<string, RuleField> = new Map<string, RuleField>([
  ['transactionNarrative', { kind: 'text', operations: ['eq', 'contains', 'notcontains', 'containsWords'] }],
  ['transactionAmount', { kind: 'amount', operations: ['eq', 'gt', 'ge', 'lt', 'le'] }],
  // Documented: no `eq`.
  ['datePosted', { kind: 'date', operations: ['gt', 'ge', 'lt', 'le'] }],
  ['transactionType', { kind: 'text', operations: ['eq'] }],
  ['checkNum', { kind: 'text', operations: ['eq'] }],
  ['$baseType', { kind: 'baseType', operations: ['eq'] }],
  ['currency', assumedField],
  ['subAccount', assumedField],
  ['payee.payeeBankId', assumedField],
  ['payee.payeeAccountId', assumedField],
]);
