import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';
import { ApplicationFailure } from '@temporalio/common';
import type { FeedRow } from '../../../db/rutter/feeds.js';
import { recordCredentialsRejected } from '../../../db/rutter/rejected-credentials.js';
import { failureTypes } from '../../../domain/failures.js';
import { credentialsRejectedReason } from '../../../domain/feed.js';
import { requireCredentials } from '../rejected-credentials.js';
import type { RutterDeps } from '../deps.js';
import { readConnectionRefusal, type ConnectionRefusal } from '../explain-refusal.js';
import { CredentialsRejected } from '../../failures.js';
import { recordFailure } from './record-failure.js';

/**
 * What of a failure is a refusal of the feed's connection; null for anything else. Our own credentials refused for
 * everybody is nothing of this feed's: it is noted for all, its reason says so, no customer is notified, and all wait.
 */
export async function explainFailure(
  deps: RutterDeps,
  feed: FeedRow,
  error: unknown,
): Promise<ConnectionRefusal | null> {
  try {
    return await readConnectionRefusal(deps, error);
  } catch (probed) {
    if (!(probed instanceof CredentialsRejected)) throw probed;
    await recordCredentialsRejected(deps.pool);
    return await checkLater(deps, feed, probed);
  }
}

/** Nothing is sent while our own credentials are refused, whoever met it: of all that wait one asks at a time. */
export async function waitForOrganisation(deps: RutterDeps, feed: FeedRow): Promise<void> {
  try {
    await requireCredentials(deps);
  } catch (error) {
    if (!(error instanceof CredentialsRejected)) throw error;
    await checkLater(deps, feed, error);
  }
}

async function checkLater(deps: RutterDeps, feed: FeedRow, refused: CredentialsRejected): Promise<never> {
  // Once: ten thousand feeds that wait only read.
  if (feed.reason !== credentialsRejectedReason) await recordFailure(deps, feed, refused);
  throw ApplicationFailure.create({
    type: failureTypes.providerUnavailable,
    message: refused.message,
    nextRetryDelay: deliveryLimits.credentialsProbeMs,
  });
}
