import {
  closesWithAccount,
  closeTransition,
  opensWithAccount,
  reopenTransition,
} from '../../domain/rutter/account-closing.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { checkReady } from './ready-postings.js';
import { applyTransition, lockFeed, type FeedRow } from './feeds.js';

/**
 * What the closing of an account means for its feeds. `today`: the day in the account's zone. Both are decided under the
 * feed's lock, so that no batch is built in between; a posting that arrives after the decision opens the feed again.
 */

/** Closes the feed if its account is closed and nothing is left to send. Answers the closed feed, else null. */
export async function closeWithAccount(
  pool: Pool,
  input: { feedId: string; todayOf: (feed: FeedRow) => string },
): Promise<FeedRow | null> {
  return await transaction(pool, async (db) => {
    const feed = await lockFeed(db, input);
    if (feed === null || feed.closedOn === null || feed.facts.operator === 'closed') return null;
    const { isAnythingReady, checkedUpTo } = await checkReady(db, feed);
    const isAnythingLeft = isAnythingReady || (await isAnythingUndecided(db, input));
    if (!closesWithAccount(feed, { today: input.todayOf(feed), isAnythingLeft })) return null;
    await applyTransition(db, feed, closeTransition('account', { closed_on: feed.closedOn }));
    await markExamined(db, feed, checkedUpTo);
    return await lockFeed(db, input);
  });
}

/** Opens a feed again that closed with its account, if there is a reason for it. Answers the open feed, else null. */
export async function reopenWithAccount(
  pool: Pool,
  input: { feedId: string; todayOf: (feed: FeedRow) => string },
): Promise<FeedRow | null> {
  return await transaction(pool, async (db) => {
    const feed = await lockFeed(db, input);
    if (feed?.closedBy !== 'account') return null;
    const { isAnythingReady: isAnythingLeft, checkedUpTo } = await checkReady(db, feed);
    if (!opensWithAccount(feed, { today: input.todayOf(feed), isAnythingLeft })) {
      // What has arrived is not to be sent: the repair job need not wake the feed for it.
      await markExamined(db, feed, checkedUpTo);
      return null;
    }
    await applyTransition(db, feed, reopenTransition());
    return await lockFeed(db, input);
  });
}

/** An open batch, or postings of a refused one that the next build makes ready again. */
async function isAnythingUndecided(db: Queryable, input: { feedId: string }): Promise<boolean> {
  const { rowCount } = await db.query(
    `SELECT 1 FROM batches WHERE feed_id = $1 AND state = 'open'
     UNION ALL SELECT 1 FROM feeds WHERE feed_id = $1 AND bisection_left IS NOT NULL`,
    [input.feedId],
  );
  return rowCount !== 0;
}

/**
 * For a feed that may send, where everything up to a sequence was just checked; what arrived since is checked later. Of
 * a feed that Sage has not chosen nothing was examined, and nothing has to be: opening it again examines from its start
 * date on.
 */
async function markExamined(db: Queryable, feed: FeedRow, checkedUpTo: string): Promise<void> {
  if (feed.facts.account !== 'active') return;
  await db.query(
    `UPDATE feeds SET examined_sequence = $2, examined_by_day_sequence = $2 WHERE feed_id = $1`,
    [feed.feedId, checkedUpTo],
  );
}
