import { Context } from '@temporalio/activity';
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
import { backoffMs, deliverRetryWaits } from '../../../domain/schedule.js';
import type { RutterDeps } from '../deps.js';
import { degradedCauseOf } from '../../degraded-cause.js';
import { CredentialsRejected, readFailure } from '../../failures.js';

/**
 * Records a failure that is retried automatically in the feed's row, so that a late feed shows its reason. A sender
 * that lost its lease meanwhile does not overwrite the success of a later one.
 *
 * @param feed the row as it was when the delivery run began
 * @param retryMs how long until the next attempt, where the caller and not the activity's retry policy decides
 */
export async function recordFailure(
  deps: Pick<RutterDeps, 'pool'>,
  feed: FeedRow,
  error: unknown,
  retryMs?: number,
): Promise<void> {
  // A cancelled delivery run has no failure.
  if (isBlocked(feed.reason) || error instanceof CancelledFailure) return;
  const ours =
    isRutterError(error) || error instanceof ApplicationFailure || error instanceof CredentialsRejected;
  await recordReason(deps.pool, {
    feedId: feed.feedId,
    reason: reasonOf(error, ours),
    // A foreign error's text could quote data: only its name goes into the row, the rest into the worker's log.
    detail: ours ? error.message : error instanceof Error ? error.name : 'unknown',
    cause: degradedCauseOf(error),
    nextAttemptMs: retryMs ?? retryWaitMs(error),
    timeline: false,
    asOf: feed,
  });
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

/** As Temporal waits: what the failure asks for, else by the retry policy of delivery runs. Undefined: with the next probe. */
function retryWaitMs(error: unknown): number | undefined {
  if (error instanceof CredentialsRejected) return undefined;
  if (error instanceof ApplicationFailure && typeof error.nextRetryDelay === 'number') {
    return error.nextRetryDelay;
  }
  const tries = Context.current().info.attempt - 1;
  return readFailure(error).retryAfterMs ?? backoffMs({ tries, ...deliverRetryWaits });
}
