import type { DeliverablePosting } from '../../domain/posting.js';
import type { BisectionPlan } from '../../domain/rutter/bisection-plan.js';
import type { Queryable } from '../pool.js';
import { correctionsOf, postingColumns } from './batches.js';
import type { FeedRow } from './feeds.js';
import { keepsBackColumn, notKeptBack } from './posting-holds.js';

/**
 * The postings of a feed's account that are ready to be sent, in the order of delivery: posted, booked from the start day
 * on and not after the account was closed, in no batch and not kept back. The caller holds the feed's lock.
 */

/**
 * Whether a batch of the feed could be built if it may send now. `checkedUpTo`: the account's last sequence before the
 * check. When nothing is ready, all up to it are examined; what arrives during the check has a later one.
 */
export async function checkReady(
  db: Queryable,
  feed: FeedRow,
): Promise<{ isAnythingReady: boolean; checkedUpTo: string }> {
  const { rows } = await db.query<{ last_sequence: string; keeps_back: boolean }>(
    `SELECT a.last_sequence, ${keepsBackColumn} FROM feeds f JOIN accounts a USING (account_id) WHERE f.feed_id = $1`,
    [feed.feedId],
  );
  const keepsBack = rows[0]?.keeps_back ?? false;
  const checkedUpTo = rows[0]?.last_sequence ?? '0';
  const late = await latePostings(db, { feed, examinable: checkedUpTo, postingsMax: 1, keepsBack });
  if (late.length > 0) return { isAnythingReady: true, checkedUpTo };
  const fresh = await freshPostings(db, { feed, postingsMax: 1, keepsBack, plan: null });
  return { isAnythingReady: fresh.length > 0, checkedUpTo };
}

/** Those at or before the cursor that were not examined, up to the sequence `examinable`. */
export async function latePostings(
  db: Queryable,
  input: { feed: FeedRow; examinable: string; postingsMax: number; keepsBack: boolean },
): Promise<DeliverablePosting[]> {
  const { feed, examinable } = input;
  if (feed.cursorSendAt === null || BigInt(examinable) <= BigInt(feed.examinedSequence)) return [];
  const { rows } = await db.query<DeliverablePosting>(
    `SELECT ${postingColumns} FROM postings p ${correctionsOf('$7::uuid')}
      WHERE (p.account_id || '') = $1 AND p.status = 'posted' AND p.sequence > $2 AND p.sequence <= $3
        AND ($4::date IS NULL OR p.booking_day >= $4)
        AND (p.send_at, p.sequence) <= ($5::timestamptz, $6::bigint)
        AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.feed_id = $7::uuid AND l.transaction_id = p.transaction_id)
        AND ($9::date IS NULL OR p.booking_day <= $9)
        ${notKeptBack('$7::uuid', input.keepsBack)}
      ORDER BY p.send_at, p.sequence LIMIT $8`,
    [
      feed.accountId,
      feed.examinedSequence,
      examinable,
      feed.startDay,
      feed.cursorSendAt,
      feed.cursorSequence,
      feed.feedId,
      input.postingsMax,
      feed.closedOn,
    ],
  );
  return rows;
}

/**
 * Those after the cursor. What arrived during a bisection waits for its end: then it is found as late, or after the
 * cursor.
 */
export async function freshPostings(
  db: Queryable,
  input: { feed: FeedRow; postingsMax: number; keepsBack: boolean; plan: BisectionPlan | null },
): Promise<DeliverablePosting[]> {
  const { feed } = input;
  const { rows } = await db.query<DeliverablePosting>(
    `SELECT ${postingColumns} FROM postings p ${correctionsOf('$6::uuid')}
      WHERE p.account_id = $1 AND p.status = 'posted'
        AND (p.send_at, p.sequence) > (coalesce($2::timestamptz, '-infinity'), coalesce($3::bigint, 0))
        AND p.send_at >= coalesce($4::date::timestamp AT TIME ZONE 'UTC' - interval '1 day', '-infinity')
        AND p.booking_day >= coalesce($4::date, '-infinity') AND ($7::bigint IS NULL OR p.sequence <= $7)
        AND ($8::date IS NULL OR p.booking_day <= $8)
        ${notKeptBack('$6::uuid', input.keepsBack)}
      ORDER BY p.send_at, p.sequence LIMIT $5`,
    [
      feed.accountId,
      feed.cursorSendAt,
      feed.cursorSequence,
      feed.startDay,
      input.postingsMax,
      feed.feedId,
      input.plan?.sequenceMax ?? null,
      feed.closedOn,
    ],
  );
  return rows;
}
