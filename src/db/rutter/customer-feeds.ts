import type { ClosedBy, FeedState, TakenStatus } from '../../domain/feed.js';
import type { Degraded, StoredReason } from '../../domain/feed-status.js';
import { rutterFeedStatus } from '../../domain/rutter/feed-status.js';
import { deliveredThroughSql, takenStatusSql } from './taken-postings.js';
import { accountDifferencesSql, type AccountDifference } from '../account-differences-sql.js';
import { startDayOfFeed } from './feeds.js';
import type { Queryable } from '../pool.js';
import type { CustomerFeed } from '../channel.js';

/** One of our own accounts, sent to Sage through Rutter. */
export interface RutterFeed extends CustomerFeed {
  readonly channel: 'rutter';
  readonly accountId: string;
  readonly connectionId: string;
  readonly state: FeedState;
  readonly reason: string | null;
  readonly degraded: Degraded | null;
  /** The last characters of its number; of its IBAN when it has no number. */
  readonly numberLast4: string | null;
  readonly currency: string;
  /** The Sage company's name, if it has one. */
  readonly connectionName: string | null;
  /** Where the connection can be renewed. */
  readonly linkUrl: string | null;
  /** The first booking day that is sent. */
  readonly startDay: string | null;
  /** The zone of the account, else of its customer. */
  readonly timeZone: string | null;
  /** The last day of the account, `YYYY-MM-DD`; null while it is open. */
  readonly accountClosedOn: string | null;
  /** Of a closed feed: who closed it; null for a closed one of an earlier version. */
  readonly closedBy: ClosedBy | null;
  readonly lastSyncedAt: string | null;
  /** Calendar days, see `FeedView`. */
  readonly deliveredThrough: string | null;
  readonly takenThrough: string | null;
  readonly takenStatus: TakenStatus | null;
  /** Postings that were delivered to Rutter, decimal text. */
  readonly deliveredCount: string;
  /** Postings that were quarantined, or that Sage has with other content, decimal text: the bank examines them. */
  readonly quarantinedCount: string;
  /** What Sage shows of the account that is not so any more. */
  readonly accountDifferences: readonly AccountDifference[];
}

export function isRutterFeed(feed: CustomerFeed): feed is RutterFeed {
  return feed.channel === 'rutter';
}

/** A customer's feeds at Rutter, open ones by name, then closed ones. */
export async function listRutterFeeds(
  db: Queryable,
  input: { customerId: string; limit: number },
): Promise<RutterFeed[]> {
  const { rows } = await db.query<Omit<RutterFeed, 'degraded'> & StoredReason>(
    `SELECT 'rutter' AS channel, f.feed_id AS "feedId", f.account_id AS "accountId",
            f.connection_id AS "connectionId", f.operator = 'closed' AS "isClosed", f.state, f.reason, f.reason_at AS "reasonAt",
            f.degraded_since AS "degradedSince", f.degraded_cause AS "degradedCause", f.next_attempt_at AS "nextAttemptAt",
            a.name AS "accountName", coalesce(a.number_last4, a.iban_last4) AS "numberLast4", a.currency,
            a.closed_on AS "accountClosedOn", f.closed_by AS "closedBy",
            c.name AS "connectionName", c.link_url AS "linkUrl",
            ${startDayOfFeed} AS "startDay", coalesce(a.time_zone, cu.time_zone) AS "timeZone",
            f.last_synced_at AS "lastSyncedAt",
            ${deliveredThroughSql('f')} AS "deliveredThrough", f.taken_through AS "takenThrough",
            ${takenStatusSql('f')} AS "takenStatus",
            (SELECT coalesce(sum(delivered_count), 0)::text FROM batches b
              WHERE b.feed_id = f.feed_id AND b.state = 'delivered') AS "deliveredCount",
            (SELECT count(*)::text FROM ledger l
              WHERE l.feed_id = f.feed_id AND l.exception IN ('quarantined', 'conflict')) AS "quarantinedCount",
            ${accountDifferencesSql('f')} AS "accountDifferences"
       FROM feeds f JOIN accounts a USING (account_id) JOIN connections c USING (connection_id)
       JOIN customers cu ON cu.customer_id = f.customer_id
      WHERE f.customer_id = $1
      ORDER BY f.operator = 'closed', a.name, f.created_at, f.feed_id LIMIT $2`,
    [input.customerId, input.limit],
  );
  return rows.map((row) => ({ ...row, ...rutterFeedStatus(row) }));
}
