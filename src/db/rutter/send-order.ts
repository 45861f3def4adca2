import type { Queryable } from '../pool.js';

/**
 * Condition on posting `p`: booked on a day or later. The send time is within a day of the booking day, also where it is
 * the instant of a posting that was sent before there were booking days, and finds the postings by the index.
 */
export function bookedFrom(day: string): string {
  return `(p.send_at >= (${day}::date - 1)::timestamp AT TIME ZONE 'UTC' AND p.booking_day >= ${day}::date)`;
}

/**
 * A worker of the version before has built a batch since, in the order of posted_at: the cursor goes behind everything
 * that is in a batch, and what it may have passed over is examined again.
 */
export async function restoreSendOrder(
  db: Queryable,
  feed: { feedId: string; accountId: string },
): Promise<void> {
  await db.query(
    `UPDATE feeds f SET examined_by_day_sequence = 0, updated_at = now(),
            cursor_posted_at = last.send_at, cursor_sequence = last.sequence,
            ordered_batch_number = (SELECT max(number) FROM batches WHERE feed_id = $1)
       FROM (SELECT 1) one LEFT JOIN LATERAL (
         SELECT p.send_at, p.sequence FROM ledger l
           JOIN postings p ON p.account_id = $2 AND p.transaction_id = l.transaction_id
          WHERE l.feed_id = $1 ORDER BY p.send_at DESC, p.sequence DESC LIMIT 1) last ON true
      WHERE f.feed_id = $1`,
    [feed.feedId, feed.accountId],
  );
}
