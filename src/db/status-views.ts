import type { FeedState } from '../domain/feed.js';
import type { SageAccountStatus } from '../domain/sage-banking/states.js';
import type { Queryable } from './pool.js';

/** A feed as its customer sees it, on whichever channel. Instants are ISO text in UTC. */
export type CustomerFeed = RutterFeed | SageFeed;

/** One of our own accounts, sent to Sage through Rutter. */
export interface RutterFeed {
  readonly channel: 'rutter';
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
  /** Postings that were set aside, or stand in Sage with other content, decimal text: the bank checks into them. */
  readonly quarantinedCount: string;
}

/** An account at another bank, brought into Sage by its Banking Service. */
export interface SageFeed {
  readonly channel: 'sage-banking';
  /** Id of the account at Sage, which is the feed's. */
  readonly feedId: string;
  readonly accountName: string;
  readonly numberLast4: string | null;
  readonly bankName: string;
  readonly dataProvider: 'indirect' | 'direct';
  /** The Sage company's name. */
  readonly connectionName: string;
  readonly status: SageAccountStatus;
  readonly reason: string | null;
  /** Its end was asked for. */
  readonly isDisconnecting: boolean;
  readonly requestedStartDate: string | null;
  readonly lastReadAt: string | null;
  /** Transactions stored, decimal text. */
  readonly received: string;
}

/** A customer has a handful of feeds; the page never shows more than this. */
const shownFeedsMax = 200;

/** A customer's feeds of both channels: open ones by name, then closed ones. */
export async function listCustomerFeeds(
  db: Queryable,
  input: { customerId: string },
): Promise<CustomerFeed[]> {
  const feeds = [...(await listRutterFeeds(db, input)), ...(await listSageFeeds(db, input))];
  // Stable: what is of one name keeps the order of its channel.
  return feeds
    .sort((one, other) => one.accountName.localeCompare(other.accountName))
    .sort((one, other) => Number(isClosed(one)) - Number(isClosed(other)))
    .slice(0, shownFeedsMax);
}

export function isClosed(feed: CustomerFeed): boolean {
  return feed.channel === 'rutter' ? feed.state === 'closed' : feed.status === 'cancelled';
}

async function listSageFeeds(db: Queryable, input: { customerId: string }): Promise<SageFeed[]> {
  const { rows } = await db.query<SageFeed>(
    `SELECT 'sage-banking' AS channel, a.sage_account_id AS "feedId", a.name AS "accountName",
            a.number_last4 AS "numberLast4", a.bank_name AS "bankName", a.data_provider AS "dataProvider",
            c.name AS "connectionName", a.status, a.reason,
            a.cancel_requested_at IS NOT NULL AS "isDisconnecting", a.requested_start_date AS "requestedStartDate",
            a.last_read_at AS "lastReadAt", a.received::text AS received
       FROM sage_accounts a JOIN sage_companies c USING (connection_id)
      WHERE a.customer_id = $1
      ORDER BY a.status = 'cancelled', a.name, a.created_at, a.sage_account_id LIMIT ${shownFeedsMax}`,
    [input.customerId],
  );
  return rows;
}

async function listRutterFeeds(db: Queryable, input: { customerId: string }): Promise<RutterFeed[]> {
  const { rows } = await db.query<RutterFeed>(
    `SELECT 'rutter' AS channel, f.feed_id AS "feedId", f.account_id AS "accountId", f.connection_id AS "connectionId", f.state, f.reason, a.name AS "accountName", a.number_last4 AS "numberLast4",
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
  /** What an account at Sage became. */
  readonly status: string | null;
}

/** The last `limit` entries of a customer's timeline that are of the given kinds, newest first. */
export async function listCustomerHappenings(
  db: Queryable,
  input: { customerId: string; kinds: readonly string[]; limit: number },
): Promise<CustomerHappening[]> {
  const { rows } = await db.query<CustomerHappening>(
    `SELECT t.kind, t.at, coalesce(a.name, s.name) AS "accountName", t.detail ->> 'delivered' AS delivered,
            t.detail ->> 'to' AS status
       FROM timeline t LEFT JOIN feeds f USING (feed_id) LEFT JOIN accounts a ON a.account_id = f.account_id
            LEFT JOIN sage_accounts s ON s.sage_account_id = t.feed_id
      WHERE t.customer_id = $1 AND t.kind = ANY ($2::text[]) ORDER BY t.entry_id DESC LIMIT $3`,
    [input.customerId, input.kinds, input.limit],
  );
  return rows;
}
