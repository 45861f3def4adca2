/**
 * Money as an exact decimal string. Between the API that reads it and the Rutter client that must write a JSON
 * number nothing is a float: PostgreSQL keeps `numeric`, we keep the text.
 */

const decimalPattern = /^(-?)(0|[1-9]\d{0,17})(?:\.(\d{1,6}))?$/;
/** A JSON number carries at most this many significant digits without loss in an IEEE double. */
export const jsonNumberDigitsMax = 15;

/** ISO 4217 currencies whose minor unit is not two decimals (list one, 2024). */
const minorUnits: Readonly<Record<string, number>> = {
  BIF: 0,
  CLP: 0,
  DJF: 0,
  GNF: 0,
  ISK: 0,
  JPY: 0,
  KMF: 0,
  KRW: 0,
  PYG: 0,
  RWF: 0,
  UGX: 0,
  UYI: 0,
  VND: 0,
  VUV: 0,
  XAF: 0,
  XOF: 0,
  XPF: 0,
  BHD: 3,
  IQD: 3,
  JOD: 3,
  KWD: 3,
  LYD: 3,
  OMR: 3,
  TND: 3,
  CLF: 4,
  UYW: 4,
};

/** Decimals of a currency's minor unit; two where ISO 4217 does not say otherwise. */
export function minorUnitOf(currency: string): number {
  return minorUnits[currency] ?? 2;
}

export type AmountProblem = 'not_a_decimal' | 'too_many_decimals' | 'too_many_digits';

/** Significant digits of a decimal text, without leading and trailing zeros of the whole value. */
export function significantDigits(decimal: string): number {
  const digits = decimal.replace(/^-/, '').replace('.', '').replace(/^0+/, '').replace(/0+$/, '');
  return digits.length;
}

/**
 * Reads an amount of the machine API: a decimal string, or a JSON number of at most 15 significant digits.
 * Returns the canonical text (no exponent, no superfluous zeros, no negative zero) or what is wrong with it.
 * More decimals than the currency has are refused unless they are zeros ("1.00" JPY is fine, "1.50" is not).
 */
export function parseAmount(
  input: unknown,
  currency: string,
): { amount: string } | { problem: AmountProblem } {
  if (typeof input !== 'string' && typeof input !== 'number') return { problem: 'not_a_decimal' };
  const text = typeof input === 'number' ? numberText(input) : input;
  const match = decimalPattern.exec(text);
  if (match === null) return { problem: 'not_a_decimal' };
  const whole = match[2] ?? '0';
  const fraction = (match[3] ?? '').replace(/0+$/, '');
  if (fraction.length > minorUnitOf(currency)) return { problem: 'too_many_decimals' };
  const unsigned = fraction === '' ? whole : `${whole}.${fraction}`;
  // Rutter takes JSON numbers only, so an amount that no double can represent exactly could never be delivered.
  if (significantDigits(unsigned) > jsonNumberDigitsMax) return { problem: 'too_many_digits' };
  return { amount: match[1] === '-' && unsigned !== '0' ? `-${unsigned}` : unsigned };
}

/**
 * A JSON number as written by a person: without exponent. From 10^15 on a double may already have lost
 * digits (100000000000000001 reads as 10^17), so such numbers are written with more digits than are allowed, and refused.
 */
function numberText(value: number): string {
  if (!Number.isFinite(value)) return '';
  return Math.abs(value) >= 1e15 ? '1'.repeat(jsonNumberDigitsMax + 1) : String(value);
}
