import { decimalOf, digitsAt, roundTo, toNumber, type Decimal } from './decimal.js';

const minorUnitsDefault = 2;

/**
 * Each percentage applies to the remainder of the earlier actions; the last one takes the exact remainder. Shares are
 * rounded half away from zero to the currency's minor unit (assumed, contract 9.5).
 */
export function splitAmount(amount: number, percentages: readonly number[], currency: string): number[] {
  const places = minorUnitsOf(currency);
  let left = decimalOf(amount);
  return percentages.map((percentage, index) => {
    if (index === percentages.length - 1) return toNumber(left);
    const share = roundTo(percentOf(left, percentage), places);
    left = subtract(left, share);
    return toNumber(share);
  });
}

function percentOf(amount: Decimal, percentage: number): Decimal {
  const rate = decimalOf(percentage);
  return { digits: amount.digits * rate.digits, scale: amount.scale + rate.scale + 2 };
}

function subtract(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { digits: digitsAt(a, scale) - digitsAt(b, scale), scale };
}

function minorUnitsOf(currency: string): number {
  try {
    const format = new Intl.NumberFormat('en', { style: 'currency', currency });
    return format.resolvedOptions().maximumFractionDigits ?? minorUnitsDefault;
  } catch {
    return minorUnitsDefault;
  }
}
