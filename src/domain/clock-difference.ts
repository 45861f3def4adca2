/**
 * How far another clock is from ours. An answer takes time, so a reading gives a range; the difference is the value of the
 * range that is nearest to zero: what is certain, and never more.
 */

/**
 * A larger difference is an alert. NTP keeps clocks within a tenth of a second, so a machine that is this far off has
 * lost it; all waits and deadlines that are compared between processes still work with it.
 */
export const clockDifferenceMaxMs = 5_000;

/** Epoch ms. The other clock was read between two readings of ours. */
export interface ClockReading {
  readonly beforeMs: number;
  readonly serverMs: number;
  readonly afterMs: number;
}

/** HTTP's `Date` has whole seconds. */
export const httpDateResolutionMs = 1_000;

/** Positive: the other clock is ahead of ours. `resolutionMs`: the other clock shows its time cut to multiples of it. */
export function clockDifferenceMs(reading: ClockReading, resolutionMs = 1): number {
  const leastMs = reading.serverMs - reading.afterMs;
  const mostMs = reading.serverMs + (resolutionMs - 1) - reading.beforeMs;
  if (leastMs > 0) return leastMs;
  return mostMs < 0 ? mostMs : 0;
}

export function isClockOff(differenceMs: number): boolean {
  return Math.abs(differenceMs) > clockDifferenceMaxMs;
}
