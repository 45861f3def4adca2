import type { Channel } from './channel.js';
import type { FeedState } from './feed.js';

/**
 * What is shown of a feed, derived from its facts by one function: for the API, the search attributes and details of its
 * workflow, pages and alerts. A feed is paused when an operator decided so, blocked when it needs a person, degraded
 * when it is retried by itself.
 */

/** Why a feed is degraded: for programs, and as labels. The provider's own text is in the reason's detail. */
export const degradedCauses = [
  /** No connection to the provider: refused, unknown name, bad certificate. */
  'provider_unreachable',
  'provider_timeout',
  /** The connection broke before the whole answer had arrived. */
  'connection_lost',
  /** A 5xx. */
  'provider_error',
  /** A 4xx for which no posting is the cause. */
  'provider_refused',
  /** The provider's limit, or our own limiter has more requests than it may send. */
  'rate_limited',
  'answer_not_understood',
  /** The provider has the batch, and its job does not end. */
  'job_slow',
  'credentials_rejected',
  'waiting_for_another_feed',
  'temporal_unavailable',
  'unexpected_failure',
] as const;
export type DegradedCause = (typeof degradedCauses)[number];

/** The causes for which neither the customer's company nor the bank is answerable: the provider does not do its part. */
const providerCauses: readonly string[] = [
  'provider_unreachable',
  'provider_timeout',
  'connection_lost',
  'provider_error',
  'provider_refused',
  'rate_limited',
  'answer_not_understood',
  'job_slow',
] satisfies DegradedCause[];

/** Whether it is the provider that does not answer as it should, so that a page may say so. */
export function isProviderCause(cause: string): boolean {
  return providerCauses.includes(cause);
}

/** The reason of a feed that nothing keeps from proceeding, and that ends: see {@link StoredReason.isEnding}. */
export const endingReason = 'disconnecting';

/** What the row of a feed says about the last attempt that did not succeed. Instants are ISO text. */
export interface StoredReason {
  readonly reason: string | null;
  /** When `reason` last changed. */
  readonly reasonAt: string | null;
  /** Null where the version before wrote the reason. */
  readonly degradedSince: string | null;
  readonly degradedCause: string | null;
  readonly nextAttemptAt: string | null;
  /**
   * The account is being disconnected at the provider, or its connection deleted there: the state is as before until that
   * is done. Absent: not of interest to the reader.
   */
  readonly isEnding?: boolean;
}

/** Retried by itself. */
export interface Degraded {
  /** The first failed attempt since the last success; ISO text. */
  readonly since: string;
  /** One of {@link degradedCauses}; of the version before, the reason. */
  readonly cause: string;
  /** When the next attempt begins. In the past: it is under way. Null: unknown. */
  readonly nextAttemptAt: string | null;
}

export interface FeedStatus {
  readonly state: FeedState;
  /** Why the feed does not proceed; null when nothing keeps it. */
  readonly reason: string | null;
  readonly degraded: Degraded | null;
}

/** A status as an activity reports it to the workflow of its feed, which may not have had a result yet. */
export interface ReportedStatus extends FeedStatus {
  readonly customerId: string;
}

/**
 * The status of a feed in a state, which `feedState` derives from its facts. A reason that needs a person is shown in
 * every state. One that passes by itself counts only while the feed is retried: not when it is paused or closed, nor where
 * something else keeps it from sending. With no other reason a feed that ends says so.
 */
export function feedStatus(
  channel: Pick<Channel, 'isBlocked' | 'retryingStates'>,
  feed: StoredReason & { readonly state: FeedState },
): FeedStatus {
  const { state, reason } = feed;
  const ending = feed.isEnding === true && state !== 'closed' ? endingReason : null;
  if (reason === null) return { state, reason: ending, degraded: null };
  if (channel.isBlocked(reason)) return { state, reason, degraded: null };
  const since = feed.degradedSince ?? feed.reasonAt;
  if (since === null || !channel.retryingStates.includes(state)) {
    return { state, reason: ending, degraded: null };
  }
  return {
    state,
    reason,
    degraded: { since, cause: feed.degradedCause ?? reason, nextAttemptAt: feed.nextAttemptAt },
  };
}
