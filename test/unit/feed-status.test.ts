import { describe, expect, it } from 'vitest';
import { degradedCauseOf } from '../../src/activities/degraded-cause.js';
import { CredentialsRejected } from '../../src/activities/failures.js';
import type { UnknownOutcomeReason } from '../../src/clients/http/provider-error.js';
import {
  RutterOutcomeUnknown,
  RutterRateLimited,
  RutterRefused,
  RutterUnreachable,
} from '../../src/clients/rutter/errors.js';
import { SageOutcomeUnknown, SageUnreachable } from '../../src/clients/sage-banking/errors.js';
import { LimiterSaturated } from '../../src/db/rate-limiter.js';
import { channels } from '../../src/domain/channels.js';
import { feedStates } from '../../src/domain/feed.js';
import { degradedCauses, feedStatus, isProviderCause } from '../../src/domain/feed-status.js';
import {
  asksForTry,
  requestTransition,
  sharedReasonTransition,
  type FeedSnapshot,
} from '../../src/domain/rutter/transitions.js';

const none = { reason: null, reasonAt: null, degradedSince: null, degradedCause: null, nextAttemptAt: null };
const since = '2026-03-01T08:00:00.000Z';
const next = '2026-03-01T08:01:00.000Z';

describe('the status of a feed', () => {
  for (const channel of Object.values(channels)) {
    it.each(channel.reasons.flatMap((reason) => feedStates.map((state) => ({ reason, state }))))(
      `of ${channel.id} in state $state with $reason is blocked, degraded or neither`,
      ({ reason, state }) => {
        const stored = {
          ...none,
          state,
          reason,
          reasonAt: next,
          degradedSince: since,
          degradedCause: 'provider_error',
          nextAttemptAt: next,
        };
        const status = feedStatus(channel, stored);
        expect(status.state).toBe(state);
        if (channel.isBlocked(reason)) expect(status).toEqual({ state, reason, degraded: null });
        else if (channel.retryingStates.includes(state)) {
          const degraded = { since, cause: 'provider_error', nextAttemptAt: next };
          expect(status).toEqual({ state, reason, degraded });
        } else expect(status).toEqual({ state, reason: null, degraded: null });
      },
    );
  }

  it('without a reason shows none, whatever the version before left in the row', () => {
    const left = { ...none, degradedSince: since, degradedCause: 'provider_error', nextAttemptAt: next };
    expect(feedStatus(channels.rutter, { ...left, state: 'live' })).toEqual({
      state: 'live',
      reason: null,
      degraded: null,
    });
  });

  it('with a reason of the version before is degraded since that was written', () => {
    const stored = { ...none, state: 'live' as const, reason: 'provider_unavailable', reasonAt: since };
    const degraded = { since, cause: 'provider_unavailable', nextAttemptAt: null };
    expect(feedStatus(channels.rutter, stored)).toMatchObject({ degraded });
  });

  it('is never degraded when an operator has paused or closed the feed', () => {
    for (const { retryingStates } of Object.values(channels)) {
      expect(retryingStates).not.toContain('paused');
      expect(retryingStates).not.toContain('closed');
    }
  });
});

describe('the cause of a failure', () => {
  const operation = 'postTransactions';
  const refusal = {
    operation,
    errorType: null,
    errorCode: null,
    errorMessage: null,
    jobId: undefined,
  } as const;
  const unknown = (reason: UnknownOutcomeReason) => new RutterOutcomeUnknown({ operation, reason });
  it.each([
    [unknown('timeout'), 'provider_timeout'],
    [unknown('server_error'), 'provider_error'],
    [unknown('connection_lost'), 'connection_lost'],
    [unknown('unreadable_body'), 'answer_not_understood'],
    [unknown('unexpected_shape'), 'answer_not_understood'],
    [new RutterUnreachable({ operation, code: 'ECONNREFUSED' }), 'provider_unreachable'],
    [new RutterRefused({ ...refusal, httpStatus: 450 }), 'provider_refused'],
    [new RutterRateLimited({ ...refusal, httpStatus: 429, platform: false }), 'rate_limited'],
    [new SageUnreachable({ operation: 'readTransactions', code: 'ENOTFOUND' }), 'provider_unreachable'],
    [new SageOutcomeUnknown({ operation: 'readTransactions', reason: 'timeout' }), 'provider_timeout'],
    [new CredentialsRejected(undefined), 'credentials_rejected'],
    [new LimiterSaturated('delivery', 1_000), 'rate_limited'],
    [Object.assign(new Error('no'), { name: 'WorkflowsUnavailable' }), 'temporal_unavailable'],
    [new TypeError('a bug'), 'unexpected_failure'],
    ['not an error', 'unexpected_failure'],
  ])('%s is %s', (error, cause) => {
    expect(degradedCauseOf(error)).toBe(cause);
  });

  it('is the provider’s only where the provider does not answer as it should', () => {
    const ours = degradedCauses.filter((cause) => !isProviderCause(cause));
    expect(ours).toEqual([
      'credentials_rejected',
      'waiting_for_another_feed',
      'temporal_unavailable',
      'unexpected_failure',
    ]);
  });
});

describe('a request for a degraded feed', () => {
  const feed: FeedSnapshot = {
    facts: {
      operator: 'running',
      connection: 'ok',
      account: 'active',
      published: true,
      caughtUp: true,
      syncing: false,
    },
    state: 'live',
    reason: 'provider_unavailable',
    transactionStartDate: null,
    startDay: null,
    timeZone: null,
    nextSyncAt: null,
    checkRequested: false,
  };

  it.each(['resume', 'sync'] as const)('to %s leaves the reason to the try that it asks for', (action) => {
    expect(asksForTry(action)).toBe(true);
    expect(requestTransition(feed, action)?.change).not.toHaveProperty('reason');
    const blocked = { ...feed, reason: 'attempts_exhausted' };
    expect(requestTransition(blocked, action)?.change).toMatchObject({ reason: null });
  });

  it('clears the reason with the end of a pause, in which nothing was retried, and with a close', () => {
    const paused: FeedSnapshot = { ...feed, facts: { ...feed.facts, operator: 'paused' }, state: 'paused' };
    expect(requestTransition(paused, 'resume')?.change).toMatchObject({ reason: null });
    expect(requestTransition(feed, 'close')?.change).toMatchObject({ reason: null });
    expect(requestTransition(feed, 'pause')?.change).not.toHaveProperty('reason');
  });
});

describe('a feed that waits for the batch of another feed', () => {
  const own = { reason: null } as FeedSnapshot;
  const owner = { feedId: 'other', reason: 'provider_unavailable', degradedCause: 'provider_timeout' };

  it('is degraded for the same cause', () => {
    expect(sharedReasonTransition(own, { owner, nextAttemptMs: 5 })?.change).toEqual({
      reason: 'provider_unavailable',
      reasonDetail: 'as feed other',
      degradedCause: 'provider_timeout',
      nextAttemptMs: 5,
    });
  });

  it.each([
    ['the other one proceeds', { ...owner, reason: null }, own],
    ['the other one needs a person', { ...owner, reason: 'job_lost' }, own],
    ['it needs a person itself', owner, { ...own, reason: 'job_lost' }],
  ])('changes nothing when %s', (_, other, feed) => {
    expect(sharedReasonTransition(feed, { owner: other, nextAttemptMs: null })).toBeNull();
  });
});
