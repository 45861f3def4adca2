import { expect, test } from 'vitest';
import { handoffLimits, publishingTimeMs } from '../../../src/domain/rutter/handoff-limits.js';

const firstSeenAt = '2026-11-30T10:00:00.000Z';
const lifetimeMs = 570_000;

function left(input: { elapsedMs: number; otpLatestMs: number }): number {
  return publishingTimeMs({
    firstSeenAt,
    deadlineAt: new Date(Date.parse(firstSeenAt) + lifetimeMs).toISOString(),
    remainingMs: lifetimeMs - input.elapsedMs,
    otpLatestMs: input.otpLatestMs,
  });
}

test('publishing ends the reserve before the latest moment of the one-time password', () => {
  expect(left({ elapsedMs: 0, otpLatestMs: 570_000 })).toBe(570_000 - handoffLimits.otpReserveMs);
  expect(left({ elapsedMs: 524_999, otpLatestMs: 570_000 })).toBe(1);
  expect(left({ elapsedMs: 525_000, otpLatestMs: 570_000 })).toBe(0);
  expect(left({ elapsedMs: 560_000, otpLatestMs: 570_000 })).toBeLessThan(0);
});

test('the deadline of the handoff counts when it is earlier than HANDOFF_OTP_LATEST', () => {
  expect(left({ elapsedMs: 0, otpLatestMs: 3_600_000 })).toBe(570_000 - handoffLimits.otpReserveMs);
});

test('a short HANDOFF_OTP_LATEST leaves three quarters of its time for publishing', () => {
  expect(left({ elapsedMs: 0, otpLatestMs: 60_000 })).toBe(45_000);
  expect(left({ elapsedMs: 0, otpLatestMs: 1_000 })).toBe(750);
});
