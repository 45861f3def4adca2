import type { Posting } from '../../domain/posting-input.js';
import {
  deliveryStatuses,
  type DeliveryStatus,
  type HoldReason,
} from '../../domain/rutter/delivery-status.js';
import type { PostingRelease } from '../../domain/rutter/posting-decisions.js';
import type { Queryable } from '../pool.js';
import { startDayOfFeed } from './feeds.js';

export type DeliveryStatusCounts = Readonly<Record<DeliveryStatus, number>>;

/**
 * Feed `f` sends nothing any more: it is closed, and does not open for a late posting (`opensWithAccount`), or its
 * connection `n` is to be unlinked.
 */
const sendsNothingMore = `(n.unlink_requested_at IS NOT NULL OR (f.operator = 'closed' AND NOT (
  f.closed_by IS NOT DISTINCT FROM 'account' AND (a.closed_on IS NULL OR f.account_status = 'active'))))`;

/**
 * The delivery status, derived from posting `p`, ledger row `l`, batch `b`, hold `h`, feed `f`, account `a` and connection
 * `n`: one expression, so that every posting has exactly one. Of a posting in a batch the ledger row decides, of any other its own status and
 * what operators decided. A posting that
 * the provider has with other content (`conflict`) counts as quarantined: a person must decide. A batch of one that was
 * refused keeps its posting while that is only suspected, and the feed goes on; a batch that was undone has none. What a
 * feed would send if it did not end is held.
 */
const deliveryStatusCase = `
  CASE WHEN l.exception IN ('quarantined', 'conflict') THEN 'quarantined'
       WHEN l.exception = 'discarded' THEN 'discarded'
       WHEN b.state = 'delivered' THEN 'delivered'
       WHEN b.state = 'open' OR (b.state = 'refused' AND NOT ${sendsNothingMore}) THEN 'batched'
       WHEN p.status = 'void' THEN 'withdrawn'
       WHEN h.state = 'discarded' THEN 'discarded'
       WHEN p.status = 'pending' OR h.state = 'held' OR p.booking_day > a.closed_on THEN 'held'
       WHEN p.booking_day < ${startDayOfFeed} THEN 'before_start'
       WHEN ${sendsNothingMore} THEN 'held'
       ELSE 'ready' END`;

/** Why a posting is held; null for any other delivery status. An operator's decision outlasts a pending status. */
const holdReasonCase = `
  CASE WHEN ${deliveryStatusCase} <> 'held' THEN NULL
       WHEN h.state = 'held' THEN h.hold_reason
       WHEN p.status = 'pending' THEN 'pending'
       WHEN p.booking_day > a.closed_on THEN 'account_closed'
       ELSE 'feed_closed' END`;

/** All postings of the account, found by the index of the order of arrival, or one by its id. */
const joinedPostings = joined(`(p.account_id || '') = f.account_id`);
const joinedPosting = joined(`p.account_id = f.account_id`);

function joined(onAccount: string): string {
  return `
  feeds f JOIN accounts a ON a.account_id = f.account_id
          JOIN connections n ON n.connection_id = f.connection_id
          JOIN postings p ON ${onAccount}
          LEFT JOIN ledger l ON l.feed_id = f.feed_id AND l.transaction_id = p.transaction_id
          LEFT JOIN batches b ON b.batch_id = l.batch_id
          LEFT JOIN posting_holds h ON h.feed_id = f.feed_id AND h.transaction_id = p.transaction_id
          LEFT JOIN posting_corrections c ON c.feed_id = f.feed_id AND c.transaction_id = p.transaction_id`;
}

/** The number of the account's postings by their delivery status in the feed; the sum is the number of its postings. */
export async function countByDeliveryStatus(
  db: Queryable,
  input: { feedId: string },
): Promise<DeliveryStatusCounts> {
  const { rows } = await db.query<{ delivery_status: DeliveryStatus; count: string }>(
    `SELECT ${deliveryStatusCase} AS delivery_status, count(*) AS count FROM ${joinedPostings} WHERE f.feed_id = $1 GROUP BY 1`,
    [input.feedId],
  );
  const counts = new Map(rows.map((row) => [row.delivery_status, Number(row.count)]));
  return Object.fromEntries(deliveryStatuses.map((status) => [status, counts.get(status) ?? 0])) as Record<
    DeliveryStatus,
    number
  >;
}

