import { isDelivered } from './delivered-postings.js';
import { notKeptBack } from './posting-holds.js';
import { bookedFrom } from './send-order.js';
import { readFeed, lockFeed, type FeedRow } from './feeds.js';
import { transaction, type Pool, type Queryable } from '../pool.js';
import { writeTimeline } from '../timeline.js';

/**
 * Compares the postings that our ledger shows as delivered with those that Rutter has, from a date on: the rows to
 * compare, and the removal of those that Rutter does not have, so that they are sent again.
 */

/** A posting that a completed batch of the feed delivered. */
export interface DeliveredPosting {
  readonly transactionId: string;
  readonly batchId: string;
  readonly sendAt: string;
}

export interface DeliveredSince {
  readonly feed: FeedRow;
  /** ISO; `from`, or the start date when that is later: nothing before it was meant to be sent. */
  readonly effectiveFrom: string;
  /** The first booking day that is compared. */
  readonly firstDay: string;
  /** In the order of delivery; one more than the limit when there are too many. */
  readonly delivered: readonly DeliveredPosting[];
  /** Postings from then on that wait to be built into a batch in any case. */
  readonly waiting: number;
  /** Epoch ms by the database's clock: nothing of the postings asked for was at Rutter before. */
  readonly sentSinceMs: number;
}

/** What a resync checks; null when there is no such feed. */
export async function readDeliveredSince(
  db: Queryable,
  input: { feedId: string; from: string; fromDay: string; deliveredMax: number },
): Promise<DeliveredSince | null> {
  const feed = await readFeed(db, input);
  if (feed === null) return null;
  const { startDay, transactionStartDate: start } = feed;
  const startsLater = startDay !== null && start !== null && startDay > input.fromDay;
  const firstDay = startsLater ? startDay : input.fromDay;
  const delivered = await db.query<DeliveredPosting>(
    `SELECT p.transaction_id AS "transactionId", l.batch_id AS "batchId", p.send_at AS "sendAt"
       FROM postings p JOIN ledger l ON l.feed_id = $1 AND l.transaction_id = p.transaction_id
       JOIN batches b ON b.batch_id = l.batch_id AND b.state = 'delivered'
      WHERE p.account_id = $2 AND p.status = 'posted' AND ${bookedFrom('$3')}
        AND ${isDelivered}
      ORDER BY p.send_at, p.sequence LIMIT $4`,
    [feed.feedId, feed.accountId, firstDay, input.deliveredMax + 1],
  );
  const waiting = await db.query<{ count: string }>(
    `SELECT count(*) AS count FROM postings p WHERE ${waitingPosting}`,
    [feed.feedId, feed.accountId, firstDay],
  );
  return {
    feed,
    effectiveFrom: startsLater ? start : input.from,
    firstDay,
    delivered: delivered.rows,
    waiting: Number(waiting.rows[0]?.count ?? 0),
    sentSinceMs: await readSentSince(db, { feedId: feed.feedId, firstDay }),
  };
}

/** Of feed $1 and its account $2, booked from day $3 on, in no batch and not kept back. */
const waitingPosting = `p.account_id = $2 AND p.status = 'posted' AND ${bookedFrom('$3')}
  AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.feed_id = $1 AND l.transaction_id = p.transaction_id)
  ${notKeptBack('$1', true)}`;

/**
 * When the last batch was built before the first one that may hold postings booked from `firstDay` on: they were all sent after
 * it, including those whose batches are missing after a restored backup. Without one, the feed's publication.
 */
async function readSentSince(db: Queryable, input: { feedId: string; firstDay: string }): Promise<number> {
  const { rows } = await db.query<{ since: string }>(
    `SELECT coalesce(
              (SELECT max(b.built_at) FROM batches b
                WHERE b.feed_id = $1 AND b.number < coalesce(
                      (SELECT min(number) FROM batches WHERE feed_id = $1 AND last_posted_at >= ($2::date - 1)::timestamp AT TIME ZONE 'UTC'), 2147483647)),
              f.published_at, f.created_at) AS since
       FROM feeds f WHERE f.feed_id = $1`,
    [input.feedId, input.firstDay],
  );
  return Date.parse(rows[0]?.since ?? '');
}

/** How many of the ids are in no batch of ours although Rutter has them: they will be answered as duplicates. */
export async function countWaitingAmong(
  db: Queryable,
  input: { feed: FeedRow; firstDay: string; transactionIds: readonly string[] },
): Promise<number> {
  const { rows } = await db.query<{ count: string }>(
    `SELECT count(*) AS count FROM postings p WHERE p.transaction_id = ANY ($4) AND ${waitingPosting}`,
    [input.feed.feedId, input.feed.accountId, input.firstDay, input.transactionIds],
  );
  return Number(rows[0]?.count ?? 0);
}

/**
 * Removes the gap's rows from the ledger, so that its postings are ready again, with the timeline row and the
 * writes of `also`, in one transaction under the feed's lock. Rows that changed since they were read stay: they are of
 * another batch now, whose answer counts. Returns how many were removed, null when `mayTake` is false.
 */
export async function takeBackGap(
  pool: Pool,
  input: {
    feedId: string;
    from: string;
    gap: readonly DeliveredPosting[];
    mayTake: (feed: FeedRow) => boolean;
    also: (db: Queryable, taken: number) => Promise<void>;
  },
): Promise<number | null> {
  return await transaction(pool, async (db) => {
    const feed = await lockFeed(db, input);
    if (feed === null || !input.mayTake(feed)) return null;
    const taken = await deleteRows(db, feed, input.gap);
    if (taken > 0) {
      await writeTimeline(db, {
        kind: 'resynced',
        customerId: feed.customerId,
        connectionId: feed.connectionId,
        feedId: feed.feedId,
        detail: { from: input.from, gap: taken },
      });
    }
    await input.also(db, taken);
    return taken;
  });
}

/** The batches keep count of what they delivered, and the next build checks from the first posting of the gap on. */
async function deleteRows(db: Queryable, feed: FeedRow, gap: readonly DeliveredPosting[]): Promise<number> {
  const { rows } = await db.query<{ taken: string }>(
    `WITH gone AS (
       DELETE FROM ledger l USING unnest($2::text[], $3::uuid[]) AS g (transaction_id, batch_id), batches b
        WHERE l.feed_id = $1 AND l.transaction_id = g.transaction_id AND l.batch_id = g.batch_id
          AND b.batch_id = l.batch_id AND b.state = 'delivered' AND ${isDelivered}
       RETURNING l.transaction_id, l.batch_id
     ), counted AS (
       UPDATE batches b SET delivered_count = b.delivered_count - n.count
         FROM (SELECT batch_id, count(*)::int AS count FROM gone GROUP BY batch_id) n
        WHERE b.batch_id = n.batch_id
     ), reexamined AS (
       UPDATE feeds f SET updated_at = now(), examined_sequence = least(f.examined_sequence, (
                SELECT min(p.sequence) - 1 FROM postings p JOIN gone USING (transaction_id)
                 WHERE p.account_id = f.account_id))
        WHERE f.feed_id = $1 AND EXISTS (SELECT 1 FROM gone)
     )
     SELECT count(*) AS taken FROM gone`,
    [feed.feedId, gap.map((posting) => posting.transactionId), gap.map((posting) => posting.batchId)],
  );
  return Number(rows[0]?.taken ?? 0);
}
