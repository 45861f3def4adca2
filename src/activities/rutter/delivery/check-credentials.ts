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
 * The refusal of the feed's connection in an error; null for any other error. Rejected credentials of our own concern
 * all feeds: they are recorded once, the feed's reason names them, no customer is notified, and all feeds wait.
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

/** Nothing is sent while our own credentials are recorded as rejected; one waiting feed at a time probes them. */
export async function waitForOrganisation(deps: RutterDeps, feed: FeedRow): Promise<void> {
  try {
    await requireCredentials(deps);
  } catch (error) {
    if (!(error instanceof CredentialsRejected)) throw error;
    await checkLater(deps, feed, error);
  }
}

async function checkLater(deps: RutterDeps, feed: FeedRow, refused: CredentialsRejected): Promise<never> {
  // Recorded once per feed: later checks of waiting feeds only read.
  if (feed.reason !== credentialsRejectedReason) await recordFailure(deps, feed, refused);
  throw ApplicationFailure.create({
    type: failureTypes.providerUnavailable,
    message: refused.message,
    nextRetryDelay: deliveryLimits.credentialsProbeMs,
  });
}
