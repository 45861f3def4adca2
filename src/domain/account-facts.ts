/** What a bank may say of an account beside name, type, currency and number. All of it is optional. */

/** Amounts of a credit card, in the card's currency, named as at Rutter (contract 6.2). */
export const cardAmounts = [
  'credit_limit',
  'available_credit',
  'last_statement_balance',
  'minimum_payment_amount',
  'next_payment_amount',
  'past_due_amount',
  'finance_charges',
] as const;
/** Calendar dates of a credit card, `YYYY-MM-DD`. */
export const cardDates = ['last_statement_date', 'next_payment_date'] as const;
/** The yearly rate of purchases in percent, an exact decimal. */
export const cardRates = ['purchases_apr'] as const;

/** Every fact that only a credit card has. */
export const cardFactNames = [...cardAmounts, ...cardDates, ...cardRates] as const;
export type CardFactName = (typeof cardFactNames)[number];

/** Exact decimals and calendar dates as text; null: not known. */
export type CardFacts = Readonly<Record<CardFactName, string | null>>;

/** Balances of one moment, exact decimals in the account's currency, at least one of them known. */
export interface AccountBalances {
  readonly available: string | null;
  readonly current: string | null;
  /** When they were so: an instant in UTC. Balances of an older moment never replace newer ones. */
  readonly asOf: string;
}
