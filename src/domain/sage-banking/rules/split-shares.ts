import { minorUnitOf } from '../../money.js';
import { decimalText, readDecimal, roundedShift, unitsAt } from './exact-decimal.js';
import { lastSplitPercentage, splitDecimalsMax } from './rule-assumptions.js';

/** One per cent is a hundredth. */
const percentPlaces = 2;

/**
 * What each action of a rule gets of an amount (contract 9.5): a percentage of what the earlier ones left, rounded half
 * away from zero to the currency's minor unit; the last one gets the rest in any case, so that nothing is lost.
 * Null when the amount or a percentage is no decimal number.
 */
export function splitShares(input: {
  amount: string | number;
  currency: string;
  percentages: readonly number[];
}): string[] | null {
  const amount = readDecimal(input.amount);
  if (amount === null) return null;
  const minor = minorUnitOf(input.currency);
  const scale = Math.max(minor, amount.scale);
  const toMinor = scale - minor;
  let left = unitsAt(amount, scale);
  const shares: string[] = [];
  for (const [index, percentage] of input.percentages.entries()) {
    const percent = readDecimal(percentage);
    if (percent === null) return null;
    const isLast = index === input.percentages.length - 1;
    const exact = left * percent.units;
    const rounded = roundedShift(exact, percent.scale + percentPlaces + toMinor) * 10n ** BigInt(toMinor);
    const share = isLast ? left : rounded;
    left -= share;
    shares.push(decimalText(share, scale));
  }
  return shares;
}

/** What is wrong with the percentages of a rule's actions, by the action's index. */
export function splitProblems(percentages: readonly unknown[]): { index: number; message: string }[] {
  return percentages.flatMap((percentage, index) => {
    const message = splitProblem(percentage, index === percentages.length - 1);
    return message === null ? [] : [{ index, message }];
  });
}

function splitProblem(percentage: unknown, isLast: boolean): string | null {
  if (typeof percentage !== 'number') return 'must be a number';
  if (isLast && percentage !== lastSplitPercentage) {
    return 'must be 100 for the last action: it takes all that the earlier ones left';
  }
  if (!isLast && percentage === lastSplitPercentage) {
    return 'must be less than 100 before the last action: nothing would be left for the next';
  }
  if (!(percentage > 0 && percentage <= lastSplitPercentage)) return 'must be above 0 and at most 100';
  const decimals = readDecimal(percentage)?.scale ?? Infinity;
  return decimals > splitDecimalsMax ? `must have at most ${splitDecimalsMax} decimals` : null;
}
