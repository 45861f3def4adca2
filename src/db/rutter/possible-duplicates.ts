import type { DeliverablePosting } from '../../domain/posting.js';
import { matchPossibleDuplicates, type Original } from '../../domain/rutter/possible-duplicates.js';
import type { Queryable } from '../pool.js';
import { timelineIdsMax, writeTimeline } from '../timeline.js';
import { correctionsOf } from './batches.js';
import { isAtRutter } from './delivered-postings.js';
import type { FeedRow } from './feeds.js';

/** Accounts that replace each other form a chain: further back than this nothing is compared. */
const predecessorsMax = 20;

/**
 * Holds those of a feed's next postings that equal a delivered posting of an account that this one replaces, directly or
 * through others (booking day, amount, text; each delivered one is matched once in a feed). Called when a batch is built,
 * under the feed's lock: whatever the order in which postings and `replaces` arrived, nothing of the new account is sent
 * unchecked. What the replaced account delivers later is not compared. One that an operator has decided on is not held again. Answers how many were held.
 */
export async function holdPossibleDuplicates(
  db: Queryable,
  input: { readonly feed: FeedRow; readonly postings: readonly DeliverablePosting[] },
): Promise<number> {
  const { feed } = input;
  if (feed.replaces === null) return 0;
  const candidates = await undecided(db, input);
  const originals = await readOriginals(db, { feed, candidates });
  const matches = [...matchPossibleDuplicates({ candidates, originals })];
  if (matches.length === 0) return 0;
  await db.query(
    `INSERT INTO posting_holds (feed_id, transaction_id, state, hold_reason, duplicate_of_account_id,
                                duplicate_of_transaction_id)
     SELECT $1, id, 'held', 'possible_duplicate', account_id, original_id
       FROM unnest($2::text[], $3::text[], $4::text[]) AS t (id, account_id, original_id)
     ON CONFLICT (feed_id, transaction_id) DO UPDATE
        SET state = excluded.state, hold_reason = excluded.hold_reason, reason = NULL, at = now(),
            duplicate_of_account_id = excluded.duplicate_of_account_id,
            duplicate_of_transaction_id = excluded.duplicate_of_transaction_id`,
    [
      feed.feedId,
      matches.map(([id]) => id),
      matches.map(([, original]) => original.accountId),
      matches.map(([, original]) => original.transactionId),
    ],
  );
  await writeTimeline(db, {
    kind: 'possible_duplicates_held',
    customerId: feed.customerId,
    connectionId: feed.connectionId,
    feedId: feed.feedId,
    detail: {
      count: matches.length,
      replaces: feed.replaces,
      transaction_ids: matches.slice(0, timelineIdsMax).map(([id]) => id),
    },
  });
  return matches.length;
}

/**
 * Those on which nobody has decided: a possible duplicate that was released is sent. A posting that an operator held for
 * another reason and released was not compared before.
 */
async function undecided(
  db: Queryable,
  { feed, postings }: { feed: FeedRow; postings: readonly DeliverablePosting[] },
): Promise<DeliverablePosting[]> {
  const { rows } = await db.query<{ transaction_id: string }>(
    `SELECT transaction_id FROM posting_holds
      WHERE feed_id = $1 AND transaction_id = ANY ($2)
        AND (state <> 'released' OR duplicate_of_transaction_id IS NOT NULL)`,
    [feed.feedId, postings.map(({ transactionId }) => transactionId)],
  );
  const decided = new Set(rows.map((row) => row.transaction_id));
  return postings.filter(({ transactionId }) => !decided.has(transactionId));
}

/**
 * Delivered postings of the replaced accounts with a day and amount of the candidates, as they were sent, that are
 * matched with nothing in this feed. One that Rutter has with other content or under another id is in Sage as well, so
 * it counts with what was sent. The days narrow the search by the index of the order of delivery: a send time
 * lies within a day of its booking day.
 */
async function readOriginals(
  db: Queryable,
  { feed, candidates }: { feed: FeedRow; candidates: readonly DeliverablePosting[] },
): Promise<Original[]> {
  const { rows } = await db.query<Original>(
    `WITH RECURSIVE chain (account_id, distance) AS (
       SELECT $2::text, 1
       UNION SELECT a.replaces, distance + 1 FROM chain JOIN accounts a USING (account_id)
        WHERE a.replaces IS NOT NULL AND distance < ${predecessorsMax}
     ), wanted AS (
       SELECT DISTINCT day, amount FROM unnest($3::date[], $4::numeric[]) AS t (day, amount)
     )
     SELECT DISTINCT ON (p.account_id, p.transaction_id)
            p.account_id AS "accountId", p.transaction_id AS "transactionId", p.booking_day AS "bookingDay",
            coalesce(c.amount, p.amount) AS amount, coalesce(c.description, p.description) AS description,
            coalesce(c.payee, p.payee) AS payee
       FROM chain JOIN feeds f USING (account_id)
       JOIN postings p ON p.account_id = chain.account_id AND p.status = 'posted'
        AND p.send_at >= (SELECT min(day) FROM wanted) - interval '2 days'
        AND p.send_at < (SELECT max(day) FROM wanted) + interval '3 days'
       JOIN ledger l ON l.feed_id = f.feed_id AND l.transaction_id = p.transaction_id
        AND ${isAtRutter}
       JOIN batches b ON b.batch_id = l.batch_id AND b.state = 'delivered'
            ${correctionsOf('f.feed_id')}
      WHERE (p.booking_day, coalesce(c.amount, p.amount)) IN (SELECT day, amount FROM wanted)
        AND NOT EXISTS (
          SELECT 1 FROM posting_holds h
           WHERE h.feed_id = $1 AND h.duplicate_of_account_id = p.account_id
             AND h.duplicate_of_transaction_id = p.transaction_id)
      ORDER BY p.account_id, p.transaction_id`,
    [
      feed.feedId,
      feed.replaces,
      candidates.map(({ bookingDay }) => bookingDay),
      candidates.map(({ amount }) => amount),
    ],
  );
  return rows;
}
