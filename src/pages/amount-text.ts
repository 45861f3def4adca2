import { minorUnitOf } from '../domain/money.js';

/** Written to two decimals when the currency is unknown, as most currencies are. */
const decimalsOfUnknown = 2;
/** The decimal numbers that JSON and `String(number)` write: an exponent is allowed. */
const numberPattern = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/;

/**
 * An amount for display, in the language of the page: `−1,250.00 GBP`, `−1,500 JPY`. It has as many decimals as the
 * currency has, and more when the amount has more: nothing is rounded, and no exponent is shown (`0.0000001 GBP`). The
 * sign is U+2212, and zero has none.
 *
 * @param amount a decimal text or a number as JSON writes it; any other text is shown as it is
 * @param currency ISO 4217; with none the number stands alone, with two decimals at least
 */
export function printAmount(
  t: { readonly language: string },
  amount: string | number,
  currency?: string | null,
): string {
  const known = currency == null || currency === '' ? null : currency;
  const decimals = known === null ? decimalsOfUnknown : minorUnitOf(known.toUpperCase());
  const text = printDecimal(t.language, String(amount), decimals) ?? String(amount);
  return known === null ? text : `${text} ${known}`;
}

/** Null when the text is no decimal number. The whole part is an integer, so `Intl` formats it exactly. */
function printDecimal(language: string, amount: string, decimalsMin: number): string | null {
  const match = numberPattern.exec(amount);
  if (match === null) return null;
  const { whole, fraction } = shifted(match[2] ?? '0', match[3] ?? '', Number(match[4] ?? '0'));
  const shownFraction = fraction.replace(/0+$/, '').padEnd(decimalsMin, '0');
  const isZero = /^0*$/.test(whole + fraction);
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 0 }).format(BigInt(whole));
  const sign = match[1] === '-' && !isZero ? '\u2212' : '';
  return sign + number + (shownFraction === '' ? '' : decimalPoint(language) + shownFraction);
}

/** Moves the decimal point by the exponent. */
function shifted(whole: string, fraction: string, exponent: number): { whole: string; fraction: string } {
  const digits = whole + fraction;
  const point = whole.length + exponent;
  if (point <= 0) return { whole: '0', fraction: '0'.repeat(-point) + digits };
  return { whole: digits.slice(0, point).padEnd(point, '0'), fraction: digits.slice(point) };
}

function decimalPoint(language: string): string {
  const parts = new Intl.NumberFormat(language, { minimumFractionDigits: 1 }).formatToParts(0.5);
  return parts.find(({ type }) => type === 'decimal')?.value ?? '.';
}
