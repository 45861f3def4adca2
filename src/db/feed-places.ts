import type { Queryable } from './pool.js';

/** Where a posting of a feed's account stands in that feed. Every posting is in exactly one place. */
export const postingPlaces = [
  'held',
  'ready',
  'batched',
  'delivered',
  'quarantined',
  'discarded',
  'before_start',
  'withdrawn',
] as const;
export type PostingPlace = (typeof postingPlaces)[number];
export type PlaceCounts = Readonly<Record<PostingPlace, number>>;

/**
 * The place, derived from posting `p`, ledger row `l`, batch `b` and feed `f`, so that places partition the postings by
 * construction. What was cut is told by its ledger row; what was not, by its own status. A posting that the peer has
 * with other content (`conflict`) stands with the quarantined: a person must look. A batch that was refused still holds
 * its postings; one that was undone holds none.
 */
const placeCase = `
  CASE WHEN l.exception IN ('quarantined', 'conflict') THEN 'quarantined'
       WHEN l.exception = 'discarded' THEN 'discarded'
       WHEN b.state = 'delivered' THEN 'delivered'
       WHEN b.state IN ('open', 'refused') THEN 'batched'
       WHEN p.status = 'pending' THEN 'held'
       WHEN p.status = 'void' THEN 'withdrawn'
       WHEN p.posted_at < f.transaction_start_date THEN 'before_start'
       ELSE 'ready' END`;

const joinedPostings = `
  feeds f JOIN postings p ON (p.account_id || '') = f.account_id
          LEFT JOIN ledger l ON l.feed_id = f.feed_id AND l.transaction_id = p.transaction_id
          LEFT JOIN batches b ON b.batch_id = l.batch_id`;

/** How many postings of the account stand where in the feed; the sum is the number of its postings. */
export async function countPlaces(db: Queryable, input: { feedId: string }): Promise<PlaceCounts> {
  const { rows } = await db.query<{ place: PostingPlace; count: string }>(
    `SELECT ${placeCase} AS place, count(*) AS count FROM ${joinedPostings} WHERE f.feed_id = $1 GROUP BY 1`,
    [input.feedId],
  );
  const counts = new Map(rows.map((row) => [row.place, Number(row.count)]));
  return Object.fromEntries(postingPlaces.map((place) => [place, counts.get(place) ?? 0])) as Record<
    PostingPlace,
    number
  >;
}

/** A posting as the operators' list shows it. `amount` is an exact decimal of the account's currency. */
export interface PlacedPosting {
  readonly transactionId: string;
  /** Place in the account's order of arrival, decimal text. */
  readonly sequence: string;
  readonly postedAt: string;
  readonly amount: string;
  readonly description: string;
  readonly payee: string | null;
  readonly transactionType: string;
  readonly status: string;
  readonly corrects: string | null;
  readonly receivedAt: string;
  readonly place: PostingPlace;
  readonly batchNumber: number | null;
  readonly late: boolean;
  readonly exception: string | null;
  readonly detail: string | null;
}

/** The feed's postings, last arrived first, from below `beforeSequence`; optionally those in one place only. */
export async function listPlacedPostings(
  db: Queryable,
  input: {
    feedId: string;
    place?: PostingPlace | undefined;
    beforeSequence?: string | undefined;
    limit: number;
  },
): Promise<PlacedPosting[]> {
  const { rows } = await db.query<PlacedPosting>(
    `SELECT * FROM (
       SELECT p.transaction_id AS "transactionId", p.sequence, p.posted_at AS "postedAt", p.amount, p.description,
              p.payee, p.transaction_type AS "transactionType", p.status, p.corrects, p.received_at AS "receivedAt",
              ${placeCase} AS place, b.number AS "batchNumber", coalesce(l.late, false) AS late, l.exception, l.detail
         FROM ${joinedPostings}
        WHERE f.feed_id = $1 AND ($2::bigint IS NULL OR p.sequence < $2)
     ) placed
      WHERE $3::text IS NULL OR place = $3
      ORDER BY sequence DESC LIMIT $4`,
    [input.feedId, input.beforeSequence ?? null, input.place ?? null, input.limit],
  );
  return rows;
}
