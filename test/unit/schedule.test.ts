import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs } from '../../src/domain/schedule.js';
import { jobPollDelayMs } from '../../src/domain/rutter/delivery-limits.js';
import {
  activationPollDelayMs,
  awaitAtAllMs,
  awaitQuicklyMs,
  nextSyncAtMs,
  refusalHoldOffMs,
} from '../../src/domain/rutter/schedule.js';

const seed = 20_260_202;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const nowMs = Date.parse('2026-03-01T00:00:00Z');

/** Like random ids, but the same in every run. */
function feedIdOf(index: number): string {
  const hex = createHash('sha256').update(String(index)).digest('hex');
  return [8, 4, 4, 4, 12]
    .map((length, part, lengths) => {
      const from = lengths.slice(0, part).reduce((sum, before) => sum + before, 0);
      return hex.slice(from, from + length);
    })
    .join('-');
}

describe('nextSyncAtMs', () => {
  it('is 20 to 23 hours ahead for an interval of 24, so that no day passes without a check', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), fc.integer({ min: 0, max: nowMs }), (feedId, atMs) => {
        const aheadMs = nextSyncAtMs({ feedId, nowMs: atMs, intervalMs: dayMs }) - atMs;
        expect(aheadMs).toBeGreaterThanOrEqual(20 * hourMs);
        expect(aheadMs).toBeLessThanOrEqual(23 * hourMs);
        expect(Number.isInteger(aheadMs)).toBe(true);
      }),
      { seed, numRuns: 1_000 },
    );
  });

  it('scales with a shorter interval, as tests and demos use it', () => {
    const aheadMs = nextSyncAtMs({ feedId: feedIdOf(1), nowMs, intervalMs: 60_000 }) - nowMs;
    expect(aheadMs).toBeGreaterThanOrEqual(50_000);
    expect(aheadMs).toBeLessThanOrEqual(57_500);
  });

  it('spreads ten thousand feeds evenly over the three hours', () => {
    const counts = new Array<number>(36).fill(0);
    for (let index = 0; index < 10_000; index += 1) {
      const aheadMs = nextSyncAtMs({ feedId: feedIdOf(index), nowMs: 0, intervalMs: dayMs }) - 20 * hourMs;
      const bucket = Math.min(35, Math.floor(aheadMs / (5 * 60_000)));
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    const expected = 10_000 / 36;
    // Six standard deviations of a uniform spread are 100 around 278.
    for (const count of counts) expect(Math.abs(count - expected)).toBeLessThan(100);
  });

  it('gives a feed the same time every day', () => {
    const feedId = feedIdOf(7);
    const first = nextSyncAtMs({ feedId, nowMs, intervalMs: dayMs }) - nowMs;
    expect(nextSyncAtMs({ feedId, nowMs: nowMs + dayMs, intervalMs: dayMs }) - nowMs - dayMs).toBe(first);
  });
});

describe('backoffMs', () => {
  it('starts with the first wait, doubles, and stays at the longest', () => {
    const waits = [0, 1, 2, 3, 4, 31, 1_000, 1e9].map((tries) =>
      backoffMs({ tries, firstMs: 250, maxMs: 2_500 }),
    );
    expect(waits).toEqual([250, 500, 1_000, 2_000, 2_500, 2_500, 2_500, 2_500]);
  });

  it('never exceeds the longest wait, even where the first one does', () => {
    expect(backoffMs({ tries: 0, firstMs: 60_000, maxMs: 15_000 })).toBe(15_000);
  });
});

describe('jobPollDelayMs', () => {
  it('polls between 2 s and 60 s', () => {
    expect([0, 1_000, 16_000, 80_000, 480_000, dayMs].map(jobPollDelayMs)).toEqual([
      2_000, 2_000, 2_000, 10_000, 60_000, 60_000,
    ]);
  });

  it('finds an end at most an eighth of the elapsed time late, once the job is 16 s old', () => {
    fc.assert(
      fc.property(fc.integer({ min: 16_000, max: 480_000 }), (ageMs) => {
        expect(Math.abs(jobPollDelayMs(ageMs) - ageMs / 8)).toBeLessThanOrEqual(0.5);
      }),
      { seed, numRuns: 500 },
    );
  });
});

describe('activationPollDelayMs', () => {
  const bounds = { minMs: 2_000, maxMs: 15 * 60_000 };

  it('polls quickly for a day, daily for a month, and then waits for a wake-up', () => {
    const delays = [0, 15_999, awaitQuicklyMs - 1, awaitQuicklyMs, awaitAtAllMs - 1, awaitAtAllMs, 1e12].map(
      (elapsedMs) => activationPollDelayMs({ elapsedMs, ...bounds }),
    );
    expect(delays).toEqual([2_000, 2_000, bounds.maxMs, dayMs, dayMs, null, null]);
  });

  it('stays between its bounds on the first day', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: awaitQuicklyMs - 1 }),
        fc.integer({ min: 100, max: 10_000 }),
        fc.integer({ min: 10_000, max: 3_600_000 }),
        (elapsedMs, minMs, maxMs) => {
          const delayMs = activationPollDelayMs({ elapsedMs, minMs, maxMs });
          expect(delayMs).toBeGreaterThanOrEqual(minMs);
          expect(delayMs).toBeLessThanOrEqual(maxMs);
        },
      ),
      { seed, numRuns: 1_000 },
    );
  });

  it('finds an activation at most an eighth of the elapsed time late, between the bounds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 8 * bounds.minMs, max: 8 * bounds.maxMs }), (elapsedMs) => {
        const delayMs = activationPollDelayMs({ elapsedMs, ...bounds });
        expect(Math.abs((delayMs ?? 0) - elapsedMs / 8)).toBeLessThanOrEqual(0.5);
      }),
      { seed, numRuns: 500 },
    );
  });

  it('polls fewer than 180 times in the first day', () => {
    let checks = 0;
    let elapsedMs = 0;
    while (elapsedMs < awaitQuicklyMs) {
      elapsedMs += activationPollDelayMs({ elapsedMs, ...bounds }) ?? Infinity;
      checks += 1;
    }
    expect(checks).toBeLessThan(180);
    expect(checks).toBeGreaterThan(90);
  });
});

describe('refusalHoldOffMs', () => {
  it('checks again at once after the first refusal of a day, then from 10 s doubling to 15 minutes', () => {
    const waits = [0, 1, 2, 3, 4, 8, 9, 10_000].map(refusalHoldOffMs);
    expect(waits).toEqual([0, 0, 10_000, 20_000, 40_000, 640_000, 900_000, 900_000]);
  });
});
