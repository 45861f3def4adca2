import { jsonNumberDigitsMax, significantDigits } from '../../money.js';

/** A decimal number without a float: `units` times ten to the minus `scale`. */
export interface ExactDecimal {
  readonly units: bigint;
  readonly scale: number;
  /** The same as a double, when comparing doubles is exact for it; see {@link compareDecimals}. */
  readonly double: number | null;
}

const pattern = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/;
/** Doubles go no further; it bounds what an exponent can make of a short text. */
const exponentMax = 400;
/** Between these a decimal of 15 digits has a double of its own, far from underflow and overflow. */
const doubleBounds = { least: 1e-200, most: 1e200 } as const;

/** Reads a JSON number, or a decimal text as PostgreSQL and JavaScript write it; null when it is neither. */
export function readDecimal(value: unknown): ExactDecimal | null {
  const text = typeof value === 'number' ? String(value) : value;
  const match = typeof text === 'string' ? pattern.exec(text) : null;
  if (match === null) return null;
  const fraction = match[3] ?? '';
  const exponent = Number(match[4] ?? 0);
  if (Math.abs(exponent) > exponentMax) return null;
  const digits = `${match[2] ?? ''}${fraction}`;
  const scale = fraction.length - exponent;
  const unsigned = BigInt(scale < 0 ? digits + '0'.repeat(-scale) : digits);
  return {
    units: match[1] === '-' ? -unsigned : unsigned,
    scale: Math.max(scale, 0),
    double: exactDouble(Number(match[0]), digits),
  };
}

function exactDouble(double: number, digits: string): number | null {
  if (significantDigits(digits) > jsonNumberDigitsMax) return null;
  const size = Math.abs(double);
  return size === 0 || (size >= doubleBounds.least && size <= doubleBounds.most) ? double : null;
}

/**
 * Below, at or above zero, as `left` is smaller than, equal to or larger than `right`. Decimals of at most 15 digits
 * each have a double of their own, in the same order, so that those are compared, which is many times as fast.
 */
export function compareDecimals(left: ExactDecimal, right: ExactDecimal): number {
  if (left.double !== null && right.double !== null) return left.double - right.double;
  const scale = Math.max(left.scale, right.scale);
  const difference = unitsAt(left, scale) - unitsAt(right, scale);
  return difference === 0n ? 0 : difference < 0n ? -1 : 1;
}

/** The units that the decimal has with `scale` decimals, no fewer than its own. */
export function unitsAt({ units, scale: own }: ExactDecimal, scale: number): bigint {
  return units * 10n ** BigInt(scale - own);
}

/** Divides by ten to the power of `places`, and rounds half away from zero. */
export function roundedShift(units: bigint, places: number): bigint {
  const divisor = 10n ** BigInt(places);
  const half = divisor / 2n;
  // Division of BigInts truncates towards zero, so that a half is added away from zero.
  return (units < 0n ? units - half : units + half) / divisor;
}

/** `units` with `scale` decimals as a text, with no zero that is negative. */
export function decimalText(units: bigint, scale: number): string {
  const sign = units < 0n ? '-' : '';
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
