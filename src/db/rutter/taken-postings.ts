import type { Pool, Queryable } from '../pool.js';
import { transaction } from '../pool.js';
import { writeTimeline } from '../timeline.js';
import { isDelivered } from './delivered-postings.js';

/** What Sage has taken of the postings that were delivered to Rutter; a fact of the batch, like delivered itself. */

/** Of a feed's last posted posting in core banking. `feed`: the alias of a row of `feeds`. */
export const bookedThroughSql = (feed: string) => `(
  SELECT p.booking_day FROM postings p
   WHERE p.account_id = ${feed}.account_id AND p.status = 'posted'
   ORDER BY p.send_at DESC, p.sequence DESC LIMIT 1)`;

/** Of the last posting in the batch with the latest postings; exceptions of it were not delivered. */
export const deliveredThroughSql = (feed: string) => `(
  SELECT p.booking_day
    FROM (SELECT b.batch_id FROM batches b
           WHERE b.feed_id = ${feed}.feed_id AND b.state = 'delivered' AND b.delivered_count > 0
           ORDER BY b.last_posted_at DESC LIMIT 1) latest
    JOIN ledger l USING (batch_id)
    JOIN postings p ON p.account_id = ${feed}.account_id AND p.transaction_id = l.transaction_id
   WHERE ${isDelivered} ORDER BY l.position DESC LIMIT 1)`;

/** Whether Sage has taken everything that was delivered; null before the first delivery. */
export const takenStatusSql = (feed: string) => `(
  SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM batches b WHERE b.feed_id = ${feed}.feed_id AND b.state = 'delivered') THEN NULL
              WHEN NOT ${feed}.taken_is_known THEN 'unknown'
              WHEN EXISTS (SELECT 1 FROM batches b WHERE b.feed_id = ${feed}.feed_id AND b.state = 'delivered'
                              AND b.taken_at IS NULL) THEN 'waiting'
              ELSE 'taken' END)`;

/** What a check has to ask for. */
export interface UntakenBatches {
  /** First POST of the oldest delivered batch that Sage has not taken, as far as is known; epoch ms. */
  readonly sinceMs: number;
  /** The provider has said before whether Sage takes postings of this feed. */
  readonly isKnown: boolean;
  /** By the database's clock; null before the first check. */
  readonly checkedAgoMs: number | null;
}

/** Null when Sage has taken all that was delivered, so nothing is left to ask. */
export async function readUntaken(db: Queryable, input: { feedId: string }): Promise<UntakenBatches | null> {
  const { rows } = await db.query<UntakenBatches>(
    `SELECT floor(extract(epoch FROM coalesce((SELECT min(a.first_post_at) FROM attempts a WHERE a.batch_id = oldest.batch_id),
                                         oldest.built_at)) * 1000)::float8 AS "sinceMs",
            f.taken_is_known AS "isKnown",
            (extract(epoch FROM clock_timestamp() - f.taken_checked_at) * 1000)::float8 AS "checkedAgoMs"
       FROM feeds f CROSS JOIN LATERAL (
         SELECT b.batch_id, b.built_at FROM batches b
          WHERE b.feed_id = f.feed_id AND b.state = 'delivered' AND b.taken_at IS NULL ORDER BY b.number LIMIT 1) oldest
      WHERE f.feed_id = $1`,
    [input.feedId],
  );
  return rows[0] ?? null;
}

/**
 * Stores what the provider's list says of postings of the feed. A batch is taken when the list has a posting of it that
 * was taken and none that was not; so are the batches before the last such one of which the list has nothing (Sage takes
 * in order, see `takenInOrder`). Repeating it changes nothing. With a timeline entry when batches are newly taken.
 */
export async function recordTaken(
  pool: Pool,
  input: {
    feedId: string;
    customerId: string;
    connectionId: string;
    taken: readonly string[];
    untaken: readonly string[];
    /** Batches before a taken one are taken too, when the list has nothing of them. */
    inOrder: boolean;
  },
): Promise<void> {
  const { feedId, customerId, connectionId, taken, untaken, inOrder } = input;
  const isKnown = taken.length + untaken.length > 0;
  await transaction(pool, async (db) => {
    const { rows } = await db.query<{ count: number }>(
      `WITH seen AS (
         SELECT l.batch_id, NOT bool_or(l.transaction_id = ANY ($3)) AS is_taken FROM ledger l
          WHERE l.feed_id = $1 AND l.transaction_id = ANY ($2::text[] || $3::text[]) GROUP BY l.batch_id
       ), last AS (
         SELECT max(b.number) AS number FROM seen s JOIN batches b USING (batch_id)
          WHERE s.is_taken AND b.state = 'delivered'
       ), marked AS (
         UPDATE batches b SET taken_at = now() FROM last
          WHERE b.feed_id = $1 AND b.state = 'delivered' AND b.taken_at IS NULL AND b.number <= last.number
            AND coalesce((SELECT s.is_taken FROM seen s WHERE s.batch_id = b.batch_id), $5)
         RETURNING b.batch_id, b.delivered_count, b.last_posted_at
       ), day AS (
         SELECT max(p.booking_day) AS through
           FROM (SELECT batch_id FROM marked WHERE delivered_count > 0 ORDER BY last_posted_at DESC LIMIT 1) latest
           JOIN ledger l USING (batch_id) JOIN feeds f ON f.feed_id = $1
           JOIN postings p ON p.account_id = f.account_id AND p.transaction_id = l.transaction_id
          WHERE ${isDelivered}
       ), stored AS (
         UPDATE feeds f SET taken_checked_at = now(), taken_is_known = f.taken_is_known OR $4,
                taken_through = greatest(f.taken_through, day.through)
           FROM day WHERE f.feed_id = $1
       )
       SELECT coalesce(sum(delivered_count), 0)::int AS count FROM marked`,
      [feedId, taken, untaken, isKnown, inOrder],
    );
    const count = rows[0]?.count ?? 0;
    if (count === 0) return;
    await writeTimeline(db, {
      kind: 'postings_taken',
      customerId,
      connectionId,
      feedId,
      detail: { delivered: count },
    });
  });
}
