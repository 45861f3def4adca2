import { ApplicationFailure } from '@temporalio/common';
import { isRutterError } from '../../clients/rutter/errors.js';
import { recordReason } from '../../db/feed-facts.js';
import type { FeedRow } from '../../db/feeds.js';
import {
  isParked,
  organisationRefusedReason,
  peerUnavailableReason,
  unexpectedReason,
} from '../../domain/feed.js';
import type { ActivityDeps } from '../deps.js';
import { OrganisationRefused } from '../failures.js';

/**
 * Puts a trouble that is tried again by itself into the row, so that a late feed has its reason on a screen. A sender
 * that was overtaken (frozen past its lease, say) writes nothing over the success of the one that came after it.
 *
 * @param feed the row as it was when the slice began
 */
export async function noteTrouble(
  deps: Pick<ActivityDeps, 'pool'>,
  feed: FeedRow,
  error: unknown,
): Promise<void> {
  if (isParked(feed.reason)) return;
  const ours =
    isRutterError(error) || error instanceof ApplicationFailure || error instanceof OrganisationRefused;
  // A foreign error's text could quote data: only its name goes into the row, the rest into the worker's log.
  const detail = ours ? error.message : error instanceof Error ? error.name : 'unknown';
  const reason = reasonOf(error, ours);
  await recordReason(deps.pool, { feedId: feed.feedId, reason, detail, timeline: false, asOf: feed });
}

function reasonOf(error: unknown, ours: boolean): string {
  if (error instanceof OrganisationRefused) return organisationRefusedReason;
  return ours ? peerUnavailableReason : unexpectedReason;
}