/** A posting as the operators' list shows it. */
export interface PostingWithStatus extends Posting {
  /** Position in the account's order of arrival, decimal text. */
  readonly sequence: string;
  readonly receivedAt: string;
  readonly deliveryStatus: DeliveryStatus;
  /** Of a posting that is held; else null. */
  readonly holdReason: HoldReason | null;
  /** The delivered posting of a replaced account that it equals, if it was ever held for that. */
  readonly possibleDuplicateOf: { readonly accountId: string; readonly transactionId: string } | null;
  readonly batchNumber: number | null;
  readonly late: boolean;
  readonly exception: 'duplicate' | 'altered' | 'conflict' | 'suspected' | 'quarantined' | 'discarded' | null;
  readonly detail: string | null;
  /** The postings that name this one in `corrects`, first arrived first. */
  readonly correctedBy: readonly string[];
  /** How it was released from quarantine: what is sent to this feed instead of the fields above. */
  readonly release: (PostingRelease & { readonly at: string }) | null;
}

/** One posting is corrected once, or a few times; more are not listed with it. */
const correctedByMax = 20;

const postingWithStatusColumns = `
  p.transaction_id AS "transactionId", p.sequence, p.posted_at AS "postedAt", p.booking_day AS "bookingDay",
  p.send_at AS "sendAt", p.amount, p.description, p.payee,
  p.transaction_type AS "transactionType", p.status, p.corrects, p.received_at AS "receivedAt",
  ${deliveryStatusCase} AS "deliveryStatus", ${holdReasonCase} AS "holdReason",
  CASE WHEN h.duplicate_of_transaction_id IS NOT NULL THEN jsonb_build_object(
    'accountId', h.duplicate_of_account_id, 'transactionId', h.duplicate_of_transaction_id) END AS "possibleDuplicateOf",
  b.number AS "batchNumber", coalesce(l.late, false) AS late, l.exception, l.detail,
  ARRAY(SELECT later.transaction_id FROM postings later
         WHERE later.account_id = p.account_id AND later.corrects = p.transaction_id
         ORDER BY later.sequence LIMIT ${correctedByMax}) AS "correctedBy",
  CASE WHEN c.feed_id IS NOT NULL THEN jsonb_build_object(
    'amount', c.amount::text, 'description', c.description, 'payee', c.payee,
    'transactionType', c.transaction_type, 'reason', c.reason,
    'at', to_char(c.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) END AS release`;

/** The feed's postings, last arrived first, from below `beforeSequence`; optionally those of one delivery status. */
export async function listPostingsWithStatus(
  db: Queryable,
  input: {
    feedId: string;
    deliveryStatus?: DeliveryStatus | undefined;
    beforeSequence?: string | undefined;
    limit: number;
  },
): Promise<PostingWithStatus[]> {
  const { rows } = await db.query<PostingWithStatus>(
    `SELECT * FROM (
       SELECT ${postingWithStatusColumns} FROM ${joinedPostings}
        WHERE f.feed_id = $1 AND ($2::bigint IS NULL OR p.sequence < $2)
     ) p
      WHERE $3::text IS NULL OR "deliveryStatus" = $3
      ORDER BY sequence DESC LIMIT $4`,
    [input.feedId, input.beforeSequence ?? null, input.deliveryStatus ?? null, input.limit],
  );
  return rows;
}

/** One posting of the feed's account with its delivery status in the feed, or null when the account has none of this id. */
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

/** Postings of the feed's account by their ids, in the order of arrival; ids that the account does not have are left out. */
export async function readPostingsWithStatus(
  db: Queryable,
  input: { feedId: string; transactionIds: readonly string[] },
): Promise<PostingWithStatus[]> {
  const { rows } = await db.query<PostingWithStatus>(
    `SELECT ${postingWithStatusColumns} FROM ${joinedPosting}
      WHERE f.feed_id = $1 AND p.transaction_id = ANY ($2) ORDER BY p.sequence`,
    [input.feedId, input.transactionIds],
  );
  return rows;
}
