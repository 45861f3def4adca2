import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { isRutterError } from '../../../clients/rutter/errors.js';
import { recordReason } from '../../../db/rutter/feed-facts.js';
import type { FeedRow } from '../../../db/rutter/feeds.js';
import {
  credentialsRejectedReason,
  providerUnavailableReason,
  unexpectedReason,
} from '../../../domain/feed.js';
import { isBlocked, type FeedReason } from '../../../domain/rutter/feed.js';
import { failureTypes } from '../../../domain/failures.js';
import type { RutterDeps } from '../deps.js';
import { CredentialsRejected, readFailure } from '../../failures.js';

/**
 * Records a failure that is retried automatically in the feed's row, so that a late feed shows its reason. A sender
 * that lost its lease meanwhile does not overwrite the success of a later one.
 *
 * @param feed the row as it was when the delivery run began
 */
export async function recordFailure(
  deps: Pick<RutterDeps, 'pool'>,
  feed: FeedRow,
  error: unknown,
): Promise<void> {
  // A cancelled delivery run has no failure.
  if (isBlocked(feed.reason) || error instanceof CancelledFailure) return;
  const ours =
    isRutterError(error) || error instanceof ApplicationFailure || error instanceof CredentialsRejected;
  // A foreign error's text could quote data: only its name goes into the row, the rest into the worker's log.
  const detail = ours ? error.message : error instanceof Error ? error.name : 'unknown';
  const reason = reasonOf(error, ours);
  await recordReason(deps.pool, { feedId: feed.feedId, reason, detail, timeline: false, asOf: feed });
}

/** A saturated limiter and an unreachable Temporal pass by themselves, as Rutter's own failures do. */
const passingTypes: ReadonlySet<string> = new Set([
  failureTypes.providerUnavailable,
  failureTypes.rateLimited,
]);

function reasonOf(error: unknown, ours: boolean): FeedReason {
  if (error instanceof CredentialsRejected) return credentialsRejectedReason;
  return ours || passingTypes.has(readFailure(error).type) ? providerUnavailableReason : unexpectedReason;
}
