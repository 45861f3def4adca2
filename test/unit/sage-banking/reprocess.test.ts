import { expect, test } from 'vitest';
import { nextReprocessPollMs, sageReprocessLimits } from '../../../src/domain/sage-banking/reprocess.js';

test('a reprocess run is polled at its period at first, and about a hundred times in 15 minutes', () => {
  const periodMs = 1_000;
  expect(nextReprocessPollMs({ periodMs, waitedMs: 0 })).toBe(periodMs);
  expect(nextReprocessPollMs({ periodMs, waitedMs: 15_000 })).toBe(periodMs);
  let waitedMs = 0;
  let polls = 0;
  for (; waitedMs < sageReprocessLimits.chunkRunMaxMs; polls += 1) {
    waitedMs += nextReprocessPollMs({ periodMs, waitedMs });
  }
  expect(polls).toBeGreaterThan(60);
  expect(polls).toBeLessThan(120);
});

test('a longer poll period of Sage is kept', () => {
  expect(nextReprocessPollMs({ periodMs: 60_000, waitedMs: 600_000 })).toBe(60_000);
});
