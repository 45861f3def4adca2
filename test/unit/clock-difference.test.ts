import { describe, expect, test } from 'vitest';
import {
  clockDifferenceMaxMs,
  clockDifferenceMs,
  clockOffset,
  httpDateResolutionMs,
  isClockOff,
  ownClock,
} from '../../src/domain/clock-difference.js';

const difference = (...reading: Parameters<typeof clockOffset>) =>
  clockDifferenceMs(clockOffset(...reading), ownClock);

describe('the difference of two clocks', () => {
  test.each([
    [{ beforeMs: 1_000, serverMs: 1_020, afterMs: 1_040 }, 0],
    [{ beforeMs: 1_000, serverMs: 1_000, afterMs: 1_040 }, 0],
    [{ beforeMs: 1_000, serverMs: 1_041, afterMs: 1_040 }, 1],
    [{ beforeMs: 1_000, serverMs: 999, afterMs: 1_040 }, -1],
    [{ beforeMs: 1_000, serverMs: 3_601_000, afterMs: 1_500 }, 3_599_500],
  ])('is what is certain of %j: %i ms', (reading, differenceMs) => {
    expect(difference(reading)).toBe(differenceMs);
  });

  test('a slow answer is no difference', () => {
    const reading = { beforeMs: 0, serverMs: 20_000, afterMs: 30_000 };
    expect(difference(reading)).toBe(0);
  });

  test('a clock in whole seconds may be up to a second further', () => {
    const resolution = httpDateResolutionMs;
    expect(difference({ beforeMs: 1_999, serverMs: 1_000, afterMs: 1_999 }, resolution)).toBe(0);
    expect(difference({ beforeMs: 2_000, serverMs: 1_000, afterMs: 2_000 }, resolution)).toBe(-1);
    expect(difference({ beforeMs: 900, serverMs: 1_000, afterMs: 999 }, resolution)).toBe(1);
  });

  test('of two other clocks counts both ranges', () => {
    const reference = { leastMs: -20, mostMs: 30 };
    expect(clockDifferenceMs({ leastMs: 25, mostMs: 25 }, reference)).toBe(0);
    expect(clockDifferenceMs({ leastMs: 31, mostMs: 40 }, reference)).toBe(1);
    expect(clockDifferenceMs({ leastMs: -40, mostMs: -21 }, reference)).toBe(-1);
  });

  test('more than the limit is off, on both sides', () => {
    expect([clockDifferenceMaxMs, -clockDifferenceMaxMs].map(isClockOff)).toEqual([false, false]);
    expect([clockDifferenceMaxMs + 1, -clockDifferenceMaxMs - 1].map(isClockOff)).toEqual([true, true]);
  });
});
