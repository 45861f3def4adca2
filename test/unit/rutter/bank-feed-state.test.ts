import { describe, expect, test } from 'vitest';
import type { RunDeliveryResult } from '../../../src/activities/rutter/delivery/run-delivery.js';
import { dayMs } from '../../../src/domain/limits.js';
import {
  afterDeliveryRun,
  afterDueTimer,
  initialState,
  isDeliveryRunDue,
} from '../../../src/workflows/rutter/bank-feed/state.js';

/** By Temporal's clock. */
const nowMs = 1_800_000_000_000;
const hourMs = 3_600_000;

function dueAfter(result: Partial<RunDeliveryResult>) {
  const state = initialState({ ...carried, requests: [] }, nowMs);
  const caughtUp = { outcome: 'caught_up', state: 'live', reason: null, customerId: 'c' } as const;
  afterDeliveryRun(state, { ...caughtUp, batches: 0, delivered: 0, ...result }, nowMs);
  return { state, dueInMs: state.dueAtMs - nowMs };
}

const carried = {
  feedState: 'live',
  reason: null,
  postingsWaiting: false,
  readAccount: false,
  requests: [],
  waitingFor: 'postings',
  syncsDone: 1,
  lastSyncedAtMs: null,
  dueAtMs: nowMs,
} as const;

describe('the next check of a feed that has caught up', () => {
  test.each([
    ['PostgreSQL an hour behind Temporal', -hourMs],
    ['PostgreSQL an hour ahead', hourMs],
    ['equal clocks', 0],
  ])('follows after the wait, with %s', (_, skewMs) => {
    // A sync interval of half an hour: as an instant, the next check would be due at once.
    const { state, dueInMs } = dueAfter({
      nextSyncInMs: hourMs / 2,
      nextSyncAtMs: nowMs + skewMs + hourMs / 2,
    });
    expect(dueInMs).toBe(hourMs / 2);
    expect(isDeliveryRunDue(state, nowMs)).toBe(false);
    expect(isDeliveryRunDue(state, nowMs + hourMs / 2)).toBe(true);
  });

  test('follows at the instant that a worker of version 0.2.0 names, or after a day', () => {
    expect(dueAfter({ nextSyncAtMs: nowMs + 5 }).dueInMs).toBe(5);
    expect(dueAfter({}).dueInMs).toBe(dayMs);
  });

  test('follows when the timer of version 0.2.0 has fired, which was set by the instant', () => {
    const { state } = dueAfter({ nextSyncInMs: hourMs, nextSyncAtMs: nowMs + hourMs - 40 });
    const firedAtMs = nowMs + hourMs - 40;
    expect(isDeliveryRunDue(state, firedAtMs)).toBe(false);
    afterDueTimer(state, firedAtMs);
    expect(isDeliveryRunDue(state, firedAtMs)).toBe(true);
  });
});
