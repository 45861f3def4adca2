/** Rutter's types of a bank feed transaction (its version 2024-08-31), and what the sign of an amount must be for each. */

export const transactionTypes = [
  'credit',
  'debit',
  'fee',
  'deposit',
  'transfer',
  'payment',
  'interest',
  'unknown',
] as const;
export type TransactionType = (typeof transactionTypes)[number];

/** Of an account of core banking. */
export type AccountType = 'bank' | 'credit_card';

/** What becomes of a posting whose amount contradicts its type: refused, or accepted, counted and shown. */
export const signChecks = ['reject', 'warn'] as const;
export type SignCheck = (typeof signChecks)[number];

/**
 * The types that say by themselves which way the money goes; the four others go either way (interest is earned or
 * charged). Amounts are signed from the account holder's side on both types of account (contract 8.2).
 */
const directions: Partial<Record<TransactionType, 'in' | 'out'>> = {
  credit: 'in',
  deposit: 'in',
  debit: 'out',
  fee: 'out',
};

const rules: Record<AccountType, string> = {
  bank: 'on a bank account money in is positive and money out is negative',
  credit_card:
    "on a credit card a purchase or fee is negative and a repayment or refund positive, the cardholder's side",
};

/**
 * The rule that a posting breaks when its sign and its type contradict each other, as a sentence for display; null when
 * they do not. Zero contradicts nothing. `amount` is a canonical decimal (`parseAmount`).
 */
export function signContradiction(input: {
  amount: string;
  transactionType: TransactionType;
  accountType: AccountType;
}): string | null {
  const direction = directions[input.transactionType];
  if (direction === undefined || input.amount === '0') return null;
  const isNegative = input.amount.startsWith('-');
  if (isNegative === (direction === 'out')) return null;
  const sign = isNegative ? 'negative' : 'positive';
  const remedy = direction === 'out' ? 'credit' : 'debit';
  return `amount is ${sign}, but "${input.transactionType}" is money ${direction}: ${rules[input.accountType]}; change the sign, or send the type "${remedy}"`;
}
