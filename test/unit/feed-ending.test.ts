import { describe, expect, it } from 'vitest';
import { channels } from '../../src/domain/channels.js';
import type { FeedState } from '../../src/domain/feed.js';
import { feedStatus, type StoredReason } from '../../src/domain/feed-status.js';

const nothing: StoredReason = {
  reason: null,
  reasonAt: null,
  degradedSince: null,
  degradedCause: null,
  nextAttemptAt: null,
};
const since = '2026-11-01T00:00:00.000Z';
const ending = (state: FeedState, change: Partial<StoredReason> = {}) =>
  feedStatus(channels.rutter, { ...nothing, isEnding: true, ...change, state });

describe('a feed that ends', () => {
  it('says so as long as it is not closed, and nothing more urgent is to be said', () => {
    for (const state of ['live', 'backfilling', 'paused', 'reauth_required', 'disconnected'] as const) {
      expect(ending(state)).toEqual({ state, reason: 'disconnecting', degraded: null });
    }
    expect(ending('closed')).toMatchObject({ reason: null });
    expect(ending('live', { isEnding: false })).toMatchObject({ reason: null });
    expect(ending('live', { reason: 'job_lost' })).toMatchObject({ reason: 'job_lost', degraded: null });
    const failing = { reason: 'provider_unavailable', reasonAt: since, degradedSince: since };
    expect(ending('live', failing)).toMatchObject({ reason: 'provider_unavailable', degraded: { since } });
    // A failure that is not retried in this state is not shown.
    expect(ending('paused', failing)).toMatchObject({ reason: 'disconnecting', degraded: null });
  });
});
