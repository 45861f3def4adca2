import type { AlertCode } from '../domain/alerts.js';
import type { Queryable } from './pool.js';

/** An alert as operators see it. `detail` holds ids, counts and codes. */
export interface AlertView {
  /** Decimal text. */
  readonly alertId: string;
  readonly code: AlertCode;
  readonly subject: string;
  readonly feedId: string | null;
  readonly connectionId: string | null;
  readonly customerId: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly raisedAt: string;
  readonly lastAt: string;
  readonly endedAt: string | null;
  /** Null when it is open or ended by itself. */
  readonly acknowledgedAt: string | null;
  readonly acknowledgedReason: string | null;
}

const columns = `alert_id AS "alertId", code, subject, feed_id AS "feedId", connection_id AS "connectionId",
            customer_id AS "customerId", detail, raised_at AS "raisedAt", last_at AS "lastAt", ended_at AS "endedAt",
            acknowledged_at AS "acknowledgedAt", acknowledged_reason AS "acknowledgedReason"`;

/** The alert, or null when there is none. */
export async function readAlert(db: Queryable, input: { alertId: string }): Promise<AlertView | null> {
  const { rows } = await db.query<AlertView>(`SELECT ${columns} FROM alerts WHERE alert_id = $1`, [
    input.alertId,
  ]);
  return rows[0] ?? null;
}

/** Up to `limit` alerts older than `beforeAlertId`, newest first; ended ones only when asked for. */
export async function listAlerts(
  db: Queryable,
  input: {
    ended: boolean;
    /** All unless given. */
    codes?: readonly AlertCode[] | undefined;
    feedId?: string | undefined;
    beforeAlertId?: string | undefined;
    limit: number;
  },
): Promise<AlertView[]> {
  const { rows } = await db.query<AlertView>(
    `SELECT ${columns}
       FROM alerts
      WHERE ${input.ended ? 'true' : 'ended_at IS NULL'} AND ($1::text[] IS NULL OR code = ANY ($1))
        AND ($2::uuid IS NULL OR feed_id = $2) AND ($3::bigint IS NULL OR alert_id < $3)
      ORDER BY alert_id DESC LIMIT $4`,
    [input.codes ?? null, input.feedId ?? null, input.beforeAlertId ?? null, input.limit],
  );
  return rows;
}
