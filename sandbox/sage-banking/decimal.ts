/** An exact decimal: `digits` × 10^-`scale`. */
export interface Decimal {
  digits: bigint;
  scale: number;
}

const decimal = /^(-?)(\d{1,30})(?:\.(\d{1,30}))?$/;
const exponent = /^(-?\d(?:\.\d+)?)e([+-]\d+)$/;

/** A decimal with a point, no exponent, no plus; undefined for anything else. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = decimal.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = ''] = match;
  return { digits: BigInt(`${sign}${whole}${fraction}`), scale: fraction.length };
}

/** The shortest decimal that reads back as this number, which is what JSON wrote. */
export function decimalOf(value: number): Decimal {
  const text = String(value);
  const match = exponent.exec(text);
  if (match === null) return parseDecimal(text) ?? { digits: 0n, scale: 0 };
  const mantissa = parseDecimal(match[1] ?? '') ?? { digits: 0n, scale: 0 };
  const scale = mantissa.scale - Number(match[2]);
  return scale >= 0
    ? { digits: mantissa.digits, scale }
    : { digits: mantissa.digits * 10n ** BigInt(-scale), scale: 0 };
}

/** Negative, zero or positive, as a sort wants it. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale);
  const difference = digitsAt(a, scale) - digitsAt(b, scale);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The digits at a scale that is not smaller than the decimal's own. */
export function digitsAt({ digits, scale }: Decimal, wanted: number): bigint {
  return digits * 10n ** BigInt(wanted - scale);
}

/** Rounded half away from zero. */
export function roundTo({ digits, scale }: Decimal, wanted: number): Decimal {
  if (scale <= wanted) return { digits: digitsAt({ digits, scale }, wanted), scale: wanted };
  const unit = 10n ** BigInt(scale - wanted);
  const size = digits < 0n ? -digits : digits;
  const rounded = (size * 2n + unit) / (unit * 2n);
  return { digits: digits < 0n ? -rounded : rounded, scale: wanted };
}

/** As a JSON number; zero has no sign. */
export function toNumber({ digits, scale }: Decimal): number {
  if (digits === 0n) return 0;
  const sign = digits < 0n ? '-' : '';
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, '0');
  return Number(`${sign}${text.slice(0, text.length - scale)}.${text.slice(text.length - scale)}0`);
}
