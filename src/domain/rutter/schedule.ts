import { dayMs } from '../limits.js';
import { backoffMs, shareOf } from '../schedule.js';

/** When feeds and connections of Rutter are checked without a signal. */

/** Of a sync interval of 24 h the next check is due after 20 h, plus up to 3 h spread by feed. */
const earliestShare = 20 / 24;
const spreadShare = 3 / 24;

/**
 * When a feed that has just caught up is checked again without a signal, epoch ms. Derived from the feed's id, so that
 * a million feeds do not wake together and each keeps its time of day.
 */
export function nextSyncAtMs(input: { feedId: string; nowMs: number; intervalMs: number }): number {
  return Math.round(input.nowMs + input.intervalMs * (earliestShare + spreadShare * shareOf(input.feedId)));
}

/** What is awaited is checked often for a day, then once a day, and after 30 days only on a wake-up. */
export const awaitQuicklyMs = dayMs;
export const awaitAtAllMs = 30 * dayMs;

/**
 * How long until the next check of a connection on which something has been awaited for `elapsedMs`: an eighth of the
 * wait so far between the two bounds, then daily, then never (null).
 */
export function activationPollDelayMs(input: {
  elapsedMs: number;
  minMs: number;
  maxMs: number;
}): number | null {
  if (input.elapsedMs >= awaitAtAllMs) return null;
  if (input.elapsedMs >= awaitQuicklyMs) return dayMs;
  return Math.min(input.maxMs, Math.max(input.minMs, Math.round(input.elapsedMs / 8)));
}

/** The longest time for which a refused connection is not checked; a request of an operator ends it. */
export const refusalHoldOffMaxMs = 15 * 60_000;

/**
 * How long after the `times`-th refusal of a connection within a day it is not checked again: not at all after the
 * first (it may have recovered already), then from 10 s doubling to 15 min.
 */
export function refusalHoldOffMs(times: number): number {
  return times <= 1 ? 0 : backoffMs({ tries: times - 2, firstMs: 10_000, maxMs: refusalHoldOffMaxMs });
}
