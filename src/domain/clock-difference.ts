/**
 * How far two clocks are apart. To read another clock takes time, so a reading gives a range; a difference is the value
 * of its range that is nearest to zero: what is certain, and never more.
 */

/**
 * A larger difference is an alert. NTP keeps clocks within a tenth of a second, so a machine that is this far off has
 * lost it; all waits and deadlines that processes share still work with it.
 */
export const clockDifferenceMaxMs = 5_000;

/** The clocks are compared this often. */
export const clockCheckEveryMs = 60_000;

/** Milliseconds. The other clock (epoch) was read between two readings of a clock of ours. */
export interface ClockReading {
  readonly beforeMs: number;
  readonly serverMs: number;
  readonly afterMs: number;
}

/** What has to be added to our clock to get the other one: a range. */
export interface ClockOffset {
  readonly leastMs: number;
  readonly mostMs: number;
}

/** HTTP's `Date` has whole seconds. */
export const httpDateResolutionMs = 1_000;

/** `resolutionMs`: the other clock shows its time cut to multiples of it. */
export function clockOffset(reading: ClockReading, resolutionMs = 1): ClockOffset {
  return {
    leastMs: reading.serverMs - reading.afterMs,
    mostMs: reading.serverMs + (resolutionMs - 1) - reading.beforeMs,
  };
}

/** How far a clock is ahead of another (negative: behind), both read by the same clock of ours. */
export function clockDifferenceMs(clock: ClockOffset, reference: ClockOffset): number {
  const leastMs = clock.leastMs - reference.mostMs;
  const mostMs = clock.mostMs - reference.leastMs;
  if (leastMs > 0) return leastMs;
  return mostMs < 0 ? mostMs : 0;
}

/** The offset of the clock by which the others were read. */
export const ownClock: ClockOffset = { leastMs: 0, mostMs: 0 };

export function isClockOff(differenceMs: number): boolean {
  return Math.abs(differenceMs) > clockDifferenceMaxMs;
}
