import type { FeedState } from '../domain/feed.js';
import type { Queryable } from './pool.js';

/** A feed as its customer sees it. Instants are ISO text in UTC. */
export interface CustomerFeed {
  readonly feedId: string;
  readonly accountId: string;
  readonly connectionId: string;
  readonly state: FeedState;
  readonly reason: string | null;
  readonly accountName: string;
  readonly numberLast4: string | null;
  readonly currency: string;
  /** The Sage company's name, if it has one. */
  readonly connectionName: string | null;
  /** Where the connection can be renewed. */
  readonly linkUrl: string | null;
  readonly transactionStartDate: string | null;
  readonly lastSyncedAt: string | null;
  /** Postings that Sage has, decimal text. */
  readonly deliveredCount: string;
  /** Postings that were set aside, or stand in Sage with other content, decimal text: the bank looks into them. */
  readonly quarantinedCount: string;
}

/** A customer has a handful of feeds; the page never shows more than this. */
const shownFeedsMax = 200;

/** A customer's feeds: open ones by name, then closed ones. */
export async function listCustomerFeeds(
  db: Queryable,
  input: { customerId: string },
): Promise<CustomerFeed[]> {
  const { rows } = await db.query<CustomerFeed>(
    `SELECT f.feed_id AS "feedId", f.account_id AS "accountId", f.connection_id AS "connectionId", f.state, f.reason, a.name AS "accountName", a.number_last4 AS "numberLast4",
            a.currency, c.name AS "connectionName", c.link_url AS "linkUrl",
            f.transaction_start_date AS "transactionStartDate", f.last_synced_at AS "lastSyncedAt",
            (SELECT coalesce(sum(delivered_count), 0)::text FROM batches b
              WHERE b.feed_id = f.feed_id AND b.state = 'delivered') AS "deliveredCount",
            (SELECT count(*)::text FROM ledger l
              WHERE l.feed_id = f.feed_id AND l.exception IN ('quarantined', 'conflict')) AS "quarantinedCount"
       FROM feeds f JOIN accounts a USING (account_id) JOIN connections c USING (connection_id)
      WHERE f.customer_id = $1
      ORDER BY f.operator = 'closed', a.name, f.created_at, f.feed_id LIMIT ${shownFeedsMax}`,
    [input.customerId],
  );
  return rows;
}

/** One thing that happened to a customer's feeds and connections. */
export interface CustomerHappening {
  readonly kind: string;
  readonly at: string;
  readonly accountName: string | null;
  /** Postings that a delivered batch brought, decimal text. */
  readonly delivered: string | null;
}

/** The last `limit` entries of a customer's timeline that are of the given kinds, newest first. */
export async function listCustomerHappenings(
  db: Queryable,
  input: { customerId: string; kinds: readonly string[]; limit: number },
): Promise<CustomerHappening[]> {
  const { rows } = await db.query<CustomerHappening>(
    `SELECT t.kind, t.at, a.name AS "accountName", t.detail ->> 'delivered' AS delivered
       FROM timeline t LEFT JOIN feeds f USING (feed_id) LEFT JOIN accounts a ON a.account_id = f.account_id
      WHERE t.customer_id = $1 AND t.kind = ANY ($2::text[]) ORDER BY t.entry_id DESC LIMIT $3`,
    [input.customerId, input.kinds, input.limit],
  );
  return rows;
}
