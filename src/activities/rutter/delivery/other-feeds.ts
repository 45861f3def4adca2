import { readFeedOfOpenBatch } from '../../../db/rutter/delivery-locks.js';
import { recordProceeds, recordReason, recordSharedReason } from '../../../db/rutter/feed-facts.js';
import { readFeed, type FeedRow } from '../../../db/rutter/feeds.js';
import { deliveryLimits } from '../../../domain/rutter/delivery-limits.js';
import { deliveryLockOf } from '../../../domain/rutter/delivery-lock.js';
import { otherFeedBlockedReason } from '../../../domain/rutter/feed.js';
import { rutterFeedStatus } from '../../../domain/rutter/feed-status.js';
import type { RutterDeps } from '../deps.js';

/** What a feed shows while it waits for the batch of another feed of its connection: nothing is sent past that. */

/** The other feed needs a person. Answers how long until this one checks again. */
export async function waitForBlockedFeed(
  { pool }: Pick<RutterDeps, 'pool'>,
  { feedId }: FeedRow,
  what: string,
): Promise<number> {
  const waitMs = deliveryLimits.blockedLockCheckMs;
  await recordReason(pool, {
    feedId,
    reason: otherFeedBlockedReason,
    detail: `${what} waits for a person`,
    cause: 'waiting_for_another_feed',
    nextAttemptMs: waitMs,
    timeline: false,
  });
  return waitMs;
}

/** The other feed is retried by itself: what delays it delays this one. Without such a feed nothing is changed. */
export async function shareReason(
  { pool }: Pick<RutterDeps, 'pool'>,
  feed: FeedRow,
  other: { readonly feedId: string; readonly nextAttemptMs?: number },
): Promise<void> {
  const { feedId } = feed;
  const owner = other.feedId === feedId ? null : await readFeed(pool, other);
  if (owner === null) return;
  const { reason, degraded } = rutterFeedStatus(owner);
  if (degraded !== null) {
    await recordSharedReason(pool, { feedId, ownerId: other.feedId, nextAttemptMs: other.nextAttemptMs });
  } else if (reason === null && feed.reason !== null) {
    await recordProceeds(pool, { feedId });
  }
}

/** The same for the feed whose batch is open, while its sender has the delivery lock. */
export async function shareReasonOfOpenBatch(deps: Pick<RutterDeps, 'pool'>, feed: FeedRow): Promise<void> {
  const ownerId = await readFeedOfOpenBatch(deps.pool, { deliveryLockId: deliveryLockOf(feed) });
  if (ownerId !== null) await shareReason(deps, feed, { feedId: ownerId });
}
