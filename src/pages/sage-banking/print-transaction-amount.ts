import { printAmount } from '../amount-text.js';
import type { SageTexts } from './texts.js';

type Members = Readonly<Record<string, unknown>>;

/** The amount of one of Sage's transactions; a text that says so when it cannot be read. */
export function printTransactionAmount(t: SageTexts, body: Members, accountCurrency: string | null): string {
  const { transactionAmount: amount } = body;
  if (typeof amount !== 'number') return t.sage.account.unreadableAmount;
  return printAmount(t, amount, currencyOf(body, accountCurrency));
}

/** The currency of a transaction: its own, or else the account's. */
export function currencyOf({ currency }: Members, accountCurrency: string | null): string | null {
  return typeof currency === 'string' && currency !== '' ? currency : accountCurrency;
}
