import { accountsAlertedMax, serviceSubject } from '../../domain/alerts.js';
import type { IngestionProblemKind } from '../../domain/ingestion-problem.js';
import type { AcknowledgedAlert, AlertCondition } from '../channel.js';
import { isoText, type Queryable } from '../pool.js';

/** Items of core banking that were not taken: an alert until an operator acknowledges it. */
export const ingestionAlertConditions: readonly AlertCondition[] = [
  condition('postings_rejected', 'rejected'),
  condition('postings_conflicting', 'conflicting'),
];

/**
 * One alert an account, about its newest open feed if it has one; with many accounts one summary in their place. `total`
 * is what an acknowledgement covers.
 */
function condition(code: AlertCondition['code'], kind: IngestionProblemKind): AlertCondition {
  return {
    code,
    takesInterval: false,
    sql: `WITH open_problems AS MATERIALIZED (
            SELECT i.account_id, a.customer_id, i.count, i.count - i.acknowledged_count AS new_count, i.first_at, i.last_at
              FROM ingestion_problems i JOIN accounts a USING (account_id)
             WHERE i.kind = '${kind}' AND i.count > i.acknowledged_count
          ), sized AS (SELECT count(*) AS accounts FROM open_problems)
          SELECT p.account_id AS subject, f.feed_id, f.connection_id, p.customer_id,
                 jsonb_build_object('account_id', p.account_id, 'count', p.new_count, 'total', p.count,
                                    'since', ${isoText('p.first_at')}, 'first_at', ${isoText('p.first_at')}, 'last_at', ${isoText('p.last_at')}) AS detail
            FROM open_problems p LEFT JOIN LATERAL (
                   SELECT feed_id, connection_id FROM feeds
                    WHERE account_id = p.account_id AND operator <> 'closed' ORDER BY created_at DESC, feed_id LIMIT 1
                 ) f ON true
           WHERE (SELECT accounts FROM sized) <= ${accountsAlertedMax}
          UNION ALL
          SELECT '${serviceSubject}', NULL, NULL, NULL,
                 jsonb_build_object('accounts', count(*), 'count', sum(new_count), 'since', ${isoText('min(first_at)')}, 'last_at', ${isoText('max(last_at)')},
                                    'account_ids', ARRAY(SELECT account_id FROM open_problems
                                                          ORDER BY last_at DESC, account_id LIMIT ${accountsAlertedMax}))
            FROM open_problems HAVING count(*) > ${accountsAlertedMax}`,
    acknowledge: (db, alert) => acknowledge(db, kind, alert),
  };
}

/** Of an account up to the reported count; of a summary every account that has nothing newer than its last review. */
async function acknowledge(
  db: Queryable,
  kind: IngestionProblemKind,
  { detail, lastAt }: AcknowledgedAlert,
): Promise<void> {
  const { account_id: accountId, total } = detail;
  if (typeof accountId === 'string') {
    await db.query(
      `UPDATE ingestion_problems SET acknowledged_count = greatest(acknowledged_count, $3::bigint), acknowledged_at = now()
        WHERE account_id = $1 AND kind = $2`,
      [accountId, kind, total],
    );
    return;
  }
  await db.query(
    `UPDATE ingestion_problems SET acknowledged_count = count, acknowledged_at = now()
      WHERE kind = $1 AND count > acknowledged_count AND last_at <= $2::timestamptz`,
    [kind, lastAt],
  );
}
