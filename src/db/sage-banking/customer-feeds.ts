import type { StoredReason } from '../../domain/feed-status.js';
import type { SageAccountStatus } from '../../domain/sage-banking/states.js';
import type { Queryable } from '../pool.js';
import type { CustomerFeed } from '../channel.js';

/** An account at another bank, brought into Sage by its Banking Service. */
export interface SageFeed extends CustomerFeed, StoredReason {
  readonly channel: 'sage-banking';
  readonly numberLast4: string | null;
  readonly bankName: string;
  readonly dataProvider: 'indirect' | 'direct';
  /** The Sage company's name. */
  readonly connectionName: string;
  readonly status: SageAccountStatus;
  /** Its cancellation was requested. */
  readonly isDisconnecting: boolean;
  readonly requestedStartDate: string | null;
  readonly lastReadAt: string | null;
  readonly nextReadAt: string | null;
  readonly currency: string | null;
  /** Decimal text, and the day or instant of it as Sage writes it. */
  readonly ledgerBalance: string | null;
  readonly ledgerBalanceDate: string | null;
  /** Transactions in force, decimal text. */
  readonly received: string;
}

export function isSageFeed(feed: CustomerFeed): feed is SageFeed {
  return feed.channel === 'sage-banking';
}

/** A customer's accounts at Sage, open ones by name, then cancelled ones. */
export async function listSageFeeds(
  db: Queryable,
  input: { customerId: string; limit: number },
): Promise<SageFeed[]> {
  const { rows } = await db.query<SageFeed>(
    `SELECT 'sage-banking' AS channel, a.sage_account_id AS "feedId", a.name AS "accountName",
            a.status = 'cancelled' AS "isClosed",
            a.number_last4 AS "numberLast4", a.bank_name AS "bankName", a.data_provider AS "dataProvider",
            c.name AS "connectionName", a.status, a.reason, a.reason_at AS "reasonAt",
            a.degraded_since AS "degradedSince", a.degraded_cause AS "degradedCause", a.next_attempt_at AS "nextAttemptAt",
            a.cancel_requested_at IS NOT NULL AS "isDisconnecting", a.requested_start_date AS "requestedStartDate",
            a.last_read_at AS "lastReadAt", a.next_read_at AS "nextReadAt",
            a.currency, a.ledger_balance AS "ledgerBalance", a.ledger_balance_date AS "ledgerBalanceDate", (a.received - a.received_corrected)::text AS received
       FROM sage_accounts a JOIN sage_companies c USING (connection_id)
      WHERE a.customer_id = $1
      ORDER BY a.status = 'cancelled', a.name, a.created_at, a.sage_account_id LIMIT $2`,
    [input.customerId, input.limit],
  );
  return rows;
}
