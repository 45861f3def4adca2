/**
 * Money as an exact decimal string. Between the API that reads it and the Rutter client that must write a JSON
 * number nothing is a float: PostgreSQL keeps `numeric`, we keep the text.
 */

/** The decimals that JSON can write as a number; a text of core banking has the same form. */
const decimalPattern = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
/** A JSON number carries at most this many significant digits without loss in an IEEE double. */
export const jsonNumberDigitsMax = 15;
/** Digits before the decimal point: no amount of any currency comes near it. */
export const wholeDigitsMax = 18;
/** Characters of an amount as it is written, as text or as a number: bounds the work for what is no sensible amount. */
export const amountLengthMax = 400;

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

/** A JSON number that a double does not carry: it keeps the text, so that it is refused by name and never rounded. */
export class InexactNumber {
  constructor(readonly text: string) {}
  /** JSON has no other way to write it back unchanged. */
  toJSON(): string {
    return this.text;
  }
}

export type AmountProblem = 'not_a_decimal' | 'too_many_decimals' | 'too_many_digits' | 'too_large';

/** Significant digits of a decimal text, without leading and trailing zeros of the whole value. */
export function significantDigits(decimal: string): number {
  return withoutOuterZeros(decimal.replace('-', '').replace('.', '')).digits.length;
}

/** By index: a pattern for the zeros at the end would try every zero of a long text as their beginning. */
function withoutOuterZeros(text: string): { leading: number; digits: string } {
  let start = 0;
  let end = text.length;
  while (text[start] === '0') start += 1;
  while (end > start && text[end - 1] === '0') end -= 1;
  return { leading: start, digits: text.slice(start, end) };
}

/**
 * Reads an amount of the machine API: a decimal as text, or a JSON number. The value alone decides, not its spelling:
 * `1000`, `"1000.00"`, `1e3` and `"1E+3"` are one amount. Returns the canonical text (no exponent, no superfluous zeros,
 * no negative zero) or what is wrong with it. More decimals than the currency has are refused unless they are zeros
 * ("1.00" JPY is fine, "1.50" is not).
 *
 * @param input as `parseJson` reads it: a number that no double carries is an {@link InexactNumber}
 */
export function parseAmount(
  input: unknown,
  currency: string,
): { amount: string } | { problem: AmountProblem } {
  const value = readDecimal(input);
  if (value === null) return { problem: 'not_a_decimal' };
  const { negative, digits, point } = value;
  if (digits === '') return { amount: '0' };
  // Rutter takes JSON numbers only, so an amount that no double can represent exactly could never be delivered.
  if (digits.length > jsonNumberDigitsMax) return { problem: 'too_many_digits' };
  if (digits.length - point > minorUnitOf(currency)) return { problem: 'too_many_decimals' };
  if (point > wholeDigitsMax) return { problem: 'too_large' };
  const whole = point <= 0 ? '0' : digits.slice(0, point).padEnd(point, '0');
  const fraction = point <= 0 ? '0'.repeat(-point) + digits : digits.slice(point);
  return { amount: `${negative ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}` };
}

/** A decimal by value: 0.`digits` × 10^`point`, without leading and trailing zeros; zero has no digits. */
interface Decimal {
  readonly negative: boolean;
  readonly digits: string;
  readonly point: number;
}

function readDecimal(input: unknown): Decimal | null {
  const text = input instanceof InexactNumber ? input.text : input;
  if (typeof text !== 'string' && typeof text !== 'number') return null;
  const match = String(text).length > amountLengthMax ? null : decimalPattern.exec(String(text));
  if (match === null) return null;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const { leading, digits } = withoutOuterZeros(whole + fraction);
  return { negative: sign === '-', digits, point: whole.length - leading + Number(exponent) };
}

/** The text for a problem, as the end of a sentence that begins with the field's name. */
export function describeAmountProblem(problem: AmountProblem, currency: string): string {
  switch (problem) {
    case 'not_a_decimal':
      return 'must be a decimal, as a string such as "-12.50" or as a JSON number';
    case 'too_many_decimals':
      return `has more than the ${minorUnitOf(currency)} decimals of ${currency}`;
    case 'too_many_digits':
      return `has more than ${jsonNumberDigitsMax} significant digits, which a JSON number does not carry exactly`;
    case 'too_large':
      return `has more than ${wholeDigitsMax} digits before the decimal point`;
    default:
      return problem satisfies never;
  }
}
