import type { Queryable } from '../pool.js';

/** Where a posting of a feed's account stands in that feed. Every posting is in exactly one place. */
export const deliveryStatuses = [
  'held',
  'ready',
  'batched',
  'delivered',
  'quarantined',
  'discarded',
  'before_start',
  'withdrawn',
] as const;
export type DeliveryStatus = (typeof deliveryStatuses)[number];
export type DeliveryStatusCounts = Readonly<Record<DeliveryStatus, number>>;

/**
 * The place, derived from posting `p`, ledger row `l`, batch `b` and feed `f`, so that places partition the postings by
 * construction. What was built is told by its ledger row; what was not, by its own status. A posting that the provider has
 * with other content (`conflict`) stands with the quarantined: a person must look. A batch of one that was refused
 * still holds its posting while that is only suspected; one that was undone holds none.
 */
const deliveryStatusCase = `
  CASE WHEN l.exception IN ('quarantined', 'conflict') THEN 'quarantined'
       WHEN l.exception = 'discarded' THEN 'discarded'
       WHEN b.state = 'delivered' THEN 'delivered'
       WHEN b.state IN ('open', 'refused') THEN 'batched'
       WHEN p.status = 'pending' THEN 'held'
       WHEN p.status = 'void' THEN 'withdrawn'
       WHEN p.posted_at < f.transaction_start_date THEN 'before_start'
       ELSE 'ready' END`;

/** All postings of the account, found by the index of the order of arrival, or one by its id. */
const joinedPostings = joined(`(p.account_id || '') = f.account_id`);
const joinedPosting = joined(`p.account_id = f.account_id`);

function joined(onAccount: string): string {
  return `
  feeds f JOIN postings p ON ${onAccount}
          LEFT JOIN ledger l ON l.feed_id = f.feed_id AND l.transaction_id = p.transaction_id
          LEFT JOIN batches b ON b.batch_id = l.batch_id
          LEFT JOIN posting_corrections c ON c.feed_id = f.feed_id AND c.transaction_id = p.transaction_id`;
}

/** How many postings of the account stand where in the feed; the sum is the number of its postings. */
export async function countByDeliveryStatus(
  db: Queryable,
  input: { feedId: string },
): Promise<DeliveryStatusCounts> {
  const { rows } = await db.query<{ place: DeliveryStatus; count: string }>(
    `SELECT ${deliveryStatusCase} AS place, count(*) AS count FROM ${joinedPostings} WHERE f.feed_id = $1 GROUP BY 1`,
    [input.feedId],
  );
  const counts = new Map(rows.map((row) => [row.place, Number(row.count)]));
  return Object.fromEntries(deliveryStatuses.map((place) => [place, counts.get(place) ?? 0])) as Record<
    DeliveryStatus,
    number
  >;
}

/** A posting as the operators' list shows it. `amount` is an exact decimal of the account's currency. */
export interface PostingWithStatus {
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
  readonly place: DeliveryStatus;
  readonly batchNumber: number | null;
  readonly late: boolean;
  readonly exception: 'duplicate' | 'conflict' | 'suspected' | 'quarantined' | 'discarded' | null;
  readonly detail: string | null;
  /** The postings that name this one in `corrects`, first arrived first. */
  readonly correctedBy: readonly string[];
  /** How it was released from quarantine: what goes to this feed in place of the fields above. */
  readonly release: PostingRelease | null;
}

/** A release from quarantine; null fields go out as core banking gave them. */
export interface PostingRelease {
  readonly amount: string | null;
  readonly description: string | null;
  readonly payee: string | null;
  readonly transactionType: string | null;
  readonly reason: string;
  readonly at: string;
}

/** One posting is corrected once, or a few times; more are not listed with it. */
const correctedByMax = 20;

const postingWithStatusColumns = `
  p.transaction_id AS "transactionId", p.sequence, p.posted_at AS "postedAt", p.amount, p.description, p.payee,
  p.transaction_type AS "transactionType", p.status, p.corrects, p.received_at AS "receivedAt",
  ${deliveryStatusCase} AS place, b.number AS "batchNumber", coalesce(l.late, false) AS late, l.exception, l.detail,
  ARRAY(SELECT later.transaction_id FROM postings later
         WHERE later.account_id = p.account_id AND later.corrects = p.transaction_id
         ORDER BY later.sequence LIMIT ${correctedByMax}) AS "correctedBy",
  CASE WHEN c.feed_id IS NOT NULL THEN jsonb_build_object(
    'amount', c.amount::text, 'description', c.description, 'payee', c.payee,
    'transactionType', c.transaction_type, 'reason', c.reason,
    'at', to_char(c.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) END AS release`;

/** The feed's postings, last arrived first, from below `beforeSequence`; optionally those in one place only. */
export async function listPostingsWithStatus(
  db: Queryable,
  input: {
    feedId: string;
    place?: DeliveryStatus | undefined;
    beforeSequence?: string | undefined;
    limit: number;
  },
): Promise<PostingWithStatus[]> {
  const { rows } = await db.query<PostingWithStatus>(
    `SELECT * FROM (
       SELECT ${postingWithStatusColumns} FROM ${joinedPostings}
        WHERE f.feed_id = $1 AND ($2::bigint IS NULL OR p.sequence < $2)
     ) placed
      WHERE $3::text IS NULL OR place = $3
      ORDER BY sequence DESC LIMIT $4`,
    [input.feedId, input.beforeSequence ?? null, input.place ?? null, input.limit],
  );
  return rows;
}

/** One posting of the feed's account with its place in the feed, or null when the account has none of this id. */
export async function readPostingWithStatus(
  db: Queryable,
  input: { feedId: string; transactionId: string },
): Promise<PostingWithStatus | null> {
  const { rows } = await db.query<PostingWithStatus>(
    `SELECT ${postingWithStatusColumns} FROM ${joinedPosting} WHERE f.feed_id = $1 AND p.transaction_id = $2`,
    [input.feedId, input.transactionId],
  );
  return rows[0] ?? null;
}
