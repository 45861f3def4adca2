import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { isRutterError } from '../../../clients/rutter/errors.js';
import { recordReason } from '../../../db/rutter/feed-facts.js';
import type { FeedRow } from '../../../db/rutter/feeds.js';
import {
  credentialsRejectedReason,
  providerUnavailableReason,
  unexpectedReason,
} from '../../../domain/feed.js';
import { isBlocked } from '../../../domain/rutter/feed.js';
import { failureTypes } from '../../../domain/failures.js';
import type { RutterDeps } from '../deps.js';
import { CredentialsRejected, readFailure } from '../../failures.js';

/**
 * Puts a failure that is tried again by itself into the row, so that a late feed has its reason on a screen. A sender
 * that was overtaken (frozen past its lease, say) writes nothing over the success of the one that came after it.
 *
 * @param feed the row as it was when the delivery run began
 */
export async function recordFailure(
  deps: Pick<RutterDeps, 'pool'>,
  feed: FeedRow,
  error: unknown,
): Promise<void> {
  // A delivery run that was called off has no failure.
  if (isBlocked(feed.reason) || error instanceof CancelledFailure) return;
  const ours =
    isRutterError(error) || error instanceof ApplicationFailure || error instanceof CredentialsRejected;
  // A foreign error's text could quote data: only its name goes into the row, the rest into the worker's log.
  const detail = ours ? error.message : error instanceof Error ? error.name : 'unknown';
  const reason = reasonOf(error, ours);
  await recordReason(deps.pool, { feedId: feed.feedId, reason, detail, timeline: false, asOf: feed });
}

/** A crowd before the limiter and Temporal being away pass by themselves, as Rutter's own failures do. */
const passingTypes: ReadonlySet<string> = new Set([
  failureTypes.providerUnavailable,
  failureTypes.rateLimited,
]);

function reasonOf(error: unknown, ours: boolean): string {
  if (error instanceof CredentialsRejected) return credentialsRejectedReason;
  return ours || passingTypes.has(readFailure(error).type) ? providerUnavailableReason : unexpectedReason;
}
