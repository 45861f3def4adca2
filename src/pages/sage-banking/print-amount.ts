import type { SageTexts } from './texts.js';

/** Currencies of Sage have at most four decimals; money is shown with two at least. */
const decimals = { minimumFractionDigits: 2, maximumFractionDigits: 6 } as const;

/** The amount of one of Sage's transactions, in its own currency or the account's; a text that says so when it cannot be read. */
export function printTransactionAmount(
  t: SageTexts,
  body: Readonly<Record<string, unknown>>,
  currency: string | null,
): string {
  const { transactionAmount: amount, currency: own } = body;
  if (typeof amount !== 'number') return t.sage.account.oddAmount;
  return printAmount(t, String(amount), typeof own === 'string' && own !== '' ? own : currency);
}

/** A decimal string formatted for display, with a minus sign: `−1,250.00 GBP`. Nothing is rounded. */
export function printAmount(t: SageTexts, decimal: string, currency?: string | null): string {
  const isDecimal = (text: string): text is `${number}` => /^-?\d+(\.\d+)?$/.test(text);
  const text = isDecimal(decimal)
    ? new Intl.NumberFormat(t.language, decimals).format(decimal).replace('-', '−')
    : decimal;
  return currency == null || currency === '' ? text : `${text} ${currency}`;
}
