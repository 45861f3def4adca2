import { ApplicationFailure } from '@temporalio/common';
import type { FeedRow } from '../../../db/rutter/feeds.js';
import { noteCredentialsRefused } from '../../../db/rutter/rejected-credentials.js';
import { failureTypes } from '../../../domain/failures.js';
import { organisationRefusedReason } from '../../../domain/feed.js';
import { requireCredentials } from '../rejected-credentials.js';
import type { ActivityDeps } from '../../deps.js';
import { readConnectionRefusal, type ConnectionRefusal } from '../explain-refusal.js';
import { OrganisationRefused } from '../../failures.js';
import { noteTrouble } from './record-failure.js';

/** Our credentials are refused for everybody: look again after this long. */
const organisationLookMs = 30_000;

/**
 * What of a trouble is a refusal of the feed's connection; null for anything else. Our own credentials refused for
 * everybody is nothing of this feed's: it is noted for all, its reason says so, no customer is told, and all wait.
 */
export async function explainTrouble(
  deps: ActivityDeps,
  feed: FeedRow,
  error: unknown,
): Promise<ConnectionRefusal | null> {
  try {
    return await readConnectionRefusal(deps, error);
  } catch (probed) {
    if (!(probed instanceof OrganisationRefused)) throw probed;
    await noteCredentialsRefused(deps.pool);
    return await lookLater(deps, feed, probed);
  }
}

/** Nothing is sent while our own credentials are refused, whoever met it: of all that wait one asks at a time. */
export async function waitForOrganisation(deps: ActivityDeps, feed: FeedRow): Promise<void> {
  try {
    await requireCredentials(deps);
  } catch (error) {
    if (!(error instanceof OrganisationRefused)) throw error;
    await lookLater(deps, feed, error);
  }
}

async function lookLater(deps: ActivityDeps, feed: FeedRow, refused: OrganisationRefused): Promise<never> {
  // Once: ten thousand feeds that wait only read.
  if (feed.reason !== organisationRefusedReason) await noteTrouble(deps, feed, refused);
  throw ApplicationFailure.create({
    type: failureTypes.peerUnavailable,
    message: refused.message,
    nextRetryDelay: organisationLookMs,
  });
}
