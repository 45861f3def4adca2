import { closeWithAccount, reopenWithAccount } from '../../../db/rutter/account-closing.js';
import { readDatabaseClock } from '../../../db/clock.js';
import type { FeedRow } from '../../../db/rutter/feeds.js';
import { todayIn, zoneOf } from '../../../domain/booking-day.js';
import type { RutterDeps } from '../deps.js';

/** What the closing of its account means for a feed, at the beginning and at the end of a delivery run. */

/** The feed; one that closed with its account is opened first, if the account is open again or late postings came. */
export async function reopenFeedOfAccount(deps: RutterDeps, feed: FeedRow): Promise<FeedRow> {
  if (feed.closedBy !== 'account') return feed;
  return (await reopenWithAccount(deps.pool, await ofAccount(deps, feed))) ?? feed;
}

/**
 * Closes the feed with its account if nothing is left to do. Null: it does not close. `reopened`: a posting arrived
 * meanwhile, and the signal for it found the feed open.
 */
export async function closeFeedOfAccount(
  deps: RutterDeps,
  feed: FeedRow,
): Promise<FeedRow | 'reopened' | null> {
  if (feed.closedOn === null) return null;
  const closed = await closeWithAccount(deps.pool, await ofAccount(deps, feed));
  if (closed === null) return null;
  const opened = await reopenWithAccount(deps.pool, await ofAccount(deps, feed));
  return opened === null ? closed : 'reopened';
}

/** Today by the database's clock: workers whose clocks differ would close and reopen the feed in turns. */
async function ofAccount({ pool, settings: { bankTimeZone } }: RutterDeps, { feedId }: FeedRow) {
  const nowMs = await readDatabaseClock(pool);
  const todayOf = ({ timeZone }: FeedRow) => todayIn(zoneOf({ timeZone, bankTimeZone }), nowMs);
  return { feedId, todayOf };
}
